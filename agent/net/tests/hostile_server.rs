//! Servers that answer with too much, for too long, or with lies.

use std::fs;
use std::time::{Duration, Instant};

use windlass_wire::FailureClass;

use crate::agent::{Net, request};
use crate::faults::{assert_cache_is_small, fleet, noise};
use crate::git::Repository;
use crate::http_server::{Behaviour, HttpServer};

/// A pack with these entries; its checksum is wrong, because it never gets that far.
fn pack(count: u32, entries: &[u8]) -> Vec<u8> {
    [
        b"PACK\0\0\0\x02".as_slice(),
        &count.to_be_bytes(),
        entries,
        &[0; 20],
    ]
    .concat()
}

/// Kind and size of an entry.
fn entry(kind: u8, mut size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = (kind << 4) | (size & 0x0f) as u8;
    size >>= 4;
    while size > 0 {
        bytes.push(byte | 0x80);
        byte = (size & 0x7f) as u8;
        size >>= 7;
    }
    bytes.push(byte);
    bytes
}

/// A zlib stream (RFC 1950) of a block that is not compressed.
fn stored(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in content {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    [
        b"\x78\x01\x01".as_slice(),
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        content,
        &((high << 16) | low).to_be_bytes(),
    ]
    .concat()
}

/// What it is, the pack, and a word of the refusal.
fn bombs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let small =
        |kind, content: &[u8]| [entry(kind, content.len() as u64), stored(content)].concat();
    let chain: Vec<u8> = (0..5000_u32)
        .flat_map(|number| {
            let delta = [b"\x05\x05\x90\x01\x04".as_slice(), &number.to_be_bytes()].concat();
            // The base is the entry right in front: its own length back.
            let length: u8 = if number == 0 { 17 } else { 22 };
            [entry(6, delta.len() as u64), vec![length], stored(&delta)].concat()
        })
        .collect();
    vec![
        (
            "281 TB",
            pack(1, &[entry(3, 281_000_000_000_000), stored(b"x")].concat()),
            "limit is",
        ),
        (
            "4 GB of zeros",
            pack(1, &[entry(3, 1 << 32), stored(&[0; 60_000])].concat()),
            "limit is",
        ),
        (
            "more than said",
            pack(1, &[entry(3, 10), stored(&[0; 60_000])].concat()),
            "another size",
        ),
        (
            "a delta of 2 GiB",
            pack(
                2,
                &[
                    small(3, b"hello"),
                    entry(6, 7),
                    vec![17],
                    stored(b"\x05\x80\x80\x80\x80\x08\x90"),
                ]
                .concat(),
            ),
            "limit is",
        ),
        (
            "a chain of 5000",
            pack(5001, &[small(3, b"hello"), chain].concat()),
            "chain of more than",
        ),
        (
            "4 billion objects",
            pack(u32::MAX, &small(3, b"hello")),
            "4294967295",
        ),
        ("fewer than said", pack(3, &small(3, b"hello")), ""),
        ("version 3", b"PACK\0\0\0\x03\0\0\0\0".to_vec(), "version 2"),
    ]
}

#[test]
fn t12_pack_bombs_end_at_their_bound_and_leave_nothing() {
    let (repository, server, net) = fleet();
    for (name, bomb, word) in bombs() {
        server.behave(Behaviour::Pack(bomb));
        let started = Instant::now();
        let fetched = net.fetch(&request(&server.url()));
        let (class, message) = fetched.failure();
        assert!(
            matches!(
                class,
                FailureClass::Refused | FailureClass::Protocol | FailureClass::Unreachable
            ),
            "{name}: {class}"
        );
        assert!(message.contains(word), "{name}: {message}");
        assert!(started.elapsed() < Duration::from_secs(20), "{name}");
        assert_cache_is_small(&net);
    }
    server.behave(Behaviour::Normal);
    let fetched = net.fetch(&request(&server.url()));
    assert_eq!(fetched.oids(), repository.objects_between("HEAD", &[]));
}

#[test]
fn t13_a_server_that_only_reports_progress_runs_into_the_timeout() {
    let (_repository, server, net) = fleet();
    server.behave(Behaviour::Chatter);
    let mut request = request(&server.url());
    request.timeout_seconds = 2;
    let fetched = net.fetch(&request);
    assert_eq!(
        fetched.failure().0,
        FailureClass::Timeout,
        "{:?}",
        fetched.end
    );
    assert_cache_is_small(&net);
}

#[test]
fn t13_a_server_that_hangs_after_its_references_runs_into_the_timeout() {
    let (_repository, server, net) = fleet();
    server.behave(Behaviour::SilentPack);
    let mut request = request(&server.url());
    request.timeout_seconds = 1;
    assert_eq!(net.fetch(&request).failure().0, FailureClass::Timeout);
    assert_cache_is_small(&net);
}

#[test]
fn t13_a_thousand_resets_leave_as_much_as_one() {
    let (_repository, server, net) = fleet();
    let size = || {
        let file = net.only_cache().join("objects.sqlite");
        let journal = file.with_extension("sqlite-journal");
        let length = |path| fs::metadata(path).map_or(0, |found| found.len());
        length(file) + length(journal)
    };
    let mut sizes = Vec::new();
    for number in 0..1000_usize {
        server.behave(Behaviour::Reset(number * 45));
        assert_eq!(
            net.fetch(&request(&server.url())).failure().0,
            FailureClass::Unreachable
        );
        sizes.push(size());
    }
    assert!(
        sizes.iter().all(|size| *size <= sizes[0].max(64 * 1024)),
        "{sizes:?}"
    );
}

#[test]
fn t13_a_large_pack_that_is_reset_at_every_64_kib_leaves_nothing() {
    let noise = noise(1_500_000);
    let repository = Repository::with_files(&[("a", noise.as_str())]);
    let server = HttpServer::start(repository.root.path());
    let net = Net::start();
    let whole = noise.len() * 3 / 4;
    for after in (0..whole).step_by(64 * 1024) {
        server.behave(Behaviour::Reset(after));
        let fetched = net.fetch(&request(&server.url()));
        let class = fetched.failure().0;
        assert_eq!(class, FailureClass::Unreachable, "{after}");
        assert!(fetched.objects.is_empty(), "{after}");
        assert_cache_is_small(&net);
    }
    server.behave(Behaviour::Normal);
    let fetched = net.fetch(&request(&server.url()));
    assert_eq!(fetched.oids(), repository.objects_between("HEAD", &[]));
}
