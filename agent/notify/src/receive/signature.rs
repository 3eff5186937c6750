//! Tokens and signatures, compared in a time that does not depend on where they differ.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2_new::{Sha256, Sha512};

use super::{Incoming, Refused, media_type, refused};

/// A signature as GitHub writes it: the hash, `=`, and the digits.
pub(super) fn check(token: &[u8], signature: &[u8], body: &[u8]) -> Result<(), Refused> {
    let text = std::str::from_utf8(signature).unwrap_or_default();
    let Some((hash, digits)) = text.split_once('=') else {
        return refused("the signature is not of the form hash=digits");
    };
    let Ok(given) = hex::decode(digits) else {
        return refused("the signature has other than hexadecimal digits");
    };
    let fits = match hash {
        "sha1" => is_signed::<Hmac<Sha1>>(token, body, &given),
        "sha256" => is_signed::<Hmac<Sha256>>(token, body, &given),
        "sha512" => is_signed::<Hmac<Sha512>>(token, body, &given),
        _ => return refused("the signature is of another hash than sha1, sha256 and sha512"),
    };
    if fits {
        Ok(())
    } else {
        refused("the signature is not that of the token")
    }
}

/// GitHub's headers, and what speaks like it.
pub(super) fn check_payload(token: &[u8], request: Incoming<'_>) -> Result<(), Refused> {
    let type_ = media_type(&String::from_utf8_lossy(request.header("content-type")));
    let types = ["application/json", "application/x-www-form-urlencoded"];
    if !types.contains(&type_.as_str()) {
        return refused(&format!("the content type {type_:?} is none that is sent"));
    }
    let signature = match request.header("x-hub-signature-256") {
        b"" => request.one("x-hub-signature")?,
        signature => signature,
    };
    check(token, signature, request.body)
}

/// Nexus signs with SHA-1 and gives the digits alone.
pub(super) fn check_nexus(token: &[u8], digits: &[u8], body: &[u8]) -> Result<(), Refused> {
    let given = hex::decode(digits).unwrap_or_default();
    if is_signed::<Hmac<Sha1>>(token, body, &given) {
        Ok(())
    } else {
        refused("the signature is not that of the token")
    }
}

/// A token that is sent as it is. Both are hashed with a key before they are compared, so that not even the length
/// can be measured.
pub(super) fn equal(token: &[u8], given: &[u8]) -> Result<(), Refused> {
    let digest = |of: &[u8]| {
        let mut mac = keyed::<Hmac<Sha256>>(token);
        mac.update(of);
        mac
    };
    let expected = digest(token).finalize().into_bytes();
    if digest(given).verify_slice(&expected).is_ok() {
        Ok(())
    } else {
        refused("the token is another one")
    }
}

fn is_signed<Hash: Mac + KeyInit>(token: &[u8], body: &[u8], given: &[u8]) -> bool {
    let mut mac = keyed::<Hash>(token);
    mac.update(body);
    mac.verify_slice(given).is_ok()
}

fn keyed<Hash: Mac + KeyInit>(token: &[u8]) -> Hash {
    <Hash as KeyInit>::new_from_slice(token).expect("a key of any length")
}
