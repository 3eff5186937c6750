//! The ratchet: per line the last accepted head, in a file of its own that never goes backwards.
//!
//! Two generations alternate between two slots, each replaced whole (temporary file, fsync, rename, fsync of the
//! directory) and each with a checksum, so that one intact generation is there whatever happens. The checksum finds
//! damage, not malice: against somebody who can write the directory stands the witness in the cluster.

mod back;
mod format;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use windlass_trust::Ratchet;

pub use self::back::{PutBackError, put_back};
use self::format::{Damage, Generation};
use crate::durable::{self, Directory, Disk, WriteError};
use crate::line::Line;

const SLOTS: [&str; 2] = ["ratchet.0", "ratchet.1"];

/// Says that there was a ratchet once: without it, two missing slots are a new node.
const MARKER: &str = "installed";

/// Some twenty thousand lines.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The ratchets of all lines.
#[derive(Debug)]
pub struct RatchetFile {
    disk: Box<dyn Disk>,
    number: u64,
    lines: BTreeMap<Line, Ratchet>,
    lost: Option<String>,
    marked: bool,
    notice: Option<RatchetNotice>,
}

/// Something to tell a person about a ratchet that could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatchetNotice {
    /// The slot that is damaged.
    pub damaged: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// The generation in force, from the other slot; the damaged one may have been one step newer.
    pub generation: u64,
}

/// The ratchet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RatchetError {
    /// There was one, and no generation of it is intact. [`RatchetFile::begin_anew`] goes on from there.
    #[error("the ratchet in {} is lost ({reason})", path.display())]
    Lost {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A newer windlass wrote it.
    #[error(
        "{} has format {version}, and this windlass knows up to {known}: install the newer windlass again; \
         do not delete the file",
        path.display()
    )]
    Newer {
        /// The slot.
        path: PathBuf,
        /// Its format.
        version: u64,
        /// The newest format that is known.
        known: u64,
    },
    /// The disk could not be read: whether there is a ratchet is not known.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It could not be written; the one on the disk is still in force.
    #[error("the ratchet did not move")]
    Write(#[from] WriteError),
    /// The move is no move forward.
    #[error("the ratchet of {line} stands at {} (step {}) and does not go to {} (step {})", from.head, from.counter, to.head, to.counter)]
    Backwards {
        /// The line.
        line: Box<Line>,
        /// Where it stands.
        from: Box<Ratchet>,
        /// Where it was to go.
        to: Box<Ratchet>,
    },
    /// More lines than the file may hold.
    #[error("{}: holds too many lines to add one; remove sources that are no longer used", path.display())]
    Full {
        /// The directory.
        path: PathBuf,
    },
}

enum Slot {
    Missing,
    Intact(Generation),
    Damaged(String),
}

// === impl RatchetFile ===

impl RatchetFile {
    /// Reads the ratchet of a state directory; a directory that never had one gives an empty one.
    ///
    /// # Errors
    /// No generation is intact though there was one, a newer windlass wrote it, or the disk cannot be read.
    pub fn open(directory: &Path) -> Result<RatchetFile, RatchetError> {
        RatchetFile::open_on(Box::new(Directory::new(directory)))
    }

    /// Begins an empty ratchet after [`RatchetError::Lost`]. It says for ever that it is not the first one: each line has
    /// to be made again from what a witness or a person vouches for, and what is missing is not new.
    ///
    /// # Errors
    /// It cannot be written, or a newer windlass wrote one of the slots.
    pub fn begin_anew(directory: &Path, reason: &str) -> Result<RatchetFile, RatchetError> {
        let disk: Box<dyn Disk> = Box::new(Directory::new(directory));
        let mut newest = 0;
        for name in SLOTS {
            if let Slot::Intact(generation) = Slot::read(disk.as_ref(), name)? {
                newest = newest.max(generation.number);
            }
        }
        let mut file = RatchetFile {
            disk,
            number: newest,
            lines: BTreeMap::new(),
            lost: Some(reason.to_owned()),
            marked: false,
            notice: None,
        };
        // Both slots, so that no damaged one is left to be reported again.
        for _ in SLOTS {
            file.save(file.lines.clone())?;
        }
        Ok(file)
    }

    /// Says where a line stands.
    #[must_use]
    pub fn get(&self, line: &Line) -> Option<Ratchet> {
        self.lines.get(line).cloned()
    }

    /// Says whether a line may have stood somewhere that is forgotten: its ratchet has to be made again first.
    #[must_use]
    pub fn is_lost(&self, line: &Line) -> bool {
        self.lost.is_some() && !self.lines.contains_key(line)
    }

    /// Says whether all lines were forgotten once, and may have to be made again one by one.
    #[must_use]
    pub fn was_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Every line with its ratchet.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, &Ratchet)> {
        self.lines.iter()
    }

    /// What a person should hear about how the file was found.
    #[must_use]
    pub fn notice(&self) -> Option<&RatchetNotice> {
        self.notice.as_ref()
    }

    /// Moves a line forward and returns when a power cut cannot move it back. Where the line stands already,
    /// nothing is written.
    ///
    /// # Errors
    /// The step is not after the present one, or the file cannot be written: the old ratchet is then in force.
    pub fn advance(&mut self, line: &Line, to: &Ratchet) -> Result<(), RatchetError> {
        match self.lines.get(line) {
            Some(from) if from == to => return Ok(()),
            Some(from) if to.counter <= from.counter => {
                return Err(RatchetError::Backwards {
                    line: Box::new(line.clone()),
                    from: Box::new(from.clone()),
                    to: Box::new(to.clone()),
                });
            }
            _ => {}
        }
        let mut lines = self.lines.clone();
        lines.insert(line.clone(), to.clone());
        self.save(lines)
    }

    fn open_on(disk: Box<dyn Disk>) -> Result<RatchetFile, RatchetError> {
        let [first, second] = SLOTS;
        let slots = (
            Slot::read(disk.as_ref(), first)?,
            Slot::read(disk.as_ref(), second)?,
        );
        let (generation, damage) = match slots {
            (Slot::Missing, Slot::Missing) => return RatchetFile::fresh(disk),
            (Slot::Intact(one), Slot::Intact(other)) => (one.newer(other), None),
            (Slot::Intact(one), Slot::Missing) | (Slot::Missing, Slot::Intact(one)) => (one, None),
            (Slot::Intact(one), Slot::Damaged(reason)) => (one, Some((second, reason))),
            (Slot::Damaged(reason), Slot::Intact(one)) => (one, Some((first, reason))),
            (Slot::Damaged(one), Slot::Damaged(other)) => {
                return Err(lost(disk.as_ref(), format!("{one}; {other}")));
            }
            (Slot::Damaged(reason), Slot::Missing) | (Slot::Missing, Slot::Damaged(reason)) => {
                return Err(lost(disk.as_ref(), reason));
            }
        };
        let notice = damage.map(|(name, reason)| RatchetNotice {
            damaged: disk.path(name),
            reason,
            generation: generation.number,
        });
        let marked = is_marked(disk.as_ref())?;
        Ok(RatchetFile {
            disk,
            number: generation.number,
            lines: generation.lines,
            lost: generation.lost,
            marked,
            notice,
        })
    }

    fn fresh(disk: Box<dyn Disk>) -> Result<RatchetFile, RatchetError> {
        if is_marked(disk.as_ref())? {
            return Err(lost(
                disk.as_ref(),
                "both generations are missing".to_owned(),
            ));
        }
        Ok(RatchetFile {
            disk,
            number: 0,
            lines: BTreeMap::new(),
            lost: None,
            marked: false,
            notice: None,
        })
    }

    /// Writes the next generation into the slot of the last but one.
    fn save(&mut self, lines: BTreeMap<Line, Ratchet>) -> Result<(), RatchetError> {
        let number = self.number + 1;
        let lost = self.lost.clone();
        let generation = Generation {
            number,
            lost,
            lines,
        };
        let bytes = generation.encode();
        if bytes.len() as u64 > LIMIT {
            return Err(RatchetError::Full {
                path: self.disk.path(""),
            });
        }
        let [even, odd] = SLOTS;
        let slot = if number.is_multiple_of(2) { even } else { odd };
        durable::replace(self.disk.as_mut(), slot, &bytes)?;
        self.number = number;
        self.lines = generation.lines;
        self.notice = None;
        if !self.marked {
            // After the slot, or a crash in between would leave a new node that believes it lost something. The
            // ratchet has moved by now, so a failure here is no failure of the move; the next one tries again.
            self.marked = durable::replace(self.disk.as_mut(), MARKER, b"").is_ok();
        }
        Ok(())
    }
}

// === impl Slot ===

impl Slot {
    fn read(disk: &dyn Disk, name: &str) -> Result<Slot, RatchetError> {
        let bytes = match disk.read(name, LIMIT) {
            Ok(None) => return Ok(Slot::Missing),
            Ok(Some(bytes)) => bytes,
            Err(error) if is_damage(&error) => {
                return Ok(Slot::Damaged(format!("{name}: {error}")));
            }
            Err(source) => {
                return Err(RatchetError::Io {
                    path: disk.path(name),
                    source,
                });
            }
        };
        match Generation::decode(&bytes) {
            Ok(generation) => Ok(Slot::Intact(generation)),
            Err(Damage::Newer { version }) => Err(RatchetError::Newer {
                path: disk.path(name),
                version,
                known: format::VERSION,
            }),
            Err(damage) => Ok(Slot::Damaged(format!("{name}: {damage}"))),
        }
    }
}

/// A sector that cannot be read and a file that grew are damage; everything else (no permission, too many
/// open files) says nothing about the file.
fn is_damage(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EIO) || error.kind() == io::ErrorKind::FileTooLarge
}

fn is_marked(disk: &dyn Disk) -> Result<bool, RatchetError> {
    let marker = disk
        .read(MARKER, LIMIT)
        .map_err(|source| RatchetError::Io {
            path: disk.path(MARKER),
            source,
        })?;
    Ok(marker.is_some())
}

fn lost(disk: &dyn Disk, reason: String) -> RatchetError {
    RatchetError::Lost {
        path: disk.path(""),
        reason,
    }
}

#[cfg(test)]
mod tests;
