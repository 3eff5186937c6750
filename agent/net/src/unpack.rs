//! A pack (gitformat-pack(5)) taken apart while it arrives: objects go into the cache one by one.
//!
//! Nothing of the pack is kept in memory but one entry, its base, and where each object went. A delta's
//! base always comes before it, so its depth, its size and the sum of all sizes are known before anything
//! is built.

use std::collections::VecDeque;
use std::io::BufRead;
use std::rc::Rc;

use gix_hash::{Hasher, ObjectId};
use gix_object::Kind;
use gix_zlib::Decompress;
use windlass_wire::FailureClass;

use crate::cache::{CacheError, Receiving};
use crate::delta;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::zlib::{InflateError, inflate_from};

/// Objects on which a pack may build that are neither in it nor in the cache.
pub(crate) trait Bases {
    /// An object that somebody else has; `None` when nobody does.
    fn base(&mut self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Failure>;
}

/// The cache holds everything that a server may build on.
struct Nothing;

impl Bases for Nothing {
    fn base(&mut self, _: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Failure> {
        Ok(None)
    }
}

/// Reads a whole pack into `receiving`, checks its checksum, and returns how many objects it held.
pub(crate) fn unpack(
    pack: impl BufRead,
    receiving: &mut Receiving<'_>,
    limits: &Limits,
) -> Result<u32, CacheError> {
    unpack_onto(&mut Nothing, pack, receiving, limits)
}

/// As [`unpack`], of a pack that builds on objects which are elsewhere.
pub(crate) fn unpack_onto(
    bases: &mut dyn Bases,
    pack: impl BufRead,
    receiving: &mut Receiving<'_>,
    limits: &Limits,
) -> Result<u32, CacheError> {
    let mut reader = PackReader::new(pack);
    let count = reader.header(limits)?;
    let mut unpacker = Unpacker {
        receiving,
        bases,
        limits,
        places: Vec::new(),
        recent: Recent::default(),
        inflated: 0,
    };
    for _ in 0..count {
        unpacker.entry(&mut reader)?;
    }
    reader.checksum()?;
    Ok(count)
}

/// Where the object of one pack entry went.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    row: i64,
    depth: u16,
}

struct Base {
    kind: Kind,
    bytes: Rc<Vec<u8>>,
    depth: u16,
}

struct Unpacker<'a, 'b> {
    receiving: &'a mut Receiving<'b>,
    bases: &'a mut dyn Bases,
    limits: &'a Limits,
    /// In order of their offsets.
    places: Vec<Place>,
    recent: Recent,
    inflated: u64,
}

/// The hasher looks for the marks of an attack.
pub(crate) fn not_hashed(error: &dyn std::fmt::Display) -> Failure {
    let message = format!(
        "an object of the repository carries a SHA-1 collision attack ({error}); do not use it until its owner has explained \
         this"
    );
    Failure::new(FailureClass::HashCollision, message)
}

impl Unpacker<'_, '_> {
    fn entry(&mut self, reader: &mut PackReader<impl BufRead>) -> Result<(), CacheError> {
        let offset = reader.offset;
        let (code, size) = reader.entry_header()?;
        let size = self.allowed(size)?;
        let (kind, bytes, depth) = match code {
            1 => (Kind::Commit, reader.inflate(size)?, 0),
            2 => (Kind::Tree, reader.inflate(size)?, 0),
            3 => (Kind::Blob, reader.inflate(size)?, 0),
            4 => (Kind::Tag, reader.inflate(size)?, 0),
            6 => {
                let distance = reader.base_distance()?;
                let base = self.base_at(offset, distance)?;
                self.apply_delta(&base, &reader.inflate(size)?)?
            }
            7 => {
                let base = self.base_named(&ObjectId::from(reader.exact::<20>()?))?;
                self.apply_delta(&base, &reader.inflate(size)?)?
            }
            _ => return Err(damaged_pack("an entry of unknown kind").into()),
        };
        let oid = gix_object::compute_hash(gix_hash::Kind::Sha1, kind, &bytes)
            .map_err(|error| not_hashed(&error))?;
        let row = self.receiving.put(&oid, kind, &bytes)?;
        self.places.push(Place { offset, row, depth });
        self.recent.push(offset, kind, bytes);
        Ok(())
    }

    /// Adds a size to the sum and checks both bounds, before any memory is taken.
    fn allowed(&mut self, size: u64) -> Result<usize, Failure> {
        let megabytes = |bytes: u64| bytes / (1024 * 1024);
        let object_limit = self.limits.object_bytes as u64;
        if size > object_limit {
            return Err(Failure::refused(format!(
                "the repository holds an object of {} MiB; the limit is {} MiB: remove it from the \
                 history",
                megabytes(size),
                megabytes(object_limit)
            )));
        }
        self.inflated = self.inflated.saturating_add(size);
        if self.inflated > self.limits.inflated_bytes {
            return Err(Failure::refused(format!(
                "the server's pack inflates to more than {} MiB; shorten the history",
                megabytes(self.limits.inflated_bytes)
            )));
        }
        usize::try_from(size).map_err(|_| damaged_pack("an entry of impossible size"))
    }

    fn apply_delta(
        &mut self,
        base: &Base,
        instructions: &[u8],
    ) -> Result<(Kind, Vec<u8>, u16), CacheError> {
        let invalid = || damaged_pack("a delta that cannot be applied");
        let depth = base.depth.saturating_add(1);
        if depth > self.limits.delta_depth {
            return Err(Failure::refused(format!(
                "the server's pack holds a chain of more than {} deltas",
                self.limits.delta_depth
            ))
            .into());
        }
        let (base_size, result_size, copies) = delta::sizes(instructions).ok_or_else(invalid)?;
        if base_size != base.bytes.len() as u64 {
            return Err(invalid().into());
        }
        let result_size = self.allowed(result_size)?;
        let bytes = delta::apply(&base.bytes, copies, result_size).ok_or_else(invalid)?;
        Ok((base.kind, bytes, depth))
    }

    fn base_at(&self, offset: u64, distance: u64) -> Result<Base, CacheError> {
        let wanted = offset.checked_sub(distance).filter(|_| distance > 0);
        let place = wanted
            .and_then(|wanted| {
                let index = self
                    .places
                    .binary_search_by_key(&wanted, |place| place.offset)
                    .ok()?;
                self.places.get(index)
            })
            .ok_or_else(|| damaged_pack("a delta whose base is not in front of it"))?;
        if let Some((kind, bytes)) = self.recent.find(place.offset) {
            return Ok(Base {
                kind,
                bytes,
                depth: place.depth,
            });
        }
        let (kind, bytes) = self.receiving.by_row(place.row)?;
        Ok(Base {
            kind,
            bytes: Rc::new(bytes),
            depth: place.depth,
        })
    }

    /// A base outside the pack is one of our own objects (a thin pack), or came earlier in this one. The
    /// server chose it because we said we have it: if we do not, the cache lost it.
    fn base_named(&mut self, oid: &ObjectId) -> Result<Base, CacheError> {
        let (kind, bytes) = match self.receiving.row(oid)? {
            Some(row) => self.receiving.by_row(row)?,
            None => self
                .bases
                .base(oid)?
                .ok_or_else(|| CacheError::Damaged(format!("the base {oid} is missing")))?,
        };
        Ok(Base {
            kind,
            bytes: Rc::new(bytes),
            depth: 0,
        })
    }
}

fn damaged_pack(what: &str) -> Failure {
    Failure::protocol(format!(
        "the server's pack holds {what}; check the repository with git fsck"
    ))
}

/// The last objects, because the next delta is likely to use one of them.
#[derive(Default)]
struct Recent {
    objects: VecDeque<(u64, Kind, Rc<Vec<u8>>)>,
    bytes: usize,
}

/// Bytes and number of recent objects kept; a delta chain in a pack is written in one piece.
const RECENT_BYTES: usize = 8 * 1024 * 1024;
const RECENT_OBJECTS: usize = 128;

impl Recent {
    fn push(&mut self, offset: u64, kind: Kind, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.objects.push_back((offset, kind, Rc::new(bytes)));
        while self.bytes > RECENT_BYTES || self.objects.len() > RECENT_OBJECTS {
            let Some((_, _, gone)) = self.objects.pop_front() else {
                break;
            };
            self.bytes -= gone.len();
        }
    }

    fn find(&self, offset: u64) -> Option<(Kind, Rc<Vec<u8>>)> {
        let (_, kind, bytes) = self.objects.iter().rev().find(|(at, ..)| *at == offset)?;
        Some((*kind, Rc::clone(bytes)))
    }
}

/// Reads a pack's bytes, counting and hashing them.
struct PackReader<R> {
    reader: Hashing<R>,
    offset: u64,
    inflate_state: Decompress,
}

struct Hashing<R> {
    inner: R,
    hasher: Hasher,
    count: u64,
}

impl<R: BufRead> std::io::Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashing<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was filled before, so this reads nothing and cannot fail.
        if let Ok(available) = self.inner.fill_buf() {
            self.hasher
                .update(available.get(..amount).unwrap_or(available));
        }
        self.inner.consume(amount);
        self.count += amount as u64;
    }
}

const READING: &str = "reading the pack";

impl<R: BufRead> PackReader<R> {
    fn new(inner: R) -> Self {
        let hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
        let reader = Hashing {
            inner,
            hasher,
            count: 0,
        };
        Self {
            reader,
            offset: 0,
            inflate_state: Decompress::new(),
        }
    }

    fn exact<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Failure> {
        let mut bytes = [0; LENGTH];
        std::io::Read::read_exact(&mut self.reader, &mut bytes)
            .map_err(|error| Failure::from_io(error, READING))?;
        self.offset = self.reader.count;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Failure> {
        let [byte] = self.exact()?;
        Ok(byte)
    }

    fn header(&mut self, limits: &Limits) -> Result<u32, Failure> {
        if self.exact()? != *b"PACK" || u32::from_be_bytes(self.exact()?) != 2 {
            return Err(Failure::protocol(
                "the server sent something that is no pack of version 2",
            ));
        }
        let count = u32::from_be_bytes(self.exact()?);
        if count > limits.objects {
            return Err(Failure::refused(format!(
                "the server's pack announces {count} objects; the limit is {}: shorten the history",
                limits.objects
            )));
        }
        Ok(count)
    }

    /// Kind and size: three bits and four bits, then seven bits a byte.
    fn entry_header(&mut self) -> Result<(u8, u64), Failure> {
        let first = self.byte()?;
        let mut size = u64::from(first & 0x0f);
        let mut shift = 4;
        let mut byte = first;
        while byte & 0x80 != 0 {
            if shift > 57 {
                return Err(damaged_pack("an entry of impossible size"));
            }
            byte = self.byte()?;
            size |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        Ok(((first >> 4) & 7, size))
    }

    /// How far in front of this entry its base begins: seven bits a byte, each further byte adding one.
    fn base_distance(&mut self) -> Result<u64, Failure> {
        let mut byte = self.byte()?;
        let mut distance = u64::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            distance = distance
                .checked_add(1)
                .and_then(|distance| distance.checked_mul(128))
                .ok_or_else(|| damaged_pack("a base at an impossible place"))?
                | u64::from(byte & 0x7f);
        }
        Ok(distance)
    }

    fn inflate(&mut self, size: usize) -> Result<Vec<u8>, Failure> {
        let result = inflate_from(&mut self.reader, &mut self.inflate_state, size);
        self.offset = self.reader.count;
        result.map_err(|error| match error {
            InflateError::Io(error) => Failure::from_io(error, READING),
            InflateError::Invalid => damaged_pack("an entry that cannot be inflated"),
            InflateError::WrongSize => damaged_pack("an entry of another size than announced"),
        })
    }

    fn checksum(&mut self) -> Result<(), Failure> {
        let hasher = std::mem::replace(
            &mut self.reader.hasher,
            gix_hash::hasher(gix_hash::Kind::Sha1),
        );
        let expected: [u8; 20] = self.exact()?;
        match hasher.try_finalize() {
            Ok(actual) if actual.as_slice() == expected => Ok(()),
            _ => Err(Failure::new(
                FailureClass::Unreachable,
                "the pack was changed on its way (wrong checksum); it is fetched again",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
