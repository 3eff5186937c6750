//! The key with which git signs for this person.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::TrustError;
use super::programs::{self, Git};

/// Git's word for OpenPGP (`gpg.format`), which is also what it means when it is not told.
const OPENPGP: &str = "openpgp";

/// Where ssh-keygen puts keys, the best first.
const USUAL: [&str; 4] = ["id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_rsa"];

/// A key that git can sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKey {
    pub(crate) public: Public,
    /// What git calls it (`user.signingkey`).
    pub(crate) name: String,
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Public {
    /// Type and key, as they stand in a public key's file: `ssh-ed25519 AAAA...`.
    Ssh(String),
    /// The OpenPGP certificate, armoured.
    OpenPgp(String),
}

// === impl SigningKey ===

impl SigningKey {
    /// The key that git would sign with, or the one that a person most likely means; none when there is no key.
    pub(crate) fn usual(git: &Git) -> Result<Option<Self>, TrustError> {
        let format = git.setting("gpg.format");
        let name = git.setting("user.signingkey");
        match (format.as_deref(), name) {
            (Some("ssh"), Some(name)) => return Self::of_setting(git, &name).map(Some),
            (None | Some(OPENPGP), Some(name)) => return Self::named(git, &name).map(Some),
            (Some(OPENPGP), None) => {
                if let Some(email) = git.setting("user.email") {
                    return Self::certificate(git, &email).map(Some);
                }
            }
            _ => {}
        }
        let home = std::env::home_dir().unwrap_or_default();
        let mut usual = USUAL.iter().map(|name| home.join(".ssh").join(name));
        if let Some(path) = usual.find(|path| path.with_extension("pub").exists()) {
            return Self::of_file(&path).map(Some);
        }
        match programs::agent_keys().first() {
            Some(key) => Self::literal(key).map(Some),
            None => Ok(None),
        }
    }

    /// The key that a person names: the file of an SSH key, or an OpenPGP key as gpg knows it.
    pub(crate) fn named(git: &Git, name: &str) -> Result<Self, TrustError> {
        let path = expanded(name);
        if is_openpgp(name) && !path.exists() {
            return Self::certificate(git, name);
        }
        Self::of_file(&path)
    }

    /// The format in git's words (`gpg.format`).
    pub(crate) fn format(&self) -> &'static str {
        match self.public {
            Public::Ssh(_) => "ssh",
            Public::OpenPgp(_) => OPENPGP,
        }
    }

    fn of_setting(git: &Git, name: &str) -> Result<Self, TrustError> {
        match name.strip_prefix("key::").unwrap_or(name) {
            literal if literal.starts_with("ssh-") => Self::literal(literal),
            _ => {
                let path = git.path_setting("user.signingkey");
                Self::of_file(&path.unwrap_or_else(|| PathBuf::from(name)))
            }
        }
    }

    fn certificate(git: &Git, name: &str) -> Result<Self, TrustError> {
        Ok(Self {
            public: Public::OpenPgp(git.exported_certificate(name)?),
            name: name.to_owned(),
        })
    }

    /// The key in a file: either half of it, or a security key's handle.
    pub(crate) fn of_file(path: &Path) -> Result<Self, TrustError> {
        let mut public = path.to_owned();
        if path.extension().is_none_or(|extension| extension != "pub") {
            public.as_mut_os_string().push(".pub");
        }
        let text = fs::read_to_string(&public).map_err(|source| TrustError::Wanted {
            what: format!("{}: {source}", public.display()),
            next: "make a key with `ssh-keygen -t ed25519`, or name another one".to_owned(),
        })?;
        let path = fs::canonicalize(&public).unwrap_or(public);
        Ok(Self {
            public: Public::Ssh(type_and_key(&text)?),
            name: path.display().to_string(),
        })
    }

    /// A git that signs with the key that a person names, or as it always does.
    pub(crate) fn signing(git: &Git, name: Option<&str>) -> Result<Git, TrustError> {
        match name {
            Some(name) => Ok(Self::named(git, name)?.signs(git.clone())),
            None => Ok(git.clone()),
        }
    }

    /// The same git, signing with this key.
    pub(crate) fn signs(&self, git: Git) -> Git {
        git.with(format!("gpg.format={}", self.format()))
            .with(format!("user.signingkey={}", self.name))
    }

    fn literal(text: &str) -> Result<Self, TrustError> {
        let public = type_and_key(text)?;
        Ok(Self {
            name: format!("key::{public}"),
            public: Public::Ssh(public),
        })
    }
}

/// Whether gpg would know a key by this: the digits of its id, or a mail address.
fn is_openpgp(name: &str) -> bool {
    let digits = name.strip_prefix("0x").unwrap_or(name);
    let digits = digits.strip_suffix('!').unwrap_or(digits);
    let is_id =
        (8..=40).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id || (name.contains('@') && !name.contains('/'))
}

/// `~/` as the shell expands it; an answer does not pass through a shell.
pub(crate) fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// Cuts the comment off a public key, so that only what counts is written down.
pub(crate) fn type_and_key(text: &str) -> Result<String, TrustError> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(key))
            if kind.starts_with("ssh-") || kind.contains("ecdsa") || kind.starts_with("sk-") =>
        {
            Ok(format!("{kind} {key}"))
        }
        _ => Err(TrustError::Usage(
            "that is no public SSH key (ssh-ed25519 AAAA...)".to_owned(),
        )),
    }
}
