//! Objects as bytes: read through a reader passed in, hashed again at every load.

use sha1_checked::{Digest, Sha1};

use crate::{ObjectKind, Oid};

/// One Git object as stored: its kind and its bytes, without the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawObject {
    /// What the object claims to be; part of what its id covers.
    pub kind: ObjectKind,
    /// The object's bytes, exactly as Git hashes them after the header.
    pub bytes: Vec<u8>,
}

/// Why a reader could not look. It is never "not there", which is `Ok(None)`.
pub type ReadError = Box<dyn std::error::Error + Send + Sync>;

/// Where objects come from. Nothing it returns is believed: every object is hashed again.
pub trait ObjectReader {
    /// Reads one object; `None` when the store does not hold it.
    ///
    /// # Errors
    /// The store could not be read.
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError>;

    /// Says whether the store holds the object. Stores that can answer without reading the bytes
    /// override this.
    ///
    /// # Errors
    /// The store could not be read.
    fn contains(&self, oid: &Oid) -> Result<bool, ReadError> {
        Ok(self.read(oid)?.is_some())
    }
}

/// The bytes are part of a known SHA-1 collision attack, so their id names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes carry a SHA-1 collision attack")]
pub struct Collision;

/// Why an object could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The store does not hold the object.
    #[error("object {oid} is missing from the kept objects; fetch the source again")]
    Missing {
        /// The object looked for.
        oid: Oid,
    },
    /// The bytes do not have the id they were stored under.
    #[error(
        "object {expected} was changed where it is kept: its bytes hash to {actual}; drop the kept objects and fetch again"
    )]
    Tampered {
        /// The id asked for.
        expected: Oid,
        /// The id that the bytes have.
        actual: Oid,
    },
    /// The bytes are a SHA-1 collision attack.
    #[error(
        "object {oid} carries a SHA-1 collision attack; do not use the source until its owner has explained this"
    )]
    Collision {
        /// The object asked for.
        oid: Oid,
    },
    /// The object is of another kind than its place demands.
    #[error("object {oid} is a {actual}, but a {expected} belongs there")]
    WrongKind {
        /// The object asked for.
        oid: Oid,
        /// The kind its place demands.
        expected: ObjectKind,
        /// The kind it has.
        actual: ObjectKind,
    },
    /// The store could not be read.
    #[error("object {oid} could not be read")]
    Read {
        /// The object asked for.
        oid: Oid,
        /// What the store said.
        #[source]
        source: ReadError,
    },
}

/// Computes the id of an object with a SHA-1 that detects collision attacks.
///
/// # Errors
/// The bytes are part of a collision attack.
pub fn hash(kind: ObjectKind, bytes: &[u8]) -> Result<Oid, Collision> {
    let length = bytes.len().to_string();
    let pieces = [
        kind.as_str().as_bytes(),
        b" ",
        length.as_bytes(),
        b"\0",
        bytes,
    ];
    digest(&pieces).map(Oid::from_bytes)
}

fn digest(pieces: &[&[u8]]) -> Result<[u8; 20], Collision> {
    let mut hasher = Sha1::new();
    for piece in pieces {
        hasher.update(piece);
    }
    let result = hasher.try_finalize();
    if result.has_collision() {
        return Err(Collision);
    }
    Ok((*result.hash()).into())
}

/// Reads one object and hashes it again.
///
/// # Errors
/// The object is missing, is not what its id names, is a collision attack, or could not be read.
pub fn load(reader: &dyn ObjectReader, oid: &Oid) -> Result<RawObject, LoadError> {
    let object = reader
        .read(oid)
        .map_err(|source| LoadError::Read { oid: *oid, source })?
        .ok_or(LoadError::Missing { oid: *oid })?;
    match hash(object.kind, &object.bytes) {
        Err(Collision) => Err(LoadError::Collision { oid: *oid }),
        Ok(actual) if actual != *oid => Err(LoadError::Tampered {
            expected: *oid,
            actual,
        }),
        Ok(_) => Ok(object),
    }
}

/// The directory without entries, as text. Git knows it without having it (object-file.c), so it may be missing anywhere.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Loads an object whose place demands a kind.
pub(crate) fn load_kind(
    reader: &dyn ObjectReader,
    oid: &Oid,
    expected: ObjectKind,
) -> Result<Vec<u8>, LoadError> {
    if expected == ObjectKind::Tree && EMPTY_TREE.parse() == Ok(*oid) {
        return Ok(Vec::new());
    }
    let object = load(reader, oid)?;
    if object.kind != expected {
        return Err(LoadError::WrongKind {
            oid: *oid,
            expected,
            actual: object.kind,
        });
    }
    Ok(object.bytes)
}

#[cfg(test)]
mod tests;
