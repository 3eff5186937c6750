//! Files of the state directory that are lost without harm: replaced whole, and not forced to the disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a file of at most `limit` bytes; `None` when it is not there, too large, or cannot be read.
#[must_use]
pub fn read(directory: &Path, name: &str, limit: u64) -> Option<Vec<u8>> {
    let file = fs::File::open(directory.join(name)).ok()?;
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.ok().filter(|length| *length as u64 <= limit)?;
    Some(bytes)
}

/// Replaces a file. After a power cut it may be the old one, the new one, or neither.
///
/// # Errors
/// The disk does not take it; the old one is still there.
pub fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!("{name}.tmp"));
    let written = write_new(&temporary, bytes);
    let replaced = written.and_then(|()| fs::rename(&temporary, directory.join(name)));
    if replaced.is_err() {
        // Half a file would hold the space that is missing.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.custom_flags(nix::libc::O_NOFOLLOW);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_read_within_its_bound() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(read(place.path(), "x", 9), None);
        write(place.path(), "x", b"one").unwrap();
        write(place.path(), "x", b"two!").unwrap();
        assert_eq!(read(place.path(), "x", 4).as_deref(), Some(&b"two!"[..]));
        assert_eq!(read(place.path(), "x", 3), None);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("x")).unwrap();
        write(place.path(), "x", b"one").unwrap_err();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
