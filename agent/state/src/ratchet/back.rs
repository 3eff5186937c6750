//! Ratchets put back from a backup, while no agent is at work.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use windlass_trust::Ratchet;

use super::{RatchetError, RatchetFile};
use crate::directory::{self, DirectoryError};
use crate::line::Line;

/// They were not put back; the ones that are there are in force.
#[derive(Debug, thiserror::Error)]
pub enum PutBackError {
    /// An agent is at work, or the directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A line stands further on, or elsewhere, by now.
    #[error(
        "{line} stands at {} (step {}) here and at {} (step {}) in the backup: what was accepted since would count for nothing; \
         to put it back all the same, say --over-newer",
        here.head, here.counter, saved.head, saved.counter
    )]
    Newer {
        /// The line.
        line: Box<Line>,
        /// Where it stands.
        here: Box<Ratchet>,
        /// Where the backup has it.
        saved: Box<Ratchet>,
    },
    /// The ratchets cannot be read or written.
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
}

/// Puts lines back into the ratchet of a state directory; those that the backup does not name stay. With `over_newer`
/// they go back where they stand further on by now.
///
/// # Errors
/// An agent is at work, a line stands further on by now, or it cannot be written: nothing moved then.
pub fn put_back(
    directory: &Path,
    saved: &[(Line, Ratchet)],
    over_newer: bool,
) -> Result<(), PutBackError> {
    let _lock = lock(directory)?;
    let mut file = match RatchetFile::open(directory) {
        // What the backup does not name stays lost.
        Err(RatchetError::Lost { reason, .. }) => RatchetFile::begin_anew(directory, &reason)?,
        opened => opened?,
    };
    let mut lines = file.lines.clone();
    for (line, ratchet) in saved {
        if let Some(here) = lines.get(line)
            && !over_newer
            && is_newer(here, ratchet)
        {
            return Err(PutBackError::Newer {
                line: Box::new(line.clone()),
                here: Box::new(here.clone()),
                saved: Box::new(ratchet.clone()),
            });
        }
        lines.insert(line.clone(), ratchet.clone());
    }
    if lines != file.lines {
        file.save(lines)?;
    }
    Ok(())
}

/// As many steps to another commit are no older.
fn is_newer(here: &Ratchet, saved: &Ratchet) -> bool {
    here.counter > saved.counter || (here.counter == saved.counter && here != saved)
}

/// The lock file is the agent's, as all in the directory.
fn lock(path: &Path) -> Result<directory::DirectoryLock, DirectoryError> {
    let lock = directory::lock(path)?;
    if nix::unistd::geteuid().is_root()
        && let Ok(owner) = fs::metadata(path)
    {
        // An agent that cannot open it says so; there is nothing else to be done here.
        drop(chown(
            path.join(directory::LOCK),
            Some(owner.uid()),
            Some(owner.gid()),
        ));
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            source: "flux-system/flux-system".to_owned(),
            url: "https://house.example/house".to_owned(),
            selector: "branch=main".to_owned(),
        }
    }

    fn at(head: char, counter: u64) -> Ratchet {
        let oid = |digit: char| digit.to_string().repeat(40);
        serde_json::from_value(serde_json::json!({
            "head": oid(head), "introduction": oid('0'), "counter": counter,
        }))
        .unwrap()
    }

    fn stands(directory: &Path) -> Option<Ratchet> {
        RatchetFile::open(directory).unwrap().get(&line())
    }

    #[test]
    fn a_ratchet_comes_back_to_an_empty_directory_and_over_an_older_one_only() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path();
        let put = |ratchet: &Ratchet, over| put_back(directory, &[(line(), ratchet.clone())], over);
        put(&at('1', 3), false).unwrap();
        assert_eq!(stands(directory), Some(at('1', 3)));
        put(&at('2', 4), false).unwrap();
        assert_eq!(stands(directory), Some(at('2', 4)));
        for older in [at('1', 3), at('3', 4)] {
            let refused = put(&older, false).unwrap_err();
            assert!(matches!(refused, PutBackError::Newer { .. }), "{refused}");
            assert_eq!(stands(directory), Some(at('2', 4)));
        }
        put(&at('1', 3), true).unwrap();
        assert_eq!(stands(directory), Some(at('1', 3)));
    }

    #[test]
    fn what_is_lost_is_found_again_and_the_rest_stays_lost() {
        let place = tempfile::tempdir().unwrap();
        put_back(place.path(), &[(line(), at('1', 3))], false).unwrap();
        for slot in super::super::SLOTS {
            let _ = fs::remove_file(place.path().join(slot));
        }
        put_back(place.path(), &[(line(), at('1', 3))], false).unwrap();
        let file = RatchetFile::open(place.path()).unwrap();
        assert_eq!(file.get(&line()), Some(at('1', 3)));
        let other = Line {
            source: "a/b".to_owned(),
            ..line()
        };
        assert!(!file.is_lost(&line()) && file.is_lost(&other));
    }

    #[test]
    fn nothing_moves_while_an_agent_is_at_work() {
        let place = tempfile::tempdir().unwrap();
        let _lock = directory::lock(place.path()).unwrap();
        let refused = put_back(place.path(), &[(line(), at('1', 3))], false).unwrap_err();
        assert!(matches!(refused, PutBackError::Directory(_)), "{refused}");
    }
}
