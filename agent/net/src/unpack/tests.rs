use windlass_wire::FailureClass;

use super::*;
use crate::cache::Cache;

/// Builds packs entry by entry, well-formed or not.
struct Pack {
    count: u32,
    body: Vec<u8>,
}

impl Pack {
    fn new() -> Self {
        Self {
            count: 0,
            body: Vec::new(),
        }
    }

    /// Where the next entry begins.
    fn here(&self) -> u64 {
        12 + self.body.len() as u64
    }

    fn header(&mut self, code: u8, mut size: u64) {
        self.count += 1;
        let mut byte = (code << 4) | (size & 0x0f) as u8;
        size >>= 4;
        while size > 0 {
            self.body.push(byte | 0x80);
            byte = (size & 0x7f) as u8;
            size >>= 7;
        }
        self.body.push(byte);
    }

    fn object(&mut self, code: u8, bytes: &[u8]) -> u64 {
        let here = self.here();
        self.header(code, bytes.len() as u64);
        self.body.extend(crate::zlib::deflated(bytes).unwrap());
        here
    }

    fn offset_delta(&mut self, base: u64, delta: &[u8]) -> u64 {
        let here = self.here();
        let mut distance = here.wrapping_sub(base);
        self.header(6, delta.len() as u64);
        let mut bytes = vec![(distance & 0x7f) as u8];
        while distance > 0x7f {
            distance = (distance >> 7) - 1;
            bytes.push((distance & 0x7f) as u8 | 0x80);
        }
        bytes.reverse();
        self.body.extend(bytes);
        self.body.extend(crate::zlib::deflated(delta).unwrap());
        here
    }

    fn named_delta(&mut self, base: &[u8; 20], delta: &[u8]) {
        self.header(7, delta.len() as u64);
        self.body.extend(base);
        self.body.extend(crate::zlib::deflated(delta).unwrap());
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"PACK".to_vec();
        bytes.extend(2_u32.to_be_bytes());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(&self.body);
        let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
        hasher.update(&bytes);
        bytes.extend(hasher.try_finalize().unwrap().as_slice());
        bytes
    }
}

fn small() -> Limits {
    Limits {
        objects: 2000,
        object_bytes: 1024 * 1024,
        inflated_bytes: 4 * 1024 * 1024,
        delta_depth: 50,
        ..Limits::DEFAULT
    }
}

fn blob_oid(bytes: &[u8]) -> ObjectId {
    gix_object::compute_hash(gix_hash::Kind::Sha1, Kind::Blob, bytes).unwrap()
}

fn attempt(bytes: &[u8]) -> Result<u32, CacheError> {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(directory.path(), &small()).unwrap();
    let mut receiving = cache.receive().unwrap();
    let count = unpack(bytes, &mut receiving, &small())?;
    receiving.commit().unwrap();
    Ok(count)
}

#[track_caller]
fn fails(bytes: &[u8], expected: FailureClass) -> String {
    match attempt(bytes) {
        Err(CacheError::Failure(failure)) => {
            assert_eq!(failure.class, expected, "{failure}");
            failure.message
        }
        other => panic!("the pack is refused: {other:?}"),
    }
}

#[test]
fn objects_and_deltas_of_all_sorts_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(directory.path(), &small()).unwrap();
    let mut pack = Pack::new();
    let base = pack.object(3, b"hello");
    let second = pack.offset_delta(base, b"\x05\x08\x90\x05\x03 yo");
    for _ in 0..300 {
        pack.object(
            3,
            b"something in between, so that the distance takes two bytes",
        );
    }
    pack.offset_delta(second, b"\x08\x02\x90\x02");
    pack.named_delta(
        blob_oid(b"elsewhere").as_slice().try_into().unwrap(),
        b"\x09\x04\x90\x04",
    );
    let mut receiving = cache.receive().unwrap();
    receiving
        .put(&blob_oid(b"elsewhere"), Kind::Blob, b"elsewhere")
        .unwrap();
    assert_eq!(
        unpack(pack.bytes().as_slice(), &mut receiving, &small()).unwrap(),
        304
    );
    receiving.commit().unwrap();
    for content in [b"hello".as_slice(), b"hello yo", b"he", b"else"] {
        let found = cache.read(&blob_oid(content)).unwrap();
        assert_eq!(found, Some((Kind::Blob, content.to_vec())));
    }
    assert_eq!(cache.read(&blob_oid(b"other")).unwrap(), None);
}

#[test]
fn t12_a_size_that_is_a_lie_takes_no_memory_and_is_refused() {
    let mut pack = Pack::new();
    pack.header(3, 281_000_000_000_000);
    pack.body.extend(crate::zlib::deflated(b"x").unwrap());
    assert!(fails(&pack.bytes(), FailureClass::Refused).contains("limit is 1 MiB"));
    let mut pack = Pack::new();
    pack.header(3, 10);
    pack.body
        .extend(crate::zlib::deflated(&vec![0; 4_000_000]).unwrap());
    assert!(fails(&pack.bytes(), FailureClass::Protocol).contains("another size"));
    let mut pack = Pack::new();
    pack.header(3, 1_000_000);
    pack.body.extend(crate::zlib::deflated(b"short").unwrap());
    fails(&pack.bytes(), FailureClass::Protocol);
    let mut pack = Pack::new();
    pack.body.extend([0xb0; 30]);
    pack.count = 1;
    fails(&pack.bytes(), FailureClass::Protocol);
}

#[test]
fn t12_a_delta_that_grows_is_stopped_by_its_announced_result() {
    let mut pack = Pack::new();
    let base = pack.object(3, b"hello");
    // Result of 2 GiB.
    pack.offset_delta(base, b"\x05\x80\x80\x80\x80\x08\x90\x05");
    fails(&pack.bytes(), FailureClass::Refused);
    let mut pack = Pack::new();
    let base = pack.object(3, b"hello");
    pack.offset_delta(base, b"\x05\x02\x90\x05");
    assert!(fails(&pack.bytes(), FailureClass::Protocol).contains("delta"));
    let mut pack = Pack::new();
    let base = pack.object(3, b"hello");
    pack.offset_delta(base, b"\x06\x02\x90\x02");
    fails(&pack.bytes(), FailureClass::Protocol);
}

#[test]
fn t12_the_sum_of_all_sizes_is_bounded() {
    let mut pack = Pack::new();
    for _ in 0..5 {
        pack.object(3, &vec![0; 1_000_000]);
    }
    assert!(fails(&pack.bytes(), FailureClass::Refused).contains("more than 4 MiB"));
    let mut pack = Pack::new();
    let base = pack.object(3, &vec![0; 0x1_0000]);
    for _ in 0..100 {
        pack.offset_delta(base, b"\x80\x80\x04\x80\x80\x04\x80");
    }
    assert!(fails(&pack.bytes(), FailureClass::Refused).contains("more than 4 MiB"));
}

#[test]
fn t12_chains_of_deltas_are_bounded() {
    let chain = |length: u32| {
        let mut pack = Pack::new();
        let mut base = pack.object(3, b"hello");
        for index in 0..length {
            let delta = [b"\x05\x05\x90\x01\x04".as_slice(), &index.to_be_bytes()].concat();
            base = pack.offset_delta(base, &delta);
        }
        pack.bytes()
    };
    attempt(&chain(50)).unwrap();
    assert!(fails(&chain(51), FailureClass::Refused).contains("chain"));
}

#[test]
fn t12_a_base_that_is_not_in_front_is_refused() {
    let mut pack = Pack::new();
    pack.object(3, b"hello");
    for base in [13, 0, 11, pack.here(), pack.here() + 5] {
        let mut pack = Pack {
            count: pack.count,
            body: pack.body.clone(),
        };
        pack.offset_delta(base, b"\x05\x02\x90\x02");
        fails(&pack.bytes(), FailureClass::Protocol);
    }
}

#[test]
fn a_base_that_we_lost_means_that_the_cache_is_damaged() {
    let mut pack = Pack::new();
    pack.named_delta(&[7; 20], b"\x05\x02\x90\x02");
    assert!(matches!(
        attempt(&pack.bytes()),
        Err(CacheError::Damaged(_))
    ));
}

#[test]
fn t12_the_number_of_objects_is_bounded_before_anything_is_read() {
    let mut bytes = b"PACK\0\0\0\x02".to_vec();
    bytes.extend(u32::MAX.to_be_bytes());
    assert!(fails(&bytes, FailureClass::Refused).contains("4294967295"));
}

#[test]
fn what_is_no_pack_of_version_2_is_refused() {
    for bytes in [
        b"JUNKJUNKJUNK".as_slice(),
        b"PACK\0\0\0\x03\0\0\0\0",
        b"PACK\0\0\0\x09\0\0\0\0",
    ] {
        fails(bytes, FailureClass::Protocol);
    }
    for code in [0, 5] {
        let mut pack = Pack::new();
        pack.object(code, b"x");
        fails(&pack.bytes(), FailureClass::Protocol);
    }
}

#[test]
fn a_cut_or_changed_pack_never_passes_and_never_panics() {
    let mut pack = Pack::new();
    let base = pack.object(3, b"hello");
    pack.offset_delta(base, b"\x05\x08\x90\x05\x03 yo");
    pack.object(1, b"tree\n");
    let bytes = pack.bytes();
    attempt(&bytes).unwrap();
    for end in 0..bytes.len() {
        assert!(attempt(&bytes[..end]).is_err(), "cut at {end}");
    }
    for position in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[position] ^= flip;
            assert!(
                attempt(&bytes).is_err(),
                "byte {position} changed by {flip}"
            );
        }
    }
}

/// T05. Git's header in front moves the blocks of the two PDFs of shattered.io, so they do not collide as objects, and
/// nobody has published objects that do: the hasher is given the beginning of one PDF alone.
#[test]
fn t05_a_collision_attack_is_called_by_its_name() {
    let start = SHATTERED.as_bytes().chunks(2).map(|digits| {
        let digits = std::str::from_utf8(digits).unwrap();
        u8::from_str_radix(digits, 16).unwrap()
    });
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    hasher.update(&start.collect::<Vec<u8>>());
    let failure = not_hashed(&hasher.try_finalize().unwrap_err());
    assert_eq!(failure.class, FailureClass::HashCollision);
    assert!(failure.message.contains("SHA-1 collision attack"));
}

/// The first 320 bytes of shattered-1.pdf: what differs between the two files ends there.
const SHATTERED: &str = concat!(
    "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474",
    "682032203020522f4865696768742033203020522f547970652034203020522f",
    "537562747970652035203020522f46696c7465722036203020522f436f6c6f72",
    "53706163652037203020522f4c656e6774682038203020522f42697473506572",
    "436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31",
    "20697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01",
    "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de2",
    "18f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d2",
    "3c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500",
    "eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1",
);
