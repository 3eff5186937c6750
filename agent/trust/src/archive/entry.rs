//! What an entry is called, and whether that can be: a path below the root, of which no other entry says something else.

use std::collections::BTreeSet;

use super::ArchiveError;
use super::extended::{Extended, long_name};
use super::header::{Header, Kind, refused};

/// Bytes of a path: PATH_MAX of Linux.
const PATH_LIMIT: usize = 4096;

/// Bytes of one name in it, as on every file system.
const NAME_LIMIT: usize = 255;

/// Names of a path. A view of a source goes no deeper, either.
const DEPTH_LIMIT: usize = 64;

/// The names so far, and what was said about the next one.
#[derive(Default)]
pub(super) struct Names {
    files: BTreeSet<String>,
    /// Those with an entry of their own, and those that a file is in.
    directories: BTreeSet<String>,
    extended: Option<Extended>,
    long_name: Option<Vec<u8>>,
}

impl Names {
    /// Takes what an entry says about the next one.
    pub(super) fn note(&mut self, header: &Header, content: &[u8]) -> Result<(), ArchiveError> {
        let is_first = match header.kind {
            // Tools read these in different ways, and nobody needs them: a comment of Git is what there is.
            Kind::Global => {
                let said = Extended::parse(header, content)?;
                if said != Extended::default() {
                    return Err(header.refused("gives a name or size to all entries"));
                }
                // Some readers forget at this point what was said before.
                self.end()?;
                true
            }
            Kind::LongName => {
                let name = long_name(header, content)?;
                self.long_name.replace(name).is_none()
            }
            _ => {
                let extended = Extended::parse(header, content)?;
                self.extended.replace(extended).is_none()
            }
        };
        match is_first {
            true => Ok(()),
            false => Err(header.refused("is the second that is said about one entry")),
        }
    }

    /// The path of an entry, cleaned; empty for the root.
    pub(super) fn take(&mut self, header: &Header) -> Result<String, ArchiveError> {
        let extended = self.extended.take().unwrap_or_default();
        let long_name = self.long_name.take();
        if long_name.is_some() && extended.path.is_some() {
            return Err(header.refused("is given two names"));
        }
        let name = long_name.or(extended.path);
        let name = name.as_deref().unwrap_or(&header.name);
        if extended.size.is_some_and(|size| size != header.size) {
            return Err(refused(name, "is given two sizes"));
        }
        if header.kind == Kind::Directory && header.size != 0 {
            return Err(refused(name, "is a directory with content"));
        }
        let path = clean(name).map_err(|why| refused(name, why))?;
        if header.kind == Kind::File && (path.is_empty() || name.ends_with(b"/")) {
            return Err(refused(name, "is a file with the name of a directory"));
        }
        Ok(path)
    }

    pub(super) fn file(&mut self, path: &str) -> Result<(), ArchiveError> {
        if self.directories.contains(path) || !self.files.insert(path.to_owned()) {
            return Err(refused(path.as_bytes(), "is there twice"));
        }
        self.parents(path)
    }

    pub(super) fn directory(&mut self, path: &str) -> Result<(), ArchiveError> {
        if self.files.contains(path) {
            return Err(refused(path.as_bytes(), "is both a file and a directory"));
        }
        self.directories.insert(path.to_owned());
        self.parents(path)
    }

    /// If something was said about an entry, it came.
    pub(super) fn end(&self) -> Result<(), ArchiveError> {
        match self.extended.is_none() && self.long_name.is_none() {
            true => Ok(()),
            false => Err(refused(b"", "is announced and does not come")),
        }
    }

    fn parents(&mut self, path: &str) -> Result<(), ArchiveError> {
        let mut rest = path;
        while let Some((parent, _)) = rest.rsplit_once('/') {
            if self.files.contains(parent) {
                let why = "is both a file and a directory";
                return Err(refused(parent.as_bytes(), why));
            }
            if !self.directories.insert(parent.to_owned()) {
                return Ok(());
            }
            rest = parent;
        }
        Ok(())
    }
}

/// Whether a name can be that of a file as it is: whoever makes an archive asks before.
///
/// # Errors
/// It cannot; says why.
pub fn check_path(name: &str) -> Result<(), &'static str> {
    match clean(name.as_bytes())? {
        path if path == name => Ok(()),
        _ => Err("has a name with empty parts or dots in it"),
    }
}

/// A path without `.` and doubled slashes.
fn clean(name: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(name).map_err(|_| "has a name that is no text")?;
    if text.is_empty() || text.len() > PATH_LIMIT {
        return Err("has no name, or one that is too long");
    }
    if text.starts_with('/') || text.contains('\\') {
        return Err("has a name that is not relative to the archive");
    }
    if text.contains(char::is_control) {
        return Err("has control characters in its name");
    }
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    if parts.contains(&"..") {
        return Err("has a name that leads out of the archive");
    }
    if parts.len() > DEPTH_LIMIT || parts.iter().any(|part| part.len() > NAME_LIMIT) {
        return Err("has a name that is too long or too deep");
    }
    Ok(parts.join("/"))
}
