//! Archives whose digest is known, as files: gzip and tar, read more strictly than any tool reads them.
//!
//! Regular files and directories only; whatever two readers might read in two ways is refused. Nothing is ever written.

mod entry;
mod extended;
mod header;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use self::entry::Names;
pub use self::entry::check_path;
use self::header::{Header, Kind};
use crate::ContentDigest;

/// Unpacked bytes: that many times what the largest collection of definitions has. All of it is in memory while something
/// is built.
pub const UNPACKED_LIMIT: u64 = 100 * 1024 * 1024;

/// Entries of all kinds: what a cluster of a thousand applications has, and a bound for an archive of headers only.
pub const ENTRY_LIMIT: usize = 50_000;

/// Text shrinks to a tenth, lists of the same object to a fiftieth; what shrinks more is made to burst.
const RATIO_LIMIT: u64 = 200;

/// Below this the ratio says nothing: a few repeated lines.
const RATIO_FLOOR: u64 = 1024 * 1024;

const BLOCK: usize = 512;

/// The files of an archive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unpacked {
    pub(crate) files: BTreeMap<String, Arc<[u8]>>,
    /// Those that have an entry of their own.
    pub(crate) directories: Vec<String>,
}

/// An archive that is not used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Its bytes are others than those that are vouched for.
    #[error("the archive is {found}, and not {wanted}")]
    OtherBytes {
        /// What somebody vouches for.
        wanted: ContentDigest,
        /// What is there.
        found: ContentDigest,
    },
    /// It cannot be unpacked.
    #[error("the archive is damaged: {0}")]
    Damaged(#[from] io::Error),
    /// It holds more than is taken.
    #[error("the archive {0}; leave out what is not applied, or split it")]
    TooLarge(String),
    /// An entry that is never taken.
    #[error("{path:?} in the archive {why}")]
    Refused {
        /// The name of the entry.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Unpacks an archive.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Unpacked, ArchiveError> {
    let by_ratio = RATIO_FLOOR.saturating_add((bytes.len() as u64).saturating_mul(RATIO_LIMIT));
    let limit = UNPACKED_LIMIT.min(by_ratio);
    let reader = BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(bytes));
    let mut blocks = Blocks {
        reader,
        left: limit,
        limit,
        by_ratio: limit == by_ratio,
    };
    read(&mut blocks)
}

/// Reads a tar without compression, within the bounds of one with it.
fn read(blocks: &mut Blocks<impl Read>) -> Result<Unpacked, ArchiveError> {
    let mut names = Names::default();
    let mut unpacked = Unpacked::default();
    let mut entries = 0;
    while let Some(header) = Header::read(blocks)? {
        entries += 1;
        if entries > ENTRY_LIMIT {
            let why = format!("has more than {ENTRY_LIMIT} entries");
            return Err(ArchiveError::TooLarge(why));
        }
        if header.kind.is_about_the_next() {
            let content = blocks.small(&header)?;
            names.note(&header, &content)?;
            continue;
        }
        let path = names.take(&header)?;
        match header.kind {
            Kind::File => {
                let content = blocks.content(header.size)?;
                names.file(&path)?;
                unpacked.files.insert(path, content.into());
            }
            _ => {
                names.directory(&path)?;
                unpacked
                    .directories
                    .extend(Some(path).filter(|path| !path.is_empty()));
            }
        }
    }
    names.end()?;
    blocks.end()?;
    Ok(unpacked)
}

/// The blocks of a tar, counted.
struct Blocks<R> {
    reader: R,
    left: u64,
    limit: u64,
    by_ratio: bool,
}

impl<R: Read> Blocks<R> {
    /// One block.
    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        self.spend(BLOCK as u64)?;
        let mut block = [0; BLOCK];
        self.reader.read_exact(&mut block)?;
        Ok(block)
    }

    /// The content of an entry, without what fills its last block.
    fn content(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let padded = size.checked_next_multiple_of(BLOCK as u64);
        self.spend(padded.unwrap_or(u64::MAX))?;
        let padding = padded.unwrap_or(size) - size;
        // Only as much is made room for as came: a header may promise anything.
        let mut content = Vec::new();
        let read = (&mut self.reader).take(size).read_to_end(&mut content)?;
        let filled = io::copy(&mut (&mut self.reader).take(padding), &mut io::sink())?;
        if read as u64 != size || filled != padding {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(content)
    }

    /// The content of an entry about the next one.
    fn small(&mut self, header: &Header) -> Result<Vec<u8>, ArchiveError> {
        match header.size <= extended::LIMIT {
            true => self.content(header.size),
            false => Err(header.refused("is larger than any record about a file")),
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> ArchiveError {
        let bytes = self.limit;
        ArchiveError::TooLarge(match self.by_ratio {
            true => format!("grows to more than {bytes} bytes, {RATIO_LIMIT} times its size"),
            false => format!("has more than {bytes} bytes"),
        })
    }

    /// Nothing but zeros follows; the checksum of the compression is looked at on the way.
    fn end(&mut self) -> Result<(), ArchiveError> {
        let mut rest = [0; BLOCK];
        loop {
            match self.reader.read(&mut rest)? {
                0 => return Ok(()),
                read => {
                    self.spend(read as u64)?;
                    if rest.iter().take(read).any(|byte| *byte != 0) {
                        let why = "something follows the end of the archive";
                        return Err(io::Error::other(why).into());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
