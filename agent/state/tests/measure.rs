//! What it costs, measured on a build that is optimised.

use std::time::{Duration, Instant};

use windlass_state::Store;
use windlass_trust::{ObjectKind, ObjectReader, Oid, hash};

use crate::child::{accept, line};

const OBJECTS: u32 = 20_000;

/// Something like a manifest of a given size.
fn manifest(number: u32, size: usize) -> Vec<u8> {
    let mut text =
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\nspec:\n");
    let mut seed = number;
    while text.len() < size {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(&format!(
            "  - name: value-{seed:08x}\n    image: registry.example.com/app:v{}\n",
            seed % 97
        ));
    }
    text.truncate(size);
    text.into_bytes()
}

#[test]
#[ignore = "measures: needs --release"]
fn keeping_and_reading_stay_within_their_budgets() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path()).unwrap();
    let objects: Vec<(Oid, Vec<u8>)> = (0..OBJECTS)
        .map(|number| {
            manifest(
                number,
                if number % 4 == 0 {
                    4096
                } else {
                    200 + number as usize % 2000
                },
            )
        })
        .map(|bytes| (hash(ObjectKind::Blob, &bytes).unwrap(), bytes))
        .collect();
    let mut tree: Vec<u8> = Vec::new();
    for (number, (oid, _)) in objects.iter().enumerate() {
        tree.extend_from_slice(format!("100644 f{number:06}.yaml\0").as_bytes());
        tree.extend_from_slice(oid.as_bytes());
    }
    let tree_oid = hash(ObjectKind::Tree, &tree).unwrap();
    let who = "A U Thor <a@example.com> 1700000000 +0000";
    let commit = format!("tree {tree_oid}\nauthor {who}\ncommitter {who}\n\nmany\n").into_bytes();
    let head = hash(ObjectKind::Commit, &commit).unwrap();

    let began = Instant::now();
    let mut incoming = store.receive().unwrap();
    for (oid, bytes) in &objects {
        incoming.put(*oid, ObjectKind::Blob, bytes).unwrap();
    }
    incoming.put(tree_oid, ObjectKind::Tree, &tree).unwrap();
    incoming.put(head, ObjectKind::Commit, &commit).unwrap();
    let received = began.elapsed();
    let accepted = accept(&incoming, head);
    incoming.keep(&line(), &accepted, 1).unwrap();
    let kept = began.elapsed();

    let opened = Instant::now();
    let reader = store.reader().unwrap();
    let opened = opened.elapsed();
    let large: Vec<&(Oid, Vec<u8>)> = objects
        .iter()
        .filter(|(_, bytes)| bytes.len() == 4096)
        .collect();
    let round = || {
        let began = Instant::now();
        for (oid, bytes) in &large {
            assert_eq!(reader.read(oid).unwrap().unwrap().bytes.len(), bytes.len());
        }
        began.elapsed() / u32::try_from(large.len()).unwrap()
    };
    round();
    let read = round();
    drop(reader);
    drop(store);
    let raw: usize = objects.iter().map(|(_, bytes)| bytes.len()).sum();
    let size = std::fs::metadata(place.path().join("store.db"))
        .unwrap()
        .len();
    let began = Instant::now();
    drop(Store::open(place.path()).unwrap());
    let opening = began.elapsed();
    println!(
        "received {received:?}, kept {kept:?}; reader {opened:?}; 4 KiB read {read:?}; {raw} bytes in a file of {size}; opened with check {opening:?}"
    );
    assert!(kept < Duration::from_millis(1500), "{kept:?}");
    assert!(read < Duration::from_micros(20), "{read:?}");
}
