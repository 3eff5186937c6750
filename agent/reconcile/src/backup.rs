//! One small file with what a node cannot get again from anybody: its configuration, whose signatures count, and where its ratchets
//! stand. No key, no token (decision 282).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use windlass_host::config::Settings;
use windlass_host::saved::{SaveError, SavedFile, public_files, write_new};
use windlass_state::{
    Line, PutBackError, RESET_FILE, RatchetError, RatchetFile, WriteError, put_back,
};
use windlass_trust::Ratchet;

/// What says that a file is one of ours.
const KIND: &str = "windlass-backup";
/// The newest form that is known.
const FORMAT: u64 = 1;
/// Some thousand keys and sources.
const LIMIT: u64 = 16 * 1024 * 1024;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    kind: String,
    format: u64,
    /// The node's name.
    pub node: String,
    /// The version that made it.
    pub version: String,
    files: Vec<Part>,
    state: Part,
    ratchets: Vec<(Line, Ratchet)>,
    /// Every reset of trust, as the node noted them.
    resets: String,
}

/// A file or folder, with whose it is by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    path: PathBuf,
    owner: String,
    group: String,
    mode: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
}

/// A backup could not be made or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file of the node.
    #[error(transparent)]
    File(#[from] SaveError),
    /// The ratchets cannot be read.
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
    /// They are not put back.
    #[error(transparent)]
    PutBack(#[from] PutBackError),
    /// What was reset cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The backup cannot be read.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// The backup.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

// === impl Backup ===

impl Backup {
    /// Reads what this node has. The agent may be at work.
    ///
    /// # Errors
    /// Something of it cannot be read.
    pub fn of(settings: &Settings) -> Result<Self, BackupError> {
        let state = &settings.state.dir;
        let ratchets = RatchetFile::open(state)?;
        let copied = |(line, ratchet): (&Line, &Ratchet)| (line.clone(), ratchet.clone());
        let files = public_files(settings);
        let files = files.iter().map(|path| SavedFile::read(path));
        Ok(Backup {
            kind: KIND.to_owned(),
            format: FORMAT,
            node: settings.node.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files: files
                .map(|file| file.map(Part::from))
                .collect::<Result<_, _>>()?,
            state: SavedFile::of_folder(state)?.into(),
            ratchets: ratchets.lines().map(copied).collect(),
            resets: std::fs::read_to_string(state.join(RESET_FILE)).unwrap_or_default(),
        })
    }

    /// Writes it to a new file, with a digest by which damage is noticed.
    ///
    /// # Errors
    /// There is such a file, or the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<(), BackupError> {
        let text = serde_json::json!({"digest": self.digest(), "backup": self});
        Ok(write_new(path, format!("{text:#}\n").as_bytes())?)
    }

    /// Reads one, whole and as it was written.
    ///
    /// # Errors
    /// It is none, was changed, or is of a newer windlass.
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        let unusable = |why: &str| BackupError::Unusable {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        let bytes = std::fs::metadata(path).and_then(|metadata| match metadata.len() > LIMIT {
            true => Err(std::io::ErrorKind::FileTooLarge.into()),
            false => std::fs::read(path),
        });
        let bytes = bytes.map_err(|error| unusable(&error.to_string()))?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|_| unusable("is no backup of windlass, or not all of one"))?;
        let inner = value.get("backup").cloned().unwrap_or_default();
        if inner.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(unusable("is no backup of windlass"));
        }
        if inner.get("format").and_then(Value::as_u64) > Some(FORMAT) {
            return Err(unusable("was made by a newer windlass: install that one"));
        }
        let backup: Backup =
            serde_json::from_value(inner).map_err(|error| unusable(&error.to_string()))?;
        if value.get("digest").and_then(Value::as_str) != Some(&backup.digest()) {
            return Err(unusable("is damaged: it is not what its digest says"));
        }
        Ok(backup)
    }

    /// Puts everything back where it was. The ratchets come first: where they are refused nothing is changed.
    ///
    /// # Errors
    /// An agent is at work, a ratchet stands further on here, an owner is unknown here, or the disk does not take it.
    pub fn put_back(&self, over_newer: bool) -> Result<(), BackupError> {
        let files: Vec<SavedFile> = self.files.iter().cloned().map(SavedFile::from).collect();
        for file in &files {
            file.owners()?;
        }
        let state = SavedFile::from(self.state.clone());
        state.make_folder()?;
        put_back(&state.path, &self.ratchets, over_newer)?;
        if !self.resets.is_empty() && !state.path.join(RESET_FILE).exists() {
            windlass_state::write(&state.path, RESET_FILE, self.resets.as_bytes())?;
        }
        for file in &files {
            file.put_back()?;
        }
        Ok(())
    }

    /// Which files it has.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|part| part.path.as_path())
    }

    /// How many lines of history it says where they stand.
    #[must_use]
    pub fn ratchets(&self) -> usize {
        self.ratchets.len()
    }

    fn digest(&self) -> String {
        // serde_json's maps are sorted: the same value gives the same text.
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("sha256:{}", hex::encode(Sha256::digest(value.to_string())))
    }
}

// === impl Part ===

impl From<SavedFile> for Part {
    fn from(file: SavedFile) -> Self {
        let SavedFile {
            path,
            owner,
            group,
            mode,
            text,
        } = file;
        Part {
            path,
            owner,
            group,
            mode,
            text,
        }
    }
}

impl From<Part> for SavedFile {
    fn from(part: Part) -> Self {
        let Part {
            path,
            owner,
            group,
            mode,
            text,
        } = part;
        SavedFile {
            path,
            owner,
            group,
            mode,
            text,
        }
    }
}
