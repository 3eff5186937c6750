//! A folder of files that root put on this node: what is in it, and whether that is root's.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::files::{self, Guard};

/// What is read. Hidden files and editors' copies (`web.yaml~`) are not.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The manifests of a network with all its definitions have 1 MiB.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// More files, or deeper ones, are no folder that a person keeps.
const FILES: usize = 1000;
const DEPTH: usize = 8;

/// A folder as it was at one time.
#[derive(Debug)]
pub struct Folder {
    /// Which folder it is: another one under the same name, such as an empty one below a mount, is another.
    pub identity: Identity,
    /// Each file by its path in the folder, with its bytes, or why they do not count.
    pub files: BTreeMap<String, Result<Vec<u8>, String>>,
}

/// The device and inode of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u64, u64);

/// What a look at the folder shows, to compare with the next; no file is opened for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse(Vec<(PathBuf, [i64; 9])>);

/// Looks at a folder and everything in it.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn look(folder: &Path) -> io::Result<Glimpse> {
    let metadata = fs::metadata(folder)?;
    let mut seen = vec![(folder.to_owned(), stamp(&metadata))];
    for path in walk(folder)? {
        let metadata = fs::symlink_metadata(folder.join(&path));
        // One that went meanwhile is not there in the next look either.
        seen.extend(metadata.ok().map(|metadata| (path, stamp(&metadata))));
    }
    Ok(Glimpse(seen))
}

/// Reads a folder. Only what belongs to root, and what nobody else can write or put in its place, counts.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn read(folder: &Path) -> io::Result<Folder> {
    let metadata = fs::metadata(folder)?;
    let mut read = BTreeMap::new();
    for path in walk(folder)? {
        let whole = folder.join(&path);
        let bytes = match fs::symlink_metadata(&whole) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(metadata) if metadata.is_symlink() => Err(format!(
                "{}: links are not followed; put the file itself there",
                whole.display()
            )),
            _ => files::read(&whole, FILE_LIMIT, Guard::Root).map_err(|error| error.to_string()),
        };
        read.insert(path.display().to_string(), bytes);
    }
    Ok(Folder {
        identity: Identity(metadata.dev(), metadata.ino()),
        files: read,
    })
}

/// The files that may count, in the order of their names.
fn walk(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![(PathBuf::new(), DEPTH)];
    while let Some((below, depth)) = open.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if is_hidden(&path) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                open.extend(depth.checked_sub(1).map(|depth| (path, depth)));
            } else if has_ending(&path) {
                found.push(path);
            }
            if found.len() > FILES {
                let why = format!("more than {FILES} files are in {}", folder.display());
                return Err(io::Error::other(why));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map(std::ffi::OsStr::as_encoded_bytes);
    name.is_some_and(|name| name.starts_with(b"."))
}

fn has_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(std::ffi::OsStr::to_str);
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

fn stamp(metadata: &Metadata) -> [i64; 9] {
    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.uid().into(),
        metadata.mode().into(),
    ]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn refusal(folder: &Folder, name: &str) -> String {
        folder.files[name].clone().unwrap_err()
    }

    #[test]
    fn only_what_root_alone_writes_counts() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        for name in [
            "a.yaml",
            "sub/b.json",
            "other.yml",
            "open.yaml",
            ".hidden.yaml",
            "note.txt",
            "a.yaml~",
        ] {
            fs::write(path(name), name).unwrap();
        }
        chown(path("other.yml"), Some(12345), None).unwrap();
        fs::set_permissions(path("open.yaml"), fs::Permissions::from_mode(0o664)).unwrap();
        symlink("a.yaml", path("link.yaml")).unwrap();
        let folder = read(place.path()).unwrap();
        let names: Vec<&str> = folder.files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "a.yaml",
                "link.yaml",
                "open.yaml",
                "other.yml",
                "sub/b.json"
            ]
        );
        assert_eq!(folder.files["a.yaml"].as_deref(), Ok(&b"a.yaml"[..]));
        assert_eq!(
            folder.files["sub/b.json"].as_deref(),
            Ok(&b"sub/b.json"[..])
        );
        assert!(
            refusal(&folder, "other.yml").contains("chown root"),
            "{folder:?}"
        );
        assert!(
            refusal(&folder, "open.yaml").contains("chmod go-w"),
            "{folder:?}"
        );
        assert!(refusal(&folder, "link.yaml").contains("links are not followed"));

        // Whoever can write a directory can put another file in place of root's.
        chown(path("sub"), Some(12345), None).unwrap();
        let folder = read(place.path()).unwrap();
        assert!(
            refusal(&folder, "sub/b.json").contains("chown root"),
            "{folder:?}"
        );
    }

    #[test]
    fn a_look_tells_every_change_and_another_folder_under_the_same_name_apart() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("manifests");
        assert!(look(&path).is_err());
        fs::create_dir(&path).unwrap();
        let empty = look(&path).unwrap();
        fs::write(path.join("a.yaml"), "one").unwrap();
        let first = look(&path).unwrap();
        assert_ne!(first, empty);
        assert_eq!(look(&path).unwrap(), first);
        fs::write(path.join("a.yaml"), "two").unwrap();
        assert_ne!(look(&path).unwrap(), first);
        let before = read(&path).unwrap().identity;
        fs::rename(&path, place.path().join("old")).unwrap();
        fs::create_dir(&path).unwrap();
        assert_ne!(read(&path).unwrap().identity, before);
    }

    #[test]
    fn a_folder_that_nobody_keeps_by_hand_is_refused() {
        let place = tempfile::tempdir().unwrap();
        for number in 0..=FILES {
            fs::write(place.path().join(format!("{number}.yaml")), "").unwrap();
        }
        let error = look(place.path()).unwrap_err().to_string();
        assert!(error.contains("more than 1000 files"), "{error}");
    }
}
