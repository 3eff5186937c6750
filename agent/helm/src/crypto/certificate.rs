//! X.509 certificates as Go's crypto/x509 writes them for Sprig.

use std::net::IpAddr;

use rsa_new::sha2::{Digest, Sha256};

use crate::crypto::der::{
    self, BIT_STRING, BOOLEAN, GENERAL_TIME, INTEGER, OBJECT_ID, OCTET_STRING, PRINTABLE, SEQUENCE,
    SET, UTC_TIME, UTF8,
};
use crate::crypto::key::Key;
use crate::crypto::pem;
use crate::time::{self, Time};

/// What a certificate says.
pub(crate) struct Subject {
    pub(crate) common_name: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) names: Vec<String>,
    pub(crate) serial: [u8; 16],
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
    pub(crate) is_authority: bool,
}

/// Who signs.
pub(crate) struct Issuer {
    /// Its name, as DER.
    name: Vec<u8>,
    /// Its key's identifier, empty when it has none.
    key_id: Vec<u8>,
}

/// 2.5.4.3
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
/// 2.5.29.x
const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
const EXTENDED_KEY_USAGE: &[u8] = b"\x55\x1d\x25";
const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
const SUBJECT_KEY_ID: &[u8] = b"\x55\x1d\x0e";
const AUTHORITY_KEY_ID: &[u8] = b"\x55\x1d\x23";
const ALTERNATIVE_NAMES: &[u8] = b"\x55\x1d\x11";
/// 1.3.6.1.5.5.7.3.1 and 2
const SERVER_AUTHENTICATION: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x01";
const CLIENT_AUTHENTICATION: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x02";

/// Makes a certificate for a key, signed by another (or itself, with no issuer); gives PEM.
pub(crate) fn issue(
    subject: &Subject,
    key: &Key,
    issuer: Option<&Issuer>,
    signer: &Key,
) -> Result<String, String> {
    let name = distinguished_name(&subject.common_name);
    let public_key = key.public_key()?;
    let own_id = if subject.is_authority {
        key_id(&public_key)
    } else {
        Vec::new()
    };
    let issuer_name = issuer.map_or(&name, |issuer| &issuer.name);
    let issuer_id = issuer.filter(|issuer| issuer.name != name);
    let issuer_id = issuer_id.map_or(&[][..], |issuer| &issuer.key_id);
    let algorithm = signer.signature_algorithm();
    let body = der::element(
        SEQUENCE,
        &[
            &der::element(0xa0, &[&der::integer(&[2])]),
            &der::integer(&subject.serial),
            algorithm,
            issuer_name,
            &der::element(
                SEQUENCE,
                &[&instant(&subject.not_before), &instant(&subject.not_after)],
            ),
            &name,
            &public_key,
            &der::element(0xa3, &[&extensions(subject, &own_id, issuer_id)]),
        ],
    );
    let signature = signer.sign(&body)?;
    let whole = der::element(SEQUENCE, &[&body, algorithm, &der::bits(&signature)]);
    Ok(pem::encode("CERTIFICATE", &whole))
}

/// The issuer that a certificate in PEM stands for.
pub(crate) fn issuer(certificate: &str) -> Result<Issuer, String> {
    let Some((_, der)) = pem::decode(certificate) else {
        return Err("unable to decode certificate".to_owned());
    };
    parse(&der).ok_or_else(|| {
        "error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate".to_owned()
    })
}

/// Whether DER is a certificate, by its outer form.
pub(crate) fn is_certificate(der: &[u8]) -> bool {
    parse(der).is_some()
}

fn parse(der: &[u8]) -> Option<Issuer> {
    let outer = der::read(der).filter(|outer| outer.tag == SEQUENCE && outer.rest.is_empty())?;
    let [body, _, signature] = &der::children(outer.content)[..] else {
        return None;
    };
    if signature.tag != BIT_STRING {
        return None;
    }
    let fields = der::children(body.content);
    // A version may stand before the serial number.
    let start = fields.iter().position(|field| field.tag == INTEGER)?;
    let name = fields.get(start + 4).filter(|name| name.tag == SEQUENCE)?;
    fields.get(start + 5)?;
    let extensions = fields.iter().find(|field| field.tag == 0xa3);
    let list = extensions.and_then(|extensions| der::read(extensions.content));
    let list = list.map_or_else(Vec::new, |list| der::children(list.content));
    let key_id = list.iter().find_map(|extension| {
        let parts = der::children(extension.content);
        let is_key_id = parts.first().is_some_and(|id| id.content == SUBJECT_KEY_ID);
        let value = parts.last().filter(|_| is_key_id)?;
        Some(der::read(value.content)?.content.to_vec())
    });
    Some(Issuer {
        name: name.whole.to_vec(),
        key_id: key_id.unwrap_or_default(),
    })
}

fn distinguished_name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return der::element(SEQUENCE, &[]);
    }
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if common_name.bytes().all(printable) {
        PRINTABLE
    } else {
        UTF8
    };
    let attribute = der::element(
        SEQUENCE,
        &[
            &der::element(OBJECT_ID, &[COMMON_NAME]),
            &der::element(tag, &[common_name.as_bytes()]),
        ],
    );
    der::element(SEQUENCE, &[&der::element(SET, &[&attribute])])
}

/// RFC 7093's first way: the start of the SHA-256 of the key's bits.
fn key_id(public_key: &[u8]) -> Vec<u8> {
    let bits = der::read(public_key).and_then(|outer| {
        let parts = der::children(outer.content);
        Some(parts.last()?.content.get(1..)?.to_vec())
    });
    let digest = Sha256::digest(bits.unwrap_or_default());
    digest.iter().copied().take(20).collect()
}

fn instant(instant: &Time) -> Vec<u8> {
    let utc = instant.in_zone("UTC");
    let year = utc.zoned().year();
    if (1950..2050).contains(&year) {
        let text = time::format(&utc, "060102150405Z");
        return der::element(UTC_TIME, &[text.as_bytes()]);
    }
    let text = time::format(&utc, "20060102150405Z");
    der::element(GENERAL_TIME, &[text.as_bytes()])
}

fn extensions(subject: &Subject, own_id: &[u8], issuer_id: &[u8]) -> Vec<u8> {
    // Bits from the left: digital signature, key encipherment, and for an authority certificates' signature.
    let usage: &[u8] = if subject.is_authority {
        &[2, 0b1010_0100]
    } else {
        &[5, 0b1010_0000]
    };
    let purposes = der::element(
        SEQUENCE,
        &[
            &der::element(OBJECT_ID, &[SERVER_AUTHENTICATION]),
            &der::element(OBJECT_ID, &[CLIENT_AUTHENTICATION]),
        ],
    );
    let authority = der::element(BOOLEAN, &[&[0xff]]);
    let constraints: &[&[u8]] = if subject.is_authority {
        &[&authority]
    } else {
        &[]
    };
    let mut list = vec![
        extension(KEY_USAGE, true, &der::element(BIT_STRING, &[usage])),
        extension(EXTENDED_KEY_USAGE, false, &purposes),
        extension(
            BASIC_CONSTRAINTS,
            true,
            &der::element(SEQUENCE, constraints),
        ),
    ];
    if !own_id.is_empty() {
        let id = der::element(OCTET_STRING, &[own_id]);
        list.push(extension(SUBJECT_KEY_ID, false, &id));
    }
    if !issuer_id.is_empty() {
        let id = der::element(SEQUENCE, &[&der::element(0x80, &[issuer_id])]);
        list.push(extension(AUTHORITY_KEY_ID, false, &id));
    }
    let mut names = Vec::new();
    for name in &subject.names {
        names.extend(der::element(0x82, &[name.as_bytes()]));
    }
    for address in &subject.addresses {
        names.extend(match address {
            IpAddr::V4(address) => der::element(0x87, &[&address.octets()]),
            IpAddr::V6(address) => der::element(0x87, &[&address.octets()]),
        });
    }
    if !names.is_empty() {
        let names = der::element(SEQUENCE, &[&names]);
        // Without a subject the names are all there is, so they are critical.
        let critical = subject.common_name.is_empty();
        list.push(extension(ALTERNATIVE_NAMES, critical, &names));
    }
    der::element(SEQUENCE, &[&list.concat()])
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical {
        der::element(BOOLEAN, &[&[0xff]])
    } else {
        Vec::new()
    };
    der::element(
        SEQUENCE,
        &[
            &der::element(OBJECT_ID, &[id]),
            &critical,
            &der::element(OCTET_STRING, &[value]),
        ],
    )
}
