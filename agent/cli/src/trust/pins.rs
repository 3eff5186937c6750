//! What a clone remembers of its own setup, beside its objects in `.git/windlass`: who may sign, and where trust begins.
//!
//! It is never part of the history, so that nobody who pushes can change it.

use std::fs;
use std::io;
use std::path::PathBuf;

use windlass_trust::{Oid, Signers};

use super::clone::LocalClone;
use super::error::TrustError;

/// The file with the keys, in OpenSSH's format.
const SIGNERS: &str = "allowed_signers";
/// The file with the introduction commit.
const INTRODUCTION: &str = "introduction";

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
        let pinned = [self.signers_file()];
        let files = if given.is_empty() { &pinned } else { given };
        let mut read = Vec::new();
        for path in files {
            match fs::read(path) {
                Ok(bytes) => read.push((path.display().to_string(), bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && given.is_empty() => {
                    return Err(TrustError::NoSigners {
                        path: self.0.clone(),
                    });
                }
                Err(source) => {
                    return Err(TrustError::Read {
                        path: path.clone(),
                        source,
                    });
                }
            }
        }
        let files = read
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        Ok(Signers::parse(files)?)
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

    /// Writes both, so that the commands and the hook find them.
    pub(crate) fn write(&self, signers: &str, introduction: &Oid) -> Result<(), TrustError> {
        let made = fs::create_dir_all(&self.0);
        made.map_err(|source| TrustError::Write {
            path: self.0.clone(),
            source,
        })?;
        let files = [
            (SIGNERS, signers.to_owned()),
            (INTRODUCTION, format!("{introduction}\n")),
        ];
        for (name, text) in files {
            let path = self.0.join(name);
            fs::write(&path, text).map_err(|source| TrustError::Write { path, source })?;
        }
        Ok(())
    }
}
