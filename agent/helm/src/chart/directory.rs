//! A chart in a folder, read through a trait.

use crate::chart::ignore::Rules;
use crate::chart::load::{LoadError, load_files};
use crate::chart::{Chart, File};

/// What a name in a folder leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// A link, a device, a socket.
    Other,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without any `/`.
    pub name: String,
    /// What it leads to.
    pub kind: EntryKind,
}

/// Read access to a chart's folder. Paths are relative to it, separated by `/`, and never hold `.` or `..`;
/// the empty path is the folder itself.
pub trait Directory {
    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// It cannot be read.
    fn list(&self, folder: &str) -> Result<Vec<Entry>, String>;

    /// The content of a file.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// The most bytes a chart may have; Helm's bound.
const MAX_CHART: usize = 100 << 20;

/// How deep folders may nest: charts in charts three levels deep need about a dozen.
const MAX_DEPTH: usize = 100;

/// Reads a chart from a folder, by the rules of its `.helmignore`.
///
/// # Errors
/// The folder cannot be read, is too large, holds links, or is no chart.
pub fn load_directory(directory: &dyn Directory) -> Result<Chart, LoadError> {
    load_files(directory_files(directory)?)
}

/// The files of a chart's folder that the rules of its `.helmignore` leave in.
///
/// # Errors
/// The folder cannot be read, is too large, or holds links.
pub fn directory_files(directory: &dyn Directory) -> Result<Vec<File>, LoadError> {
    let top = list(directory, "")?;
    let has_rules = top.iter().any(|entry| entry.name == ".helmignore");
    let rules = if has_rules {
        let text = read(directory, ".helmignore")?;
        Rules::parse(&String::from_utf8_lossy(&text))
    } else {
        Rules::parse("")
    };
    let rules = rules.map_err(|message| LoadError::File {
        file: ".helmignore".to_owned(),
        message,
    })?;
    let mut walk = Walk {
        directory,
        rules,
        files: Vec::new(),
        left: MAX_CHART,
    };
    walk.folder("", top, 0)?;
    Ok(walk.files)
}

struct Walk<'d> {
    directory: &'d dyn Directory,
    rules: Rules,
    files: Vec<File>,
    left: usize,
}

// === impl Walk ===

impl Walk<'_> {
    fn folder(&mut self, path: &str, entries: Vec<Entry>, depth: usize) -> Result<(), LoadError> {
        for entry in entries {
            let path = if path.is_empty() {
                entry.name
            } else {
                format!("{path}/{}", entry.name)
            };
            if self.rules.ignore(&path, entry.kind == EntryKind::Folder) {
                continue;
            }
            match entry.kind {
                EntryKind::Folder if depth < MAX_DEPTH => {
                    let entries = list(self.directory, &path)?;
                    self.folder(&path, entries, depth + 1)?;
                }
                EntryKind::File => self.file(path)?,
                EntryKind::Folder => {
                    let message = format!("folders nest deeper than {MAX_DEPTH} levels");
                    return Err(failed(&path, message));
                }
                EntryKind::Other => {
                    let message = "it is no plain file; put a copy in its place".to_owned();
                    return Err(failed(&path, message));
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String) -> Result<(), LoadError> {
        let data = read(self.directory, &path)?;
        let Some(left) = self.left.checked_sub(data.len()) else {
            let message = format!("chart exceeds maximum decompressed size of {MAX_CHART} bytes");
            return Err(LoadError::Archive(message));
        };
        self.left = left;
        let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&data);
        self.files.push(File {
            name: path,
            data: data.into(),
        });
        Ok(())
    }
}

fn failed(path: &str, message: String) -> LoadError {
    LoadError::File {
        file: path.to_owned(),
        message,
    }
}

fn list(directory: &dyn Directory, path: &str) -> Result<Vec<Entry>, LoadError> {
    directory
        .list(path)
        .map_err(|message| failed(path, message))
}

fn read(directory: &dyn Directory, path: &str) -> Result<Vec<u8>, LoadError> {
    directory
        .read(path)
        .map_err(|message| failed(path, message))
}
