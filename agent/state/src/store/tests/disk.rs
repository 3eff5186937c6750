//! A disk that is full or read-only. The disk is a tmpfs of its own, so these need root.

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::*;
use crate::{RatchetError, RatchetFile, WriteError};

/// A small file system that goes away with the value.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn new(options: &str) -> Option<SmallDisk> {
        let place = tempfile::tempdir().unwrap();
        let mounted = mount(
            Some("tmpfs"),
            place.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options),
        );
        if mounted.is_err() {
            eprintln!("skipped: mounting needs root");
            return None;
        }
        Some(SmallDisk(place))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state")
    }

    fn remount(&self, flags: MsFlags) {
        mount(
            None::<&str>,
            self.0.path(),
            None::<&str>,
            MsFlags::MS_REMOUNT | flags,
            None::<&str>,
        )
        .unwrap();
    }

    /// Takes all space and gives the file that has it.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut length = 64 * 1024 * 1024;
        let mut bytes = Vec::new();
        while length > 0 {
            bytes.resize(bytes.len() + length, 7_u8);
            if fs::write(&path, &bytes).is_err() {
                bytes.truncate(bytes.len() - length);
                length /= 2;
            }
        }
        fs::write(&path, &bytes).unwrap();
        while fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &[7]))
            .is_ok()
        {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(self.0.path(), MntFlags::MNT_DETACH).unwrap();
    }
}

fn noise(bytes: usize) -> String {
    let mut seed = 1_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + u8::try_from((seed >> 16) % 90).unwrap())
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn t46_on_a_full_disk_the_kept_generation_stays_and_writing_works_again_when_there_is_space() {
    let Some(disk) = SmallDisk::new("size=2m") else {
        return;
    };
    let store = Store::open(&disk.path()).unwrap();
    let mut repository = Repository::default();
    let first = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    keep(&store, &repository, "root", first);
    let filler = disk.fill();

    let big = noise(300_000);
    let second = repository.commit(&[first], &[("a.yaml", &big)]);
    let refused = receive_and_keep(&store, &repository, second).unwrap_err();
    assert!(refused.contains("no space left"), "{refused}");
    let error = store.remember("big", big.as_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::NoSpace { .. }), "{error:?}");

    assert_eq!(store.kept(&line("root")).unwrap().unwrap().head, first);
    let reader = store.reader().unwrap();
    assert_eq!(
        missing_objects(&reader, &accept(&reader, first).source).unwrap(),
        None
    );
    drop(reader);

    fs::remove_file(filler).unwrap();
    receive_and_keep(&store, &repository, second).unwrap();
    store.remember("big", big.as_bytes()).unwrap();
    assert_eq!(store.kept(&line("root")).unwrap().unwrap().head, second);
}

fn receive_and_keep(store: &Store, repository: &Repository, head: Oid) -> Result<(), String> {
    let mut incoming = store.receive().map_err(|error| error.to_string())?;
    for (oid, object) in &repository.0 {
        incoming
            .put(*oid, object.kind, &object.bytes)
            .map_err(|error| error.to_string())?;
    }
    let accepted = accept(&incoming, head);
    let tip = Tip {
        reference: "refs/heads/main".to_owned(),
        target: head,
    };
    incoming
        .keep(&line("root"), &accepted, &tip, 1)
        .map_err(|error| error.to_string())
}

#[test]
fn t46_a_restart_on_a_full_disk_serves_what_was_kept() {
    let Some(disk) = SmallDisk::new("size=2m") else {
        return;
    };
    let store = Store::open(&disk.path()).unwrap();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    keep(&store, &repository, "root", head);
    drop(store);
    let _filler = disk.fill();
    let store = Store::open(&disk.path()).unwrap();
    assert_eq!(store.kept(&line("root")).unwrap().unwrap().head, head);
    let reader = store.reader().unwrap();
    assert_eq!(
        missing_objects(&reader, &accept(&reader, head).source).unwrap(),
        None
    );
}

#[test]
fn t46_without_inodes_nothing_is_received_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::new("size=2m,nr_inodes=6") else {
        return;
    };
    let store = Store::open(&disk.path()).unwrap();
    store.remember("key", b"value").unwrap();
    for index in 0..6 {
        drop(fs::write(disk.0.path().join(index.to_string()), ""));
    }
    let error = store.receive().unwrap_err();
    assert!(matches!(error, StoreError::NoSpace { .. }), "{error:?}");
    assert_eq!(store.recall("key").unwrap(), Some(b"value".to_vec()));
}

#[test]
fn t46_on_a_disk_that_turned_read_only_everything_is_still_read() {
    let Some(disk) = SmallDisk::new("size=4m") else {
        return;
    };
    let store = Store::open(&disk.path()).unwrap();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    keep(&store, &repository, "root", head);
    let oid = accept(&repository, head).ratchet;
    RatchetFile::open(&disk.path())
        .unwrap()
        .advance(&line("root"), &oid)
        .unwrap();
    drop(store);
    disk.remount(MsFlags::MS_RDONLY);

    let mut ratchets = RatchetFile::open(&disk.path()).unwrap();
    assert_eq!(ratchets.get(&line("root")), Some(oid.clone()));
    let further = windlass_trust::Ratchet {
        counter: oid.counter + 1,
        ..oid
    };
    let error = ratchets.advance(&line("root"), &further).unwrap_err();
    assert!(
        matches!(error, RatchetError::Write(WriteError::ReadOnly { .. })),
        "{error:?}"
    );

    let store = Store::open(&disk.path()).unwrap();
    assert_eq!(store.kept(&line("root")).unwrap().unwrap().head, head);
    let reader = store.reader().unwrap();
    assert_eq!(
        missing_objects(&reader, &accept(&reader, head).source).unwrap(),
        None
    );
    let error = store.remember("key", b"value").unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
}

#[test]
fn t46_on_a_full_disk_the_ratchet_stays_and_moves_when_there_is_space() {
    let Some(disk) = SmallDisk::new("size=2m") else {
        return;
    };
    fs::create_dir(disk.path()).unwrap();
    let step = |counter: u8| windlass_trust::Ratchet {
        head: Oid::from_bytes([counter; 20]),
        introduction: Oid::from_bytes([0; 20]),
        counter: counter.into(),
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let mut file = RatchetFile::open(&disk.path()).unwrap();
    file.advance(&line("root"), &step(1)).unwrap();
    let filler = disk.fill();
    let error = file.advance(&line("root"), &step(2)).unwrap_err();
    assert!(
        matches!(error, RatchetError::Write(WriteError::NoSpace { .. })),
        "{error:?}"
    );
    assert_eq!(
        RatchetFile::open(&disk.path()).unwrap().get(&line("root")),
        Some(step(1))
    );
    fs::remove_file(filler).unwrap();
    file.advance(&line("root"), &step(2)).unwrap();
    assert_eq!(
        RatchetFile::open(&disk.path()).unwrap().get(&line("root")),
        Some(step(2))
    );
}
