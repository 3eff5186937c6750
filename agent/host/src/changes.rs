//! Whether files that were read are still what they were.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Configuration and trust files are small; what lies beyond this is not read, so it does not count as a change.
const HASHED_BYTES: u64 = 4 * 1024 * 1024;

/// What a set of files looked like at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, Option<Seen>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    stamp: Stamp,
    digest: [u8; 32],
}

/// What the inode alone tells: while none of it moved, the bytes need no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl Snapshot ===

impl Snapshot {
    /// Looks at the files now; one that is missing or unreadable is remembered as such.
    pub fn take<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Snapshot {
        Snapshot(
            paths
                .into_iter()
                .map(|path| (path.to_owned(), look(path)))
                .collect(),
        )
    }

    /// Looks again and gives the files whose content (or existence) is another one now.
    ///
    /// A file that was only touched, or replaced by the same bytes, is not in the list.
    #[must_use]
    pub fn changed(&self) -> Vec<&Path> {
        let moved = self
            .0
            .iter()
            .filter(|(path, seen)| differs(path, seen.as_ref()));
        moved.map(|(path, _)| path.as_path()).collect()
    }
}

fn differs(path: &Path, seen: Option<&Seen>) -> bool {
    if let (Some(seen), Ok(metadata)) = (seen, fs::metadata(path))
        && Stamp::of(&metadata) == seen.stamp
    {
        return false;
    }
    look(path).map(|now| now.digest) != seen.map(|seen| seen.digest)
}

fn look(path: &Path) -> Option<Seen> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let digest = digest(file).ok()?;
    Some(Seen {
        stamp: Stamp::of(&metadata),
        digest,
    })
}

fn digest(file: File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut bytes = Vec::new();
    file.take(HASHED_BYTES).read_to_end(&mut bytes)?;
    hasher.update(&bytes);
    Ok(hasher.finalize().into())
}

// === impl Stamp ===

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_other_content_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["same", "touched", "edited", "removed", "replaced"] {
            fs::write(path(name), "before").unwrap();
        }
        let names = ["same", "touched", "edited", "removed", "replaced", "made"].map(path);
        let snapshot = Snapshot::take(names.iter().map(PathBuf::as_path));
        assert!(snapshot.changed().is_empty());

        fs::write(path("touched"), "before").unwrap();
        fs::write(path("edited"), "after!").unwrap();
        fs::remove_file(path("removed")).unwrap();
        fs::write(path("new"), "before").unwrap();
        fs::rename(path("new"), path("replaced")).unwrap();
        fs::write(path("made"), "").unwrap();

        assert_eq!(
            snapshot.changed(),
            [path("edited"), path("made"), path("removed")]
        );
    }
}
