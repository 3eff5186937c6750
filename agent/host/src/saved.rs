//! Files of the node's configuration, kept elsewhere and put back: with their owners by name, since another installation numbers
//! them otherwise.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};

use crate::config::Settings;
use crate::files::{self, FileError, Guard, TRUST_LIMIT};

/// Keys of the configuration whose values are secret addresses.
const SECRET_KEYS: [&str; 2] = ["ping_url", "webhook_url"];

/// One file: what it says, whose it is, and who may do what with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: String,
    /// Of which group.
    pub group: String,
    /// The permission bits.
    pub mode: u32,
    /// What it says; public, every file of it.
    pub text: String,
}

/// A file could not be kept or put back.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] FileError),
    /// It cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nobody of that name here.
    #[error(
        "{}: belongs to {name}, whom this machine does not know: run install.sh first, which makes windlass's users",
        path.display()
    )]
    Nobody {
        /// Which file.
        path: PathBuf,
        /// The user or group.
        name: String,
    },
}

/// The files of a node's configuration that are no secret: what it is told, whose signatures count, which hosts it believes.
#[must_use]
pub fn public_files(settings: &Settings) -> Vec<PathBuf> {
    let root = &settings.root;
    let mut paths = settings.files.clone();
    paths.extend(root.key_files());
    paths.push(settings.trust.sources.clone());
    paths.extend(root.ca_file.clone());
    if let crate::config::RootAccess::Key {
        known_hosts_file, ..
    } = &root.access
    {
        paths.push(known_hosts_file.clone());
    }
    paths.retain(|path| path.exists());
    paths
}

// === impl SavedFile ===

impl SavedFile {
    /// Reads a file. Of a configuration the secret addresses are left out.
    ///
    /// # Errors
    /// It is not there, is no text, or others can write it.
    pub fn read(path: &Path) -> Result<SavedFile, SaveError> {
        let text = files::read_text(path, TRUST_LIMIT, Guard::Trusted)?;
        let text = match path.extension().is_some_and(|ending| ending == "toml") {
            true => without_secrets(&text),
            false => text,
        };
        Ok(SavedFile {
            text,
            ..SavedFile::of_folder(path)?
        })
    }

    /// Whose a folder is, and who may enter it; not what is in it.
    ///
    /// # Errors
    /// It is not there, or belongs to nobody who has a name.
    pub fn of_folder(path: &Path) -> Result<SavedFile, SaveError> {
        let failed = |source| SaveError::Write {
            path: path.to_owned(),
            source,
        };
        let metadata = fs::metadata(path).map_err(failed)?;
        let (user, group) = (metadata.uid(), metadata.gid());
        let owner = User::from_uid(Uid::from_raw(user)).ok().flatten();
        let of_group = Group::from_gid(Gid::from_raw(group)).ok().flatten();
        let nobody = |number: u32| SaveError::Nobody {
            path: path.to_owned(),
            name: format!("number {number}"),
        };
        Ok(SavedFile {
            path: path.to_owned(),
            owner: owner.ok_or_else(|| nobody(user))?.name,
            group: of_group.ok_or_else(|| nobody(group))?.name,
            mode: metadata.mode() & 0o7777,
            text: String::new(),
        })
    }

    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// The disk does not take it, or its owner is nobody here.
    pub fn make_folder(&self) -> Result<(), SaveError> {
        let (user, group) = self.owners()?;
        let make = || {
            if self.path.is_dir() {
                return Ok(());
            }
            fs::create_dir_all(&self.path)?;
            fs::set_permissions(&self.path, Permissions::from_mode(self.mode))?;
            chown(&self.path, Some(user.as_raw()), Some(group.as_raw()))
        };
        make().map_err(|source| SaveError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Puts it where it was, in one step that a power cut does not undo; folders on the way are made as root's.
    ///
    /// # Errors
    /// The disk does not take it, or its owner is nobody here.
    pub fn put_back(&self) -> Result<(), SaveError> {
        let (user, group) = self.owners()?;
        self.put(user, group).map_err(|source| SaveError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Finds whose it will be here.
    ///
    /// # Errors
    /// Nobody's: there is no user or group of that name.
    pub fn owners(&self) -> Result<(Uid, Gid), SaveError> {
        let nobody = |name: &str| SaveError::Nobody {
            path: self.path.clone(),
            name: name.to_owned(),
        };
        let user = User::from_name(&self.owner).ok().flatten();
        let group = Group::from_name(&self.group).ok().flatten();
        Ok((
            user.ok_or_else(|| nobody(&self.owner))?.uid,
            group.ok_or_else(|| nobody(&self.group))?.gid,
        ))
    }

    fn put(&self, user: Uid, group: Gid) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut beside = self.path.clone();
        beside.as_mut_os_string().push(".new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Never through a link that somebody laid there.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        fchown(&file, Some(user.as_raw()), Some(group.as_raw()))?;
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.write_all(self.text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        File::open(folder)?.sync_all()
    }
}

/// Writes a new file that only its owner reads, whole or not at all. One that is there is left alone.
///
/// # Errors
/// The disk does not take it, or there is one of that name.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), SaveError> {
    let mut beside = path.to_owned();
    beside
        .as_mut_os_string()
        .push(format!(".{}", std::process::id()));
    let written = put_new(path, &beside, bytes);
    // A name of the same file, or half a file.
    let _ = fs::remove_file(&beside);
    written.map_err(|source| SaveError::Write {
        path: path.to_owned(),
        source,
    })
}

fn put_new(path: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Unlike a rename this fails where there is something.
    fs::hard_link(beside, path)?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A configuration without its secret addresses; a remark stands in the place of each.
fn without_secrets(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let key = key.trim_matches(['"', '\'']);
        match SECRET_KEYS.contains(&key) && line.contains('=') {
            true => format!("# {key} is a secret and not in the backup: write it here again\n"),
            false => format!("{line}\n"),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_it_was_with_its_owner_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc/config.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "[root]\nurl = \"a\"\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let saved = SavedFile::read(&path).unwrap();
        assert!(!saved.owner.is_empty() && saved.owner.parse::<u32>().is_err());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        saved.put_back().unwrap();
        assert_eq!(SavedFile::read(&path).unwrap(), saved);
        assert_eq!(saved.mode, 0o640);
        let stranger = SavedFile {
            owner: "nobody-of-this-name".to_owned(),
            ..saved.clone()
        };
        let refused = stranger.put_back().unwrap_err();
        assert!(refused.to_string().contains("install.sh"), "{refused}");
        assert_eq!(SavedFile::read(&path).unwrap(), saved);
    }

    #[test]
    fn secret_addresses_stay_where_they_are() {
        let text = "[alarm]\nping_url = \"https://canary\"\n\"webhook_url\"='canary'\nwebhook_type = \"slack\"\n";
        let kept = without_secrets(text);
        assert!(!kept.contains("canary"), "{kept}");
        assert!(kept.contains("webhook_type = \"slack\""), "{kept}");
        assert!(kept.contains("# ping_url is a secret"), "{kept}");
    }

    #[test]
    fn a_new_file_is_written_and_one_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        write_new(&path, b"one").unwrap();
        assert!(write_new(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
