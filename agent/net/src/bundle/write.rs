//! Writing a bundle: its header and a pack without deltas (gitformat-bundle(5), gitformat-pack(5)).

use std::io::{self, Write};

use gix_hash::{Hasher, ObjectId};

use crate::zlib;

/// Writes a bundle of version 2, which every Git reads. Nothing of it is held in memory but one object.
#[must_use = "without its end it is no bundle: call finish()"]
pub struct BundleWriter<W> {
    out: W,
    hasher: Hasher,
    left: u32,
}

// === impl BundleWriter ===

impl<W> std::fmt::Debug for BundleWriter<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BundleWriter")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl<W: Write> BundleWriter<W> {
    /// Begins: `prerequisites` are commits whose reader has them with all they reach, `references` full names and what they
    /// name, `objects` how many will follow.
    ///
    /// # Errors
    /// The writer fails.
    pub fn begin(
        mut out: W,
        prerequisites: &[[u8; 20]],
        references: &[(String, [u8; 20])],
        objects: u32,
    ) -> io::Result<Self> {
        out.write_all(b"# v2 git bundle\n")?;
        for oid in prerequisites {
            writeln!(out, "-{} ", ObjectId::from(*oid))?;
        }
        for (name, oid) in references {
            writeln!(out, "{} {name}", ObjectId::from(*oid))?;
        }
        out.write_all(b"\n")?;
        let mut writer = Self {
            out,
            hasher: gix_hash::hasher(gix_hash::Kind::Sha1),
            left: objects,
        };
        writer.write(b"PACK")?;
        writer.write(&2_u32.to_be_bytes())?;
        writer.write(&objects.to_be_bytes())?;
        Ok(writer)
    }

    /// Writes one object. `kind` is Git's code: 1 commit, 2 tree, 3 blob, 4 tag.
    ///
    /// # Errors
    /// The writer fails, or more objects come than were announced.
    pub fn object(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("more objects than were announced"))?;
        self.write(&entry_header(kind, bytes.len()))?;
        self.write(&zlib::deflated(bytes)?)
    }

    /// Writes the checksum, and gives the writer back.
    ///
    /// # Errors
    /// The writer fails, or fewer objects came than were announced.
    pub fn finish(self) -> io::Result<W> {
        let Self {
            mut out,
            hasher,
            left,
        } = self;
        if left > 0 {
            return Err(io::Error::other("fewer objects than were announced"));
        }
        let checksum = hasher.try_finalize().map_err(io::Error::other)?;
        out.write_all(checksum.as_slice())?;
        out.flush()?;
        Ok(out)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Three bits of kind and four of size, then seven bits a byte.
fn entry_header(kind: u8, size: usize) -> Vec<u8> {
    let mut rest = size >> 4;
    let mut bytes = vec![(kind << 4) | low_bits(size, 0x0f)];
    while rest > 0 {
        if let Some(last) = bytes.last_mut() {
            *last |= 0x80;
        }
        bytes.push(low_bits(rest, 0x7f));
        rest >>= 7;
    }
    bytes
}

fn low_bits(value: usize, mask: u8) -> u8 {
    // Within the mask, so it fits.
    u8::try_from(value & usize::from(mask)).unwrap_or_default()
}
