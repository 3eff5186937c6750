//! The deterministic archive that stands for a revision in `status.artifact`.
//!
//! Flux's API requires digest, path and url of an artifact. Ours is a ustar archive (files only, sorted, owner
//! 0, time 0) in stored gzip, so that its digest depends on the files alone and not on a compressor.
//! It is streamed through the hash; where files have no other place, as those of a Bucket, it is kept, too.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Digest and size of the archive of some files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArtifactDigest {
    /// `sha256:<hex>`, as in `status.artifact.digest`.
    pub(crate) digest: String,
    /// Bytes of the gzip file, as in `status.artifact.size`.
    pub(crate) size: u64,
}

/// Where the bytes of the archive go, besides the hash.
pub(crate) trait Sink {
    fn take(&mut self, bytes: &[u8]);
}

impl Sink for () {
    fn take(&mut self, _bytes: &[u8]) {}
}

/// Streams files into the archive. Add them in sorted order.
pub(crate) struct ArtifactHasher<S = ()> {
    gzip: StoredGzip<S>,
}

const TAR_BLOCK: usize = 512;
/// Largest block that deflate can store without compression (RFC 1951, 3.2.4).
const STORED_BLOCK: usize = 65_535;
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

impl ArtifactHasher {
    pub(crate) fn new() -> Self {
        Self::into(())
    }

    /// Ends the archive.
    pub(crate) fn finish(self) -> ArtifactDigest {
        self.finish_into().0
    }
}

impl<S: Sink> ArtifactHasher<S> {
    pub(crate) fn into(sink: S) -> Self {
        ArtifactHasher {
            gzip: StoredGzip::new(sink),
        }
    }

    /// Adds one regular file.
    pub(crate) fn add(&mut self, path: &str, bytes: &[u8]) {
        if path.len() > 100 {
            // A name too long for the header travels in a GNU long-name entry of its own.
            self.entry("././@LongLink", b'L', &[path.as_bytes(), b"\0"].concat());
        }
        self.entry(path, b'0', bytes);
    }

    /// Ends the archive, and gives the sink back.
    pub(crate) fn finish_into(mut self) -> (ArtifactDigest, S) {
        self.gzip.write(&[0; 2 * TAR_BLOCK]);
        self.gzip.finish()
    }

    fn entry(&mut self, path: &str, kind: u8, bytes: &[u8]) {
        self.gzip.write(&header(path, kind, bytes.len()));
        self.gzip.write(bytes);
        let rest = bytes.len() % TAR_BLOCK;
        if rest != 0 {
            self.gzip.write(&vec![0; TAR_BLOCK - rest]);
        }
    }
}

fn header(path: &str, kind: u8, size: usize) -> Vec<u8> {
    let name: Vec<u8> = path.bytes().take(100).collect();
    let mut block = padded(&name, 100);
    block.extend(padded(b"0000644", 8));
    block.extend(padded(b"0000000", 8));
    block.extend(padded(b"0000000", 8));
    block.extend(padded(format!("{size:011o}").as_bytes(), 12));
    block.extend(padded(b"00000000000", 12));
    let tail = [padded(&[kind], 101), b"ustar\x0000".to_vec(), vec![0; 247]].concat();
    let sum: u32 = block
        .iter()
        .chain(&tail)
        .map(|byte| u32::from(*byte))
        .sum::<u32>()
        + 8 * 32;
    block.extend(format!("{sum:06o}\0 ").into_bytes());
    block.extend(tail);
    block
}

fn padded(bytes: &[u8], width: usize) -> Vec<u8> {
    let mut field = bytes.to_vec();
    field.resize(width, 0);
    field
}

struct StoredGzip<S> {
    sink: S,
    hash: Sha256,
    checksum: crc32fast::Hasher,
    pending: Vec<u8>,
    input: u64,
    output: u64,
}

impl<S: Sink> StoredGzip<S> {
    fn new(sink: S) -> Self {
        let mut gzip = StoredGzip {
            sink,
            hash: Sha256::new(),
            checksum: crc32fast::Hasher::new(),
            pending: Vec::with_capacity(STORED_BLOCK),
            input: 0,
            output: 0,
        };
        gzip.emit(&GZIP_HEADER);
        gzip
    }

    fn write(&mut self, mut bytes: &[u8]) {
        self.checksum.update(bytes);
        self.input += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = STORED_BLOCK - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == STORED_BLOCK {
                self.flush(0);
            }
        }
    }

    fn flush(&mut self, last: u8) {
        let block = std::mem::take(&mut self.pending);
        let length = u16::try_from(block.len()).expect("a block is at most STORED_BLOCK long");
        let mut prefix = vec![last];
        prefix.extend(length.to_le_bytes());
        prefix.extend((!length).to_le_bytes());
        self.emit(&prefix);
        self.emit(&block);
    }

    fn finish(mut self) -> (ArtifactDigest, S) {
        self.flush(1);
        let checksum = self.checksum.clone().finalize().to_le_bytes();
        self.emit(&checksum);
        // ISIZE of gzip is the length modulo 2^32 (RFC 1952).
        let length = ((self.input & 0xffff_ffff) as u32).to_le_bytes();
        self.emit(&length);
        let digest = hex::encode(self.hash.finalize());
        let digest = ArtifactDigest {
            digest: format!("sha256:{digest}"),
            size: self.output,
        };
        (digest, self.sink)
    }

    fn emit(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.sink.take(bytes);
        self.output += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> ArtifactDigest {
        let mut hasher = ArtifactHasher::new();
        for (path, bytes) in files {
            hasher.add(path, bytes);
        }
        hasher.finish()
    }

    #[test]
    fn the_same_files_give_the_same_digest_and_another_byte_another() {
        let one = archive(&[("a.yaml", b"x"), ("b/c.yaml", b"y")]);
        assert_eq!(one, archive(&[("a.yaml", b"x"), ("b/c.yaml", b"y")]));
        assert_ne!(
            one.digest,
            archive(&[("a.yaml", b"x"), ("b/c.yaml", b"z")]).digest
        );
    }

    #[test]
    fn the_size_is_that_of_the_stored_gzip() {
        let file = vec![7; 70_000];
        let tar = 512 + 70_144 + 1024;
        assert_eq!(archive(&[("a", &file)]).size, 10 + 2 * 5 + tar + 8);
    }
}
