//! `windlass.lock`: what somebody looked at and signed for, by its content.
//!
//! The file is at the root of a repository. Whoever signs the commit vouches for what the file pins, so the sources that
//! the same repository makes may come from places whose own commits nobody we know signs. docs/lock.md describes it.

use serde::Deserialize;
use windlass_api::git_repository::{DEFAULT_BRANCH, GitRepositoryRef};
use windlass_trust::Oid;

/// The file's name.
pub(crate) const LOCK_FILE: &str = "windlass.lock";

/// The version of the format that is read.
const VERSION: u64 = 1;

/// A thousand pins are a large cluster; each takes some two hundred bytes.
const BYTE_LIMIT: usize = 1024 * 1024;

/// What the file pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LockFile {
    git: Vec<GitPin>,
}

/// One `[[git]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct GitPin {
    url: String,
    /// As `spec.ref` has it: branch, tag, range of versions or full name.
    #[serde(rename = "ref")]
    reference: String,
    commit: Oid,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum LockError {
    #[error("{LOCK_FILE}: {0}")]
    Syntax(String),
    #[error("{LOCK_FILE}: version {0} is not known, only {VERSION}; install a newer windlass")]
    Version(u64),
    #[error("{LOCK_FILE}: larger than {BYTE_LIMIT} bytes")]
    TooLarge,
    #[error("{LOCK_FILE}: {url} with ref {reference:?} is pinned to two commits; keep one of them")]
    Twice { url: String, reference: String },
}

/// What may stand in the file; sections of other rooms are theirs to read.
#[derive(Deserialize)]
struct Document {
    version: u64,
    #[serde(default)]
    git: Vec<GitPin>,
}

// === impl LockFile ===

impl LockFile {
    /// Reads the file.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        if bytes.len() > BYTE_LIMIT {
            return Err(LockError::TooLarge);
        }
        let text =
            std::str::from_utf8(bytes).map_err(|error| LockError::Syntax(error.to_string()))?;
        let document: Document = toml::from_str(text)
            .map_err(|error| LockError::Syntax(error.to_string().trim_end().to_owned()))?;
        if document.version != VERSION {
            return Err(LockError::Version(document.version));
        }
        for (index, pin) in document.git.iter().enumerate() {
            let same = |other: &GitPin| {
                (&other.url, &other.reference) == (&pin.url, &pin.reference)
                    && other.commit != pin.commit
            };
            if document.git.iter().skip(index).any(same) {
                let (url, reference) = (pin.url.clone(), pin.reference.clone());
                return Err(LockError::Twice { url, reference });
            }
        }
        Ok(LockFile { git: document.git })
    }

    /// The commit that is pinned for a source, if one is.
    pub(crate) fn git(&self, url: &str, reference: Option<&GitRepositoryRef>) -> Option<Oid> {
        let reference = followed(reference);
        let found = self
            .git
            .iter()
            .find(|pin| pin.url == url && pin.reference == reference)?;
        Some(found.commit)
    }
}

/// What a source follows, in one word.
fn followed(reference: Option<&GitRepositoryRef>) -> &str {
    let Some(reference) = reference else {
        return DEFAULT_BRANCH;
    };
    let GitRepositoryRef {
        branch,
        tag,
        semver,
        name,
        commit: _,
    } = reference;
    let mut given = [name, semver, tag, branch].into_iter().flatten();
    given
        .find(|text| !text.is_empty())
        .map_or(DEFAULT_BRANCH, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "89e6c98d92887913cadf06b2adb97f26cde4849b";

    fn branch(name: &str) -> GitRepositoryRef {
        GitRepositoryRef {
            branch: Some(name.to_owned()),
            ..GitRepositoryRef::default()
        }
    }

    #[test]
    fn a_pin_holds_for_its_url_and_reference() {
        let text = format!(
            "version = 1\n\n[[git]]\nurl = \"https://h/r\"\nref = \"main\"\ncommit = \"{COMMIT}\"\n\n\
             [[chart]]\nwhat = \"others read this\"\n"
        );
        let lock = LockFile::parse(text.as_bytes()).unwrap();
        let pinned = Some(COMMIT.parse().unwrap());
        assert_eq!(lock.git("https://h/r", Some(&branch("main"))), pinned);
        assert_eq!(lock.git("https://h/r", Some(&branch("next"))), None);
        assert_eq!(lock.git("https://h/other", Some(&branch("main"))), None);
        assert_eq!(lock.git("https://h/r", None), None, "that is master");
        let tag = GitRepositoryRef {
            tag: Some("v1".to_owned()),
            ..branch("main")
        };
        assert_eq!(
            lock.git("https://h/r", Some(&tag)),
            None,
            "the tag is followed"
        );
    }

    #[test]
    fn a_broken_file_says_where() {
        let pin =
            |commit: &str| format!("[[git]]\nurl = \"u\"\nref = \"r\"\ncommit = \"{commit}\"\n");
        let check = |text: &str, part: &str| {
            let error = LockFile::parse(text.as_bytes())
                .expect_err(text)
                .to_string();
            assert!(
                error.starts_with("windlass.lock: ") && error.contains(part),
                "{error}"
            );
        };
        check("", "version");
        check("version = 2\n", "version 2");
        check(&format!("version = 1\n{}", pin("main")), "line");
        check("version = 1\n[[git]]\nurl = \"u\"\n", "ref");
        let other = COMMIT.replace('8', "9");
        let twice = format!("version = 1\n{}{}", pin(COMMIT), pin(&other));
        check(&twice, "two commits");
        assert!(LockFile::parse(&[0xff]).is_err());
        assert_eq!(
            LockFile::parse(&vec![b' '; BYTE_LIMIT + 1]),
            Err(LockError::TooLarge)
        );
    }
}
