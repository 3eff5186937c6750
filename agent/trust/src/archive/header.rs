//! One header of a tar (POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar's long names besides).

use std::io::Read;

use super::{ArchiveError, BLOCK, Blocks};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// Records about the next entry.
    Extended,
    /// Records about all entries that follow.
    Global,
    /// GNU's way to name the next entry.
    LongName,
}

/// A header that is as it should be.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The name in the header itself.
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
}

/// Where the fields of a header are: offset and length.
const NAME: (usize, usize) = (0, 100);
const SIZE: (usize, usize) = (124, 12);
const CHECKSUM: (usize, usize) = (148, 8);
const KIND: usize = 156;
const MAGIC: (usize, usize) = (257, 8);
const PREFIX: (usize, usize) = (345, 155);
/// Mode, owner, group and time; nobody uses them, and they have to be numbers.
const OTHERS: [(usize, usize); 4] = [(100, 8), (108, 8), (116, 8), (136, 12)];
/// The numbers of a device; only some archives write them.
const DEVICES: [(usize, usize); 2] = [(329, 8), (337, 8)];
/// How an archive of star ends its headers, in which other fields are elsewhere.
const STAR: (usize, usize) = (508, 4);

impl Kind {
    pub(super) fn is_about_the_next(self) -> bool {
        matches!(self, Kind::Extended | Kind::Global | Kind::LongName)
    }
}

impl Header {
    /// The next header; `None` where the archive ends with two blocks of zeros.
    pub(super) fn read(blocks: &mut Blocks<impl Read>) -> Result<Option<Self>, ArchiveError> {
        let block = blocks.block()?;
        if block != [0; BLOCK] {
            return Self::parse(&block).map(Some);
        }
        match blocks.block()? == [0; BLOCK] {
            true => Ok(None),
            false => Err(refused(b"", "is a block of zeros before the end")),
        }
    }

    fn parse(block: &[u8; BLOCK]) -> Result<Self, ArchiveError> {
        let name = text(field(block, NAME)).to_vec();
        let bad = |why| Err(refused(&name, why));
        if number(field(block, CHECKSUM)) != Some(checksum(block)) {
            return bad("has a header with another checksum");
        }
        let is_gnu = match field(block, MAGIC) {
            b"ustar\x0000" => false,
            b"ustar  \0" => true,
            _ => return bad("has a header of no kind that is read"),
        };
        if !is_gnu && field(block, STAR) == b"tar\0" {
            return bad("has a header as only star writes it");
        }
        let mut others = OTHERS.into_iter().chain(DEVICES);
        let Some(size) = number(field(block, SIZE)) else {
            return bad("has a size that is no number");
        };
        if others.any(|place| number(field(block, place)).is_none()) {
            return bad("has a header with a field that is no number");
        }
        let kind = match block.get(KIND) {
            Some(b'0' | 0) => Kind::File,
            Some(b'5') => Kind::Directory,
            Some(b'x') => Kind::Extended,
            Some(b'g') => Kind::Global,
            Some(b'L') if is_gnu => Kind::LongName,
            Some(b'1') => return bad("is a hard link, which is never taken"),
            Some(b'2') => return bad("is a symbolic link, which is never taken"),
            Some(b'3' | b'4' | b'6') => return bad("is a device, which is never taken"),
            _ => return bad("is neither a file nor a directory"),
        };
        let name = match text(field(block, PREFIX)) {
            // GNU tar has other things there.
            b"" => name,
            _ if is_gnu => return bad("has a header with fields that only GNU tar reads"),
            prefix => [prefix, b"/", &name].concat(),
        };
        Ok(Header { kind, name, size })
    }

    pub(super) fn refused(&self, why: &str) -> ArchiveError {
        refused(&self.name, why)
    }
}

pub(super) fn refused(name: &[u8], why: &str) -> ArchiveError {
    ArchiveError::Refused {
        path: String::from_utf8_lossy(name).into_owned(),
        why: why.to_owned(),
    }
}

fn field(block: &[u8; BLOCK], (at, length): (usize, usize)) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// What stands before the first zero.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number in octal digits, or in GNU's base 256; nothing is zero.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first == 0x80 {
        let bytes = rest.iter();
        return bytes
            .skip_while(|byte| **byte == 0)
            .try_fold(0_u64, |sum, byte| {
                sum.checked_mul(256)?.checked_add(u64::from(*byte))
            })
            .filter(|number| i64::try_from(*number).is_ok());
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| !(b'0'..=b'7').contains(byte));
    let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
    if rest.iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        sum.checked_mul(8)?.checked_add(u64::from(digit - b'0'))
    })
}

/// All bytes together, with those of the checksum as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let (at, length) = CHECKSUM;
    let bytes = block.iter().enumerate();
    bytes
        .map(|(index, byte)| match (at..at + length).contains(&index) {
            true => u64::from(b' '),
            false => u64::from(*byte),
        })
        .sum()
}
