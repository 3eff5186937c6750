use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use windlass_trust::{
    Accepted, AllowedSigners, Introduction, LoadError, Mode, ObjectKind, ObjectReader, Policy,
    RawObject, hash, load, missing_objects, verify,
};

use super::*;

mod audit;
mod damage;
mod disk;

/// Objects as a sender has them.
#[derive(Clone, Debug, Default)]
struct Repository(Vec<(Oid, RawObject)>);

impl Repository {
    fn add(&mut self, kind: ObjectKind, bytes: Vec<u8>) -> Oid {
        let oid = hash(kind, &bytes).unwrap();
        self.0.push((oid, RawObject { kind, bytes }));
        oid
    }

    /// A commit of one directory `apps` with these files.
    fn commit(&mut self, parents: &[Oid], files: &[(&str, &str)]) -> Oid {
        let mut apps = Vec::new();
        for (name, content) in files {
            let blob = self.add(ObjectKind::Blob, content.as_bytes().to_vec());
            apps.extend_from_slice(format!("100644 {name}\0").as_bytes());
            apps.extend_from_slice(blob.as_bytes());
        }
        let apps = self.add(ObjectKind::Tree, apps);
        let mut root = b"40000 apps\0".to_vec();
        root.extend_from_slice(apps.as_bytes());
        let root = self.add(ObjectKind::Tree, root);
        let parents: String = parents
            .iter()
            .map(|parent| format!("parent {parent}\n"))
            .collect();
        let who = "A U Thor <a@example.com> 1700000000 +0000";
        let text = format!(
            "tree {root}\n{parents}author {who}\ncommitter {who}\n\n{} files\n",
            files.len()
        );
        self.add(ObjectKind::Commit, text.into_bytes())
    }

    fn send(&self, incoming: &mut Incoming) {
        for (oid, object) in &self.0 {
            incoming.put(*oid, object.kind, &object.bytes).unwrap();
        }
    }
}

impl ObjectReader for Repository {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, windlass_trust::ReadError> {
        Ok(self
            .0
            .iter()
            .find(|(known, _)| known == oid)
            .map(|(_, object)| object.clone()))
    }
}

/// The verdict on a head that is pinned, so that it needs no signature.
fn accept(reader: &dyn ObjectReader, head: Oid) -> Accepted {
    let signers = AllowedSigners::parse(SIGNERS).unwrap().into();
    let policy = Policy {
        signers,
        introduction: Introduction::Commit(head),
        mode: Mode::Path,
    };
    match verify(reader, &policy, None, &head).unwrap() {
        windlass_trust::Verdict::Accepted(accepted) => accepted,
        windlass_trust::Verdict::Refused(refusal) => panic!("{refusal}"),
    }
}

const SIGNERS: &str = "me@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n";

fn line(name: &str) -> Line {
    Line {
        source: format!("flux-system/{name}"),
        url: "https://h/r".to_owned(),
        selector: "branch=main".to_owned(),
    }
}

fn main(head: Oid) -> Tip {
    Tip {
        reference: "refs/heads/main".to_owned(),
        target: head,
    }
}

fn keep(store: &Store, repository: &Repository, name: &str, head: Oid) {
    let mut incoming = store.receive().unwrap();
    repository.send(&mut incoming);
    let accepted = accept(&incoming, head);
    incoming
        .keep(&line(name), &accepted, &main(head), 1000)
        .unwrap();
}

fn open() -> (TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path()).unwrap();
    (place, store)
}

fn object_count(store: &Store) -> i64 {
    store
        .with(|connection| {
            connection.query_row("SELECT count(*) FROM objects", [], |row| row.get(0))
        })
        .unwrap()
}

/// Every file of the state with all that a write would change.
fn files(place: &TempDir) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let entries = fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| (entry.path(), entry.metadata().unwrap()))
        .map(|(path, metadata)| (path, metadata.len(), metadata.modified().unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn what_an_accepted_head_reaches_is_kept_across_a_restart() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let first = repository.commit(
        &[],
        &[("a.yaml", "a: 1\n"), ("b.yaml", &"b: 2\n".repeat(100))],
    );
    keep(&store, &repository, "root", first);
    drop(store);

    let store = Store::open(place.path()).unwrap();
    assert_eq!(store.recovered(), None);
    assert_eq!(
        store.kept(&line("root")).unwrap(),
        Some(Kept {
            head: first,
            fetched_at: 1000,
            tip: Some(main(first)),
        })
    );
    assert_eq!(store.kept(&line("other")).unwrap(), None);
    let reader = store.reader().unwrap();
    for (oid, object) in &repository.0 {
        assert_eq!(&load(&reader, oid).unwrap(), object);
        assert!(reader.contains(oid).unwrap());
    }
    let accepted = accept(&reader, first);
    assert_eq!(missing_objects(&reader, &accepted.source).unwrap(), None);
}

#[test]
fn what_is_not_kept_is_forgotten_and_what_is_not_reached_is_not_kept() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    let stray = repository.add(ObjectKind::Blob, b"nobody asked for this".to_vec());

    let mut incoming = store.receive().unwrap();
    repository.send(&mut incoming);
    assert_eq!(incoming.received(), 5);
    assert!(incoming.contains(&stray).unwrap());
    assert!(load(&incoming, &head).is_ok());
    drop(incoming);
    assert_eq!(object_count(&store), 0);

    keep(&store, &repository, "root", head);
    assert_eq!(object_count(&store), 4);
    assert!(!store.reader().unwrap().contains(&stray).unwrap());
    let names: Vec<_> = files(&place).into_iter().map(|(path, ..)| path).collect();
    assert!(
        names
            .iter()
            .all(|path| !path.to_string_lossy().contains("incoming-")),
        "{names:?}"
    );
}

#[test]
fn bytes_under_a_wrong_name_are_refused() {
    let (_place, store) = open();
    let mut incoming = store.receive().unwrap();
    let oid = hash(ObjectKind::Blob, b"good").unwrap();
    let error = incoming.put(oid, ObjectKind::Blob, b"evil").unwrap_err();
    assert!(
        matches!(error, PutError::WrongId { claimed, .. } if claimed == oid),
        "{error}"
    );
    let error = incoming.put(oid, ObjectKind::Tree, b"good").unwrap_err();
    assert!(matches!(error, PutError::WrongId { .. }), "{error}");
    let huge = vec![0; coding::SIZE_LIMIT + 1];
    assert!(matches!(
        incoming.put(oid, ObjectKind::Blob, &huge),
        Err(PutError::TooLarge { .. })
    ));
    assert_eq!(incoming.received(), 0);
    assert!(incoming.read(&oid).unwrap().is_none());
}

#[test]
fn large_sources_are_read_back_from_the_spool_as_they_came() {
    let (_place, store) = open();
    let mut incoming = store.receive().unwrap();
    let mut sent = Vec::new();
    for index in 0..2000_u32 {
        let bytes: Vec<u8> = (0..500)
            .map(|offset| (index.wrapping_mul(2_654_435_761).rotate_left(offset)) as u8)
            .collect();
        let oid = hash(ObjectKind::Blob, &bytes).unwrap();
        incoming.put(oid, ObjectKind::Blob, &bytes).unwrap();
        sent.push((oid, bytes));
    }
    for (oid, bytes) in &sent {
        assert_eq!(&load(&incoming, oid).unwrap().bytes, bytes);
    }
}

#[test]
fn two_sources_are_received_at_once() {
    let (_place, store) = open();
    let (mut left, mut right) = (Repository::default(), Repository::default());
    let left_head = left.commit(&[], &[("a.yaml", "left\n")]);
    let right_head = right.commit(&[], &[("a.yaml", "right\n"), ("b.yaml", "right\n")]);
    let mut first = store.receive().unwrap();
    let mut second = store.receive().unwrap();
    left.send(&mut first);
    right.send(&mut second);
    store.remember("meanwhile", b"others write").unwrap();
    let accepted = accept(&second, right_head);
    second
        .keep(&line("right"), &accepted, &main(right_head), 1)
        .unwrap();
    let accepted = accept(&first, left_head);
    first
        .keep(&line("left"), &accepted, &main(left_head), 2)
        .unwrap();
    let kept = store.kept_lines().unwrap();
    let expected = [
        (
            line("left"),
            Kept {
                head: left_head,
                fetched_at: 2,
                tip: Some(main(left_head)),
            },
        ),
        (
            line("right"),
            Kept {
                head: right_head,
                fetched_at: 1,
                tip: Some(main(right_head)),
            },
        ),
    ];
    assert_eq!(kept, expected);
}

#[test]
fn a_tag_is_kept_with_its_head_and_dropped_when_it_is_made_anew() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    let mut tag = |message: &str| {
        let text = format!("object {head}\ntype commit\ntag v1\n\n{message}\n");
        repository.add(ObjectKind::Tag, text.into_bytes())
    };
    let (first, second) = (tag("first"), tag("second"));
    let keep = |store: &Store, target| {
        let mut incoming = store.receive().unwrap();
        repository.send(&mut incoming);
        let accepted = accept(&incoming, head);
        let tip = Tip {
            reference: "refs/tags/v1".to_owned(),
            target,
        };
        incoming.keep(&line("root"), &accepted, &tip, 1).unwrap();
        tip
    };
    let tip = keep(&store, first);
    drop(store);
    let store = Store::open(place.path()).unwrap();
    let kept = |store: &Store| store.kept(&line("root")).unwrap().unwrap();
    assert_eq!(kept(&store).tip, Some(tip));
    let has = |oid| store.reader().unwrap().contains(oid).unwrap();
    assert!(has(&first) && !has(&second));

    let tip = keep(&store, second);
    assert!(matches!(
        store.collect_garbage(&[]).unwrap(),
        Collected::Done { removed: 1, .. }
    ));
    assert!(!has(&first) && has(&second));
    assert_eq!(kept(&store).tip, Some(tip));
    // A windlass that knows no tips moves the head only.
    store
        .with(|connection| connection.execute("UPDATE kept SET head = ?1", [[7; 20].as_slice()]))
        .unwrap();
    assert_eq!(kept(&store).tip, None);
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    keep(&store, &repository, "root", head);
    store.bind("cluster-1").unwrap();
    store.remember("inventory/apps", b"[]").unwrap();
    let refused = Refused {
        at: 5,
        head,
        reason: "unsigned".to_owned(),
        signer: String::new(),
    };
    store.record_refused(&line("root"), &refused).unwrap();
    let changes = || {
        store
            .with(|connection| Ok(connection.total_changes()))
            .unwrap()
    };
    let (files_before, changes_before) = (files(&place), changes());

    for pass in 0..50 {
        let incoming = store.receive().unwrap();
        let accepted = accept(&incoming, head);
        incoming
            .keep(&line("root"), &accepted, &main(head), 2000 + pass)
            .unwrap();
        assert_eq!(store.bind("cluster-1").unwrap(), Binding::Same);
        store.remember("inventory/apps", b"[]").unwrap();
        store
            .record_refused(
                &line("root"),
                &Refused {
                    at: 6 + pass,
                    ..refused.clone()
                },
            )
            .unwrap();
        assert!(!store.forget(&line("nobody")).unwrap());
        store.unremember("nothing").unwrap();
        assert_eq!(store.collect_garbage(&[]).unwrap(), Collected::NothingToDo);
        assert!(store.recall("inventory/apps").unwrap().is_some());
        assert!(load(&store.reader().unwrap(), &head).is_ok());
    }
    assert_eq!(changes(), changes_before);
    assert_eq!(files(&place), files_before);
}

#[test]
fn a_start_with_nothing_to_do_changes_no_row() {
    let (place, store) = open();
    store.bind("cluster-1").unwrap();
    drop(store);
    let bytes = fs::read(place.path().join("store.db")).unwrap();
    drop(Store::open(place.path()).unwrap());
    let now = fs::read(place.path().join("store.db")).unwrap();
    let changed: Vec<_> = (0..now.len())
        .filter(|index| now.get(*index) != bytes.get(*index))
        .collect();
    assert_eq!(
        (changed, now.len()),
        (Vec::new(), bytes.len()),
        "the file was written"
    );
}

#[test]
fn moving_forward_makes_no_garbage_and_moving_aside_does() {
    let (_place, store) = open();
    let mut repository = Repository::default();
    let first = repository.commit(&[], &[("a.yaml", "one\n")]);
    keep(&store, &repository, "root", first);
    let second = repository.commit(&[first], &[("a.yaml", "two\n")]);
    keep(&store, &repository, "root", second);
    assert_eq!(store.collect_garbage(&[]).unwrap(), Collected::NothingToDo);
    assert_eq!(object_count(&store), 8);

    let mut other = Repository::default();
    let aside = other.commit(&[], &[("a.yaml", "two\n"), ("c.yaml", "three\n")]);
    keep(&store, &other, "root", aside);
    assert_eq!(object_count(&store), 12, "one blob is shared");

    let incoming = store.receive().unwrap();
    assert_eq!(store.collect_garbage(&[]).unwrap(), Collected::Busy);
    drop(incoming);
    assert_eq!(
        store.collect_garbage(&[first]).unwrap(),
        Collected::Done {
            removed: 3,
            kept: 9
        }
    );
    let reader = store.reader().unwrap();
    assert!(load(&reader, &first).is_ok() && !reader.contains(&second).unwrap());
    assert_eq!(
        missing_objects(&reader, &accept(&reader, aside).source).unwrap(),
        None
    );
}

#[test]
fn the_objects_of_a_forgotten_line_go_and_those_of_others_stay() {
    let (_place, store) = open();
    let (mut left, mut right) = (Repository::default(), Repository::default());
    let left_head = left.commit(&[], &[("a.yaml", "shared\n"), ("b.yaml", "left\n")]);
    let right_head = right.commit(&[], &[("a.yaml", "shared\n"), ("b.yaml", "right\n")]);
    keep(&store, &left, "left", left_head);
    keep(&store, &right, "right", right_head);
    assert!(store.forget(&line("left")).unwrap());
    assert_eq!(
        store.collect_garbage(&[]).unwrap(),
        Collected::Done {
            removed: 4,
            kept: 5
        }
    );
    assert_eq!(store.collect_garbage(&[]).unwrap(), Collected::NothingToDo);
    let reader = store.reader().unwrap();
    assert_eq!(
        missing_objects(&reader, &accept(&reader, right_head).source).unwrap(),
        None
    );
}

#[test]
fn history_tells_what_was_accepted_and_refused() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let first = repository.commit(&[], &[("a.yaml", "one\n")]);
    keep(&store, &repository, "root", first);
    let bad = repository.commit(&[first], &[("a.yaml", "bad\n")]);
    let refused = Refused {
        at: 7,
        head: bad,
        reason: "Unsigned".to_owned(),
        signer: "?".to_owned(),
    };
    store.record_refused(&line("root"), &refused).unwrap();
    store.record_refused(&line("root"), &refused).unwrap();
    let history = store.history(10).unwrap();
    let shown: Vec<_> = history
        .iter()
        .map(|entry| (entry.verdict, entry.from, entry.to, entry.reason.as_str()))
        .collect();
    let expected = [
        (Verdict::Refused, Some(first), bad, "Unsigned"),
        (Verdict::Accepted, None, first, ""),
    ];
    assert_eq!(shown, expected);
    assert_eq!(
        Inspection::open(place.path()).unwrap().history(10).unwrap(),
        history
    );
}

#[test]
fn another_cluster_voids_what_was_remembered_and_nothing_else() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "a: 1\n")]);
    keep(&store, &repository, "root", head);
    assert_eq!(store.bind("cluster-1").unwrap(), Binding::New);
    store.remember("fingerprint/apps", &[7; 4000]).unwrap();
    store.remember("fingerprint/infra", b"x").unwrap();
    store.remember("inventory/apps", b"y").unwrap();
    assert_eq!(
        store.remembered_keys("fingerprint/").unwrap(),
        ["fingerprint/apps", "fingerprint/infra"]
    );
    assert_eq!(
        store.recall("fingerprint/apps").unwrap(),
        Some(vec![7; 4000])
    );
    store.remember("fingerprint/apps", b"newer").unwrap();
    store.unremember("fingerprint/infra").unwrap();
    drop(store);

    let store = Store::open(place.path()).unwrap();
    assert_eq!(store.bind("cluster-1").unwrap(), Binding::Same);
    assert_eq!(
        store.recall("fingerprint/apps").unwrap(),
        Some(b"newer".to_vec())
    );
    assert_eq!(store.recall("fingerprint/infra").unwrap(), None);
    assert_eq!(
        store.bind("cluster-2").unwrap(),
        Binding::Changed {
            was: "cluster-1".to_owned()
        }
    );
    assert_eq!(store.remembered_keys("").unwrap(), [""; 0]);
    assert_eq!(store.kept(&line("root")).unwrap().unwrap().head, head);
    assert_eq!(
        Inspection::open(place.path())
            .unwrap()
            .cluster()
            .unwrap()
            .as_deref(),
        Some("cluster-2")
    );
}

#[test]
fn a_second_agent_is_kept_out_and_a_person_may_look() {
    let (place, store) = open();
    let error = Store::open(place.path()).unwrap_err();
    assert!(
        error.to_string().contains("in use by another windlass"),
        "{error}"
    );
    assert_eq!(
        Inspection::open(place.path())
            .unwrap()
            .kept_lines()
            .unwrap(),
        []
    );
    drop(store);
    assert!(Store::open(place.path()).is_ok());
}

#[test]
fn what_a_dead_process_left_of_a_spool_is_removed() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("incoming-1-1"), "x").unwrap();
    drop(Store::open(place.path()).unwrap());
    assert!(!place.path().join("incoming-1-1").exists());
}
