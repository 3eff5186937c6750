//! What the node's store costs: to keep a fetched source of many files, and to read one of them.

use std::time::{Duration, Instant};

use windlass_state::{Reader, Store};
use windlass_trust::{ObjectKind, ObjectReader as _, Oid};

use super::Scene;
use crate::house::folder;
use crate::range::{keep, put};
use crate::report::{Reach, Row};
use crate::sample::Sample;

const FILES: u32 = 20_000;

/// Every so many-th file is a large one, and those are read.
const LARGE_EVERY: u32 = 4;
const LARGE_BYTES: usize = 4096;

const ROUNDS: usize = 7;

pub(super) const SCENE: Scene = Scene {
    what: "a source of 20,000 files, kept and read",
    rows: &["store_keep", "store_read"],
    run,
};

/// Something like a manifest, of at least so many bytes before it is cut there.
fn manifest(number: u32, bytes: usize) -> Vec<u8> {
    let mut text =
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\nspec:\n");
    let mut seed = number;
    while text.len() < bytes {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let image = format!("registry.example.com/app:v{}", seed % 97);
        text.push_str(&format!("  - name: value-{seed:08x}\n    image: {image}\n"));
    }
    text.truncate(bytes);
    text.into_bytes()
}

fn manifests() -> Vec<Vec<u8>> {
    let bytes = |number: u32| {
        if number.is_multiple_of(LARGE_EVERY) {
            LARGE_BYTES
        } else {
            200 + number as usize % 2000
        }
    };
    (0..FILES)
        .map(|number| manifest(number, bytes(number)))
        .collect()
}

/// Receives and keeps them under one commit; gives their names and the time.
fn fill(store: &Store, files: &[Vec<u8>]) -> (Vec<Oid>, Duration) {
    let start = Instant::now();
    let mut incoming = store.receive().expect("the state can be written");
    let mut tree = Vec::new();
    let mut names = Vec::new();
    for (number, bytes) in files.iter().enumerate() {
        let oid = put(&mut incoming, ObjectKind::Blob, bytes);
        tree.extend_from_slice(format!("100644 f{number:06}.yaml\0").as_bytes());
        tree.extend_from_slice(oid.as_bytes());
        names.push(oid);
    }
    let tree = put(&mut incoming, ObjectKind::Tree, &tree);
    let who = "Owner <owner@house.example> 1700000000 +0000";
    let commit = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nMany\n");
    let head = put(&mut incoming, ObjectKind::Commit, commit.as_bytes());
    keep(incoming, head);
    (names, start.elapsed())
}

fn read_all(reader: &Reader, names: &[Oid]) -> Duration {
    let start = Instant::now();
    for name in names {
        let object = reader.read(name).expect("the state can be read");
        assert_eq!(object.map(|object| object.bytes.len()), Some(LARGE_BYTES));
    }
    start.elapsed() / u32::try_from(names.len()).unwrap_or(u32::MAX)
}

fn run() -> Vec<Row> {
    let place = folder("store");
    let store = Store::open(&place.path().join("state")).expect("the state can be opened");
    let (names, kept) = fill(&store, &manifests());
    let large: Vec<Oid> = names.into_iter().step_by(LARGE_EVERY as usize).collect();
    let reader = store.reader().expect("the state can be read");
    let sample = Sample::of((0..ROUNDS).map(|_| read_all(&reader, &large)).collect());
    let keep = Row {
        name: "store_keep",
        value: kept.as_secs_f64(),
        unit: "s",
        reach: Reach::AtMost(1.5),
        note: format!("{FILES} files hashed, received and kept in one transaction"),
    };
    let read = Row {
        name: "store_read",
        value: sample.median() * 1e3,
        unit: "µs",
        reach: Reach::AtMost(20.0),
        note: format!(
            "a file of {LARGE_BYTES} bytes, hashed again; of {}",
            large.len()
        ),
    };
    vec![keep, read]
}
