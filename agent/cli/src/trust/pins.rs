//! What a clone remembers of its own setup, beside its objects in `.git/windlass`: who may sign, and where trust begins.
//!
//! It is never part of the history, so that nobody who pushes can change it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use windlass_trust::{Oid, Signer, Signers};

use super::change::Change;
use super::clone::LocalClone;
use super::error::TrustError;
use super::signing_key::Public;

/// The file with the keys, in OpenSSH's format.
const SIGNERS: &str = "allowed_signers";
/// The file with the introduction commit.
const INTRODUCTION: &str = "introduction";

/// What files with OpenPGP certificates end with.
const CERTIFICATE: &str = "asc";

/// Who may sign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keys {
    /// Lines of `allowed_signers`.
    pub(crate) lines: String,
    /// OpenPGP certificates, armoured, by the names of their files.
    #[serde(deserialize_with = "plain_names")]
    pub(crate) certificates: BTreeMap<String, String>,
}

/// The folder of a clone's pins.
#[derive(Debug, Clone)]
pub(crate) struct Pins(PathBuf);

// === impl Pins ===

impl Pins {
    pub(crate) fn of(clone: &LocalClone) -> Self {
        Self(clone.pins_dir())
    }

    /// Where the list of keys is.
    pub(crate) fn signers_file(&self) -> PathBuf {
        self.0.join(SIGNERS)
    }

    /// The keys: of the files given, or those that the clone pins.
    pub(crate) fn signers(&self, given: &[PathBuf]) -> Result<Signers, TrustError> {
        if given.is_empty() {
            return self.keys()?.signers();
        }
        let mut read = Vec::new();
        for path in given {
            let bytes = fs::read(path).map_err(|source| TrustError::Read {
                path: path.clone(),
                source,
            })?;
            read.push((path.display().to_string(), bytes));
        }
        let files = read
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        Ok(Signers::parse(files)?)
    }

    /// The keys that the clone pins.
    pub(crate) fn keys(&self) -> Result<Keys, TrustError> {
        let list = self.signers_file();
        if !list.exists() {
            return Err(TrustError::NoSigners {
                path: self.0.clone(),
            });
        }
        let files: Vec<PathBuf> = [list].into_iter().chain(self.certificates()).collect();
        Keys::read(&files)
    }

    fn certificates(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == CERTIFICATE))
            .collect()
    }

    /// The introduction commit that the clone pins, if it pins one.
    pub(crate) fn introduction(&self) -> Result<Option<Oid>, TrustError> {
        let path = self.0.join(INTRODUCTION);
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(oid) => Ok(Some(oid)),
                Err(error) => Err(TrustError::Unusable {
                    path,
                    why: format!("names no commit: {error}"),
                }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TrustError::Read { path, source }),
        }
    }

    /// Writes both, so that the commands and the hook find them; keys of before are gone.
    pub(crate) fn write(&self, keys: &Keys, introduction: &Oid) -> Result<(), TrustError> {
        self.write_keys(keys)?;
        let path = self.0.join(INTRODUCTION);
        fs::write(&path, format!("{introduction}\n")).map_err(not_written(&path))
    }

    /// Writes the keys in the place of those of before: what is new comes before what is old goes.
    pub(crate) fn write_keys(&self, keys: &Keys) -> Result<(), TrustError> {
        fs::create_dir_all(&self.0).map_err(not_written(&self.0))?;
        let certificates = keys.certificates.iter();
        let files = certificates
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .chain([(SIGNERS, &*keys.lines)]);
        for (name, text) in files {
            let change = Change {
                path: self.0.join(name),
                text: text.to_owned(),
            };
            change.write(None)?;
        }
        let is_old = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !keys.certificates.contains_key(&*name)
        };
        for old in self.certificates().into_iter().filter(is_old) {
            fs::remove_file(&old).map_err(not_written(&old))?;
        }
        Ok(())
    }
}

/// Takes certificates whose names are those of files beside the list, and nothing else: they may come from another machine.
fn plain_names<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let certificates = BTreeMap::<String, String>::deserialize(from)?;
    for name in certificates.keys() {
        let path = Path::new(name);
        let is_plain = path
            .file_name()
            .is_some_and(|file| file == path.as_os_str())
            && !name.starts_with('.')
            && path.extension().is_some_and(|ending| ending == CERTIFICATE);
        if !is_plain {
            let why = format!("{name:?} is no name for a certificate");
            return Err(D::Error::custom(why));
        }
    }
    Ok(certificates)
}

fn not_written(path: &Path) -> impl FnOnce(io::Error) -> TrustError {
    let path = path.to_owned();
    move |source| TrustError::Write { path, source }
}

// === impl Keys ===

impl Keys {
    /// Reads the file with the list, which comes first, and those with certificates.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, TrustError> {
        let mut keys = Keys::default();
        for (number, path) in files.iter().enumerate() {
            let text = fs::read_to_string(path).map_err(|source| TrustError::Read {
                path: path.clone(),
                source,
            })?;
            if number == 0 {
                keys.lines = text;
            } else {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                keys.certificates.insert(name.into_owned(), text);
            }
        }
        Ok(keys)
    }

    /// Adds a key under a name.
    pub(crate) fn add(&mut self, name: &str, public: &Public) {
        match public {
            // For commits only.
            Public::Ssh(key) => {
                if !self.lines.is_empty() && !self.lines.ends_with('\n') {
                    self.lines.push('\n');
                }
                self.lines += &format!("{name} namespaces=\"git\" {key}\n");
            }
            Public::OpenPgp(certificate) => {
                let file = format!("{}.{CERTIFICATE}", name.replace('/', "-"));
                self.certificates.insert(file, certificate.clone());
            }
        }
    }

    /// Takes out every key of a name, or the one with this fingerprint, and gives what was taken out.
    pub(crate) fn remove(&mut self, who: &str) -> Result<Vec<String>, TrustError> {
        let mut gone = Vec::new();
        let mut lines = String::new();
        for line in self.lines.lines() {
            if !names(SIGNERS, line, who, &mut gone)? {
                lines += line;
                lines.push('\n');
            }
        }
        let mut certificates = BTreeMap::new();
        for (file, text) in &self.certificates {
            if !names(file, text, who, &mut gone)? {
                certificates.insert(file.clone(), text.clone());
            }
        }
        *self = Keys {
            lines,
            certificates,
        };
        Ok(gone)
    }

    /// Reads them.
    pub(crate) fn signers(&self) -> Result<Signers, TrustError> {
        let certificates = self.certificates.iter();
        let files = certificates
            .map(|(name, text)| (name.as_str(), text.as_bytes()))
            .chain([(SIGNERS, self.lines.as_bytes())]);
        Ok(Signers::parse(files)?)
    }
}

/// Whether a line or a certificate is of somebody, whose keys are noted then.
fn names(file: &str, text: &str, who: &str, gone: &mut Vec<String>) -> Result<bool, TrustError> {
    let signers = Signers::parse([(file, text.as_bytes())])?;
    let keys = signers.keys();
    let is_it = keys
        .iter()
        .any(|key| key.principal == who || key.key == who);
    if is_it {
        gone.extend(keys.into_iter().map(|key| shown(&key)));
    }
    Ok(is_it)
}

/// A key as people read it.
pub(crate) fn shown(key: &Signer) -> String {
    format!("{} {}", key.principal, key.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_another_machine_have_plain_names() {
        let with = |name: &str| format!(r#"{{"lines":"","certificates":{{"{name}":""}}}}"#);
        assert!(serde_json::from_str::<Keys>(&with("me.asc")).is_ok());
        for name in [
            "/root/.bashrc",
            "../me.asc",
            "a/me.asc",
            ".me.asc",
            "spare-key",
            "",
            "..",
        ] {
            assert!(serde_json::from_str::<Keys>(&with(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_key_is_added_on_a_line_of_its_own() {
        let mut keys = Keys {
            lines: "# mine".to_owned(),
            ..Keys::default()
        };
        keys.add("me", &Public::Ssh("ssh-ed25519 AAAA".to_owned()));
        assert_eq!(
            keys.lines,
            "# mine\nme namespaces=\"git\" ssh-ed25519 AAAA\n"
        );
    }
}
