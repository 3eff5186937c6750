//! `.prov` files: what somebody signed of a packaged chart (helm.sh/helm/v4 pkg/provenance).
//!
//! The file is a text in OpenPGP's cleartext form (RFC 9580, section 7): the chart's Chart.yaml, a line `...`, and the SHA-256 of
//! the package by its name.

use crate::openpgp::{any_keyring, judge};
use crate::signature::{Signed, When};
use crate::sshsig::Namespace;
use crate::{ContentDigest, RefusalReason, Signer};

/// Bytes of a file: a Chart.yaml and a signature.
const MAX_BYTES: usize = 1024 * 1024;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// Why a package does not count as signed.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// The file is none.
    #[error("it is no signed text as `helm package --sign` writes it: {0}")]
    Text(&'static str),
    /// The keyring cannot be read.
    #[error("the keyring: {0}")]
    Keyring(String),
    /// The signature does not count.
    #[error("its signature does not count: {0}")]
    Signature(RefusalReason),
    /// It is about other files.
    #[error("it says nothing of {0}")]
    NotNamed(String),
    /// The package is another one.
    #[error("it says that {file} is {said}, and it is {found}")]
    OtherBytes {
        /// The package's name.
        file: String,
        /// What was signed.
        said: String,
        /// What is there.
        found: ContentDigest,
    },
}

/// Gives who signed that a package of this name has this digest. `keyring` is what `gpg --export` prints, armoured or not;
/// `now` in seconds since 1970: keys must be valid by then.
///
/// # Errors
/// Nobody of the keyring signed that.
pub fn verify_provenance(
    provenance: &[u8],
    keyring: &[u8],
    (file, found): (&str, ContentDigest),
    now: i64,
) -> Result<Signer, ProvenanceError> {
    let certificates = any_keyring(keyring).map_err(ProvenanceError::Keyring)?;
    let (text, armour) = cleartext(provenance).map_err(ProvenanceError::Text)?;
    let signed = Signed {
        payload: (text.as_bytes(), &[]),
        armour: armour.as_bytes(),
        namespace: Namespace::Git,
        when: When {
            claimed: now,
            latest: now,
        },
    };
    let signer = judge(&signed, &certificates).map_err(ProvenanceError::Signature)?;
    let said = sum(&text, file).ok_or_else(|| ProvenanceError::NotNamed(file.to_owned()))?;
    match said == found.to_string() {
        true => Ok(signer),
        false => Err(ProvenanceError::OtherBytes {
            file: file.to_owned(),
            said: said.to_owned(),
            found,
        }),
    }
}

/// The text as it was signed, and the armour of its signature. Nothing may stand before it.
fn cleartext(bytes: &[u8]) -> Result<(String, String), &'static str> {
    if bytes.len() > MAX_BYTES {
        return Err("it is larger than any");
    }
    let all = std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8")?;
    let all = all.replace("\r\n", "\n");
    let (head, signature) = all
        .split_once(&format!("\n{SIGNATURE}\n"))
        .ok_or("it has no signature")?;
    let mut lines = head.split('\n');
    if lines.next() != Some(BEGIN) {
        return Err("its first line is another one");
    }
    loop {
        match lines.next() {
            Some("") => break,
            Some(line) if line.starts_with("Hash: ") => {}
            _ => return Err("an empty line is missing before its text"),
        }
    }
    let mut text = Vec::new();
    for line in lines {
        let line = match line.strip_prefix("- ") {
            Some(escaped) => escaped,
            None if line.starts_with('-') => return Err("a line begins with an unescaped dash"),
            None => line,
        };
        text.push(line.trim_end_matches([' ', '\t']));
    }
    Ok((text.join("\r\n"), format!("{SIGNATURE}\n{signature}")))
}

/// What the signed text says of a file, which it must name once.
fn sum<'t>(text: &'t str, file: &str) -> Option<&'t str> {
    let (_, sums) = text.split_once("\r\n...\r\n")?;
    let mut lines = sums.split("\r\n");
    lines.by_ref().find(|line| *line == "files:")?;
    let entries = lines.take_while(|line| line.starts_with(' '));
    let mut of_file = entries.filter_map(|line| {
        let (name, sum) = line.trim().rsplit_once(": ")?;
        (name.trim_matches(['"', '\'']) == file).then_some(sum)
    });
    match (of_file.next(), of_file.next()) {
        (Some(sum), None) => Some(sum),
        _ => None,
    }
}
