//! The file's text: TOML in which nothing unknown may stand, since what is not understood may be what limits.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::glob::Glob;
use super::{Charter, Closed, Duty, POLICY_FILE, Principal, Revocation};
use crate::{AllowedSigners, Signers};

/// Largest file that is read: a thousand keys.
const MAX_BYTES: usize = 1024 * 1024;

/// Why a `windlass.policy` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{POLICY_FILE}: {0}")]
pub struct CharterError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u64,
    /// One where it is not given.
    threshold: Option<u8>,
    #[serde(default)]
    unrendered: Vec<String>,
    heartbeat: Option<WrittenHeartbeat>,
    #[serde(default)]
    principal: Vec<WrittenPrincipal>,
    #[serde(default)]
    revoked: Vec<WrittenRevocation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHeartbeat {
    /// Those of the roots count in any case.
    #[serde(default)]
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrincipal {
    name: String,
    /// Any change where it is not given.
    role: Option<WrittenRole>,
    /// Every path where it is not given.
    paths: Option<Vec<String>>,
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenRole {
    Bump,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRevocation {
    key: String,
    #[serde(rename = "as")]
    how: WrittenKind,
    /// For people.
    #[serde(default)]
    #[expect(dead_code, reason = "it may stand in the file and is for people")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenKind {
    Soft,
    Hard,
}

pub(super) fn read(bytes: &[u8]) -> Result<Charter, CharterError> {
    if bytes.len() > MAX_BYTES {
        return Err(CharterError(format!("larger than {MAX_BYTES} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| CharterError(error.to_string()))?;
    let document: Document = toml::from_str(text)
        .map_err(|error| CharterError(error.to_string().trim_end().to_owned()))?;
    if document.version == 0 {
        return Err(CharterError("version must be 1 or more".to_owned()));
    }
    let threshold = usize::from(document.threshold.unwrap_or(1));
    if threshold == 0 {
        let why = "threshold must be 1 or more: it is how many pinned keys have to sign a change of this file";
        return Err(CharterError(why.to_owned()));
    }
    let closed =
        globs(&document.unrendered).map_err(|why| CharterError(format!("unrendered: {why}")))?;
    let mut charter = Charter {
        version: document.version,
        threshold,
        closed: Closed(closed),
        heartbeat: document.heartbeat.map(heartbeat).transpose()?,
        principals: Vec::new(),
        signers: Signers::default(),
        owners: BTreeMap::new(),
        revoked: BTreeMap::new(),
    };
    for written in document.principal {
        add(&mut charter, written)?;
    }
    for revocation in document.revoked {
        let how = match revocation.how {
            WrittenKind::Soft => Revocation::Soft,
            WrittenKind::Hard => Revocation::Hard,
        };
        check_fingerprint(&revocation.key)?;
        charter.revoked.insert(revocation.key, how);
    }
    Ok(charter)
}

fn add(charter: &mut Charter, written: WrittenPrincipal) -> Result<(), CharterError> {
    let name = written.name;
    let wrong = |why: String| CharterError(format!("principal {name:?}: {why}"));
    if !is_name(&name) {
        let why = "a name has 1 to 64 letters, digits and the characters . _ - + @";
        return Err(wrong(why.to_owned()));
    }
    if charter.principals.iter().any(|known| known.name == name) {
        return Err(wrong(
            "it stands there twice; put its keys together".to_owned(),
        ));
    }
    if written.keys.is_empty() {
        return Err(wrong("it has no keys".to_owned()));
    }
    let paths = written.paths.unwrap_or_else(|| vec!["**".to_owned()]);
    let paths = globs(&paths).map_err(wrong)?;
    let duty = match written.role {
        None => Duty::Sign,
        Some(WrittenRole::Bump) => Duty::Bump,
    };
    let number = charter.principals.len();
    for key in &written.keys {
        let signers = signers(&name, key).map_err(wrong)?;
        for signer in signers.keys() {
            if charter.owners.insert(signer.key.clone(), number).is_some() {
                return Err(wrong(format!("key {} stands there twice", signer.key)));
            }
        }
        charter.signers.add_all(signers);
    }
    charter.principals.push(Principal { name, duty, paths });
    Ok(())
}

fn heartbeat(written: WrittenHeartbeat) -> Result<Signers, CharterError> {
    let mut all = Signers::default();
    for key in &written.keys {
        let signers = signers("heartbeat", key);
        all.add_all(signers.map_err(|why| CharterError(format!("heartbeat: {why}")))?);
    }
    Ok(all)
}

fn globs(paths: &[String]) -> Result<Vec<Glob>, String> {
    paths.iter().map(|path| Glob::parse(path)).collect()
}

/// Reads one key: an SSH public key in one line, or an armoured OpenPGP certificate.
fn signers(name: &str, key: &str) -> Result<Signers, String> {
    let key = key.trim();
    if key.starts_with("-----BEGIN PGP ") {
        let mut signers = Signers::default();
        signers.add_certificates(key.as_bytes())?;
        return Ok(signers);
    }
    let is_key = ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|kind| key.starts_with(kind));
    if !is_key || key.contains(['\n', '\r']) {
        return Err(format!(
            "{key:?} is no key; write the line of a .pub file, or an armoured OpenPGP certificate"
        ));
    }
    let allowed = AllowedSigners::parse(&format!("{name} {key}")).map_err(|error| error.message)?;
    Ok(allowed.into())
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

fn check_fingerprint(key: &str) -> Result<(), CharterError> {
    let ssh = key
        .strip_prefix("SHA256:")
        .is_some_and(|digits| digits.len() == 43);
    let openpgp = key.len() >= 40
        && key
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if ssh || openpgp {
        return Ok(());
    }
    Err(CharterError(format!(
        "revoked key {key:?} is no fingerprint; write SHA256:… as ssh-keygen -l prints it, or the upper case digits \
         that gpg --fingerprint prints, without spaces"
    )))
}
