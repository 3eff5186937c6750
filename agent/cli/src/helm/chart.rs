//! Charts on this machine.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use windlass_helm::{Chart, Directory, Entry, EntryKind, load_archive, load_directory};

use crate::error::CommandError;

/// The largest packaged chart that is read, and the largest file of one: Helm's bound for all files of a chart,
/// and one byte more, so that the loader says what is wrong.
const READ_LIMIT: u64 = (100 << 20) + 1;

/// A chart's folder.
struct Folder(PathBuf);

/// Reads the chart in a directory or a packaged file.
pub(super) fn load(path: &str) -> Result<Chart, CommandError> {
    let fail = |message: String| CommandError::Build(format!("{path}: {message}"));
    let place = Path::new(path);
    let found = fs::metadata(place).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CommandError::Usage(format!(
            "there is no chart {path} on this machine; fetch a remote one with `helm pull` and name the file"
        )),
        _ => fail(error.to_string()),
    })?;
    let loaded = if found.is_dir() {
        load_directory(&Folder(place.to_owned()))
    } else {
        load_archive(&read(place).map_err(|error| fail(error.to_string()))?)
    };
    loaded.map_err(|error| fail(error.to_string()))
}

/// Reads a file, up to the limit.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(READ_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

// === impl Directory ===

impl Directory for Folder {
    fn list(&self, folder: &str) -> Result<Vec<Entry>, String> {
        let entries = fs::read_dir(self.0.join(folder)).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| format!("{name:?}: the name is no UTF-8"))?;
            // Links are followed, as Helm does.
            let kind = fs::metadata(entry.path()).map_err(|error| format!("{name}: {error}"))?;
            let kind = if kind.is_dir() {
                EntryKind::Folder
            } else if kind.is_file() {
                EntryKind::File
            } else {
                EntryKind::Other
            };
            found.push(Entry { name, kind });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        read(&self.0.join(path)).map_err(|error| error.to_string())
    }
}
