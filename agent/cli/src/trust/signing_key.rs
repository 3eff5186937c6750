//! The key with which git signs for this person.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::TrustError;
use super::programs::{self, Git};

/// Where ssh-keygen puts keys, the best first.
const USUAL: [&str; 4] = ["id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_rsa"];

/// An SSH key that git can sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKey {
    /// Type and key, as they stand in a public key's file: `ssh-ed25519 AAAA...`.
    pub(crate) public: String,
    /// What git calls it (`user.signingkey`).
    pub(crate) name: String,
}

// === impl SigningKey ===

impl SigningKey {
    /// The key that git would sign with, or the one that a person most likely means; none when there is no key.
    pub(crate) fn usual(git: &Git) -> Result<Option<Self>, TrustError> {
        if git.setting("gpg.format").as_deref() == Some("ssh")
            && let Some(name) = git.setting("user.signingkey")
        {
            return match name.strip_prefix("key::").unwrap_or(&name) {
                literal if literal.starts_with("ssh-") => Self::literal(literal).map(Some),
                _ => {
                    let path = git.path_setting("user.signingkey");
                    Self::of_file(&path.unwrap_or_else(|| PathBuf::from(name))).map(Some)
                }
            };
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
            public: type_and_key(&text)?,
            name: path.display().to_string(),
        })
    }

    /// The same git, signing with this key.
    pub(crate) fn signs(&self, git: Git) -> Git {
        git.with("gpg.format=ssh".to_owned())
            .with(format!("user.signingkey={}", self.name))
    }

    fn literal(text: &str) -> Result<Self, TrustError> {
        let public = type_and_key(text)?;
        Ok(Self {
            name: format!("key::{public}"),
            public,
        })
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
