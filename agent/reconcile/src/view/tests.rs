//! What a tree unfolds to has a bound, and finding that out has one, too.

use std::cell::RefCell;
use std::collections::HashMap;

use windlass_trust::{
    Introduction, Mode, ObjectKind, Oid, Policy, RawObject, ReadError, Signers, Verdict, hash,
    verify,
};

use super::*;

/// Objects, and how often each was read.
#[derive(Default)]
struct Objects {
    all: HashMap<Oid, RawObject>,
    reads: RefCell<HashMap<Oid, usize>>,
}

impl ObjectReader for Objects {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        *self.reads.borrow_mut().entry(*oid).or_default() += 1;
        Ok(self.all.get(oid).cloned())
    }
}

type Child = (&'static str, String, Oid);

fn file(name: &str, oid: Oid) -> Child {
    ("100644", name.to_owned(), oid)
}

fn directory(name: &str, oid: Oid) -> Child {
    ("40000", name.to_owned(), oid)
}

impl Objects {
    fn put(&mut self, kind: ObjectKind, bytes: &[u8]) -> Oid {
        let oid = hash(kind, bytes).unwrap();
        let bytes = bytes.to_vec();
        self.all.insert(oid, RawObject { kind, bytes });
        oid
    }

    fn blob(&mut self, text: &str) -> Oid {
        self.put(ObjectKind::Blob, text.as_bytes())
    }

    /// `children` in Git's order.
    fn tree(&mut self, children: &[Child]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, oid) in children {
            bytes.extend(format!("{mode} {name}\0").bytes());
            bytes.extend(oid.as_bytes());
        }
        self.put(ObjectKind::Tree, &bytes)
    }

    /// A directory that holds another one ten times, and that one again.
    fn bomb(&mut self, levels: usize) -> Oid {
        let mut at = self.blob("x\n");
        for level in 0..levels {
            let child = if level == 0 { file } else { directory };
            let children: Vec<Child> = (0..10).map(|n| child(&format!("n{n}"), at)).collect();
            at = self.tree(&children);
        }
        at
    }

    fn commit(&mut self, tree: Oid) -> VerifiedSource {
        let who = "Ada <ada@example.com> 1700000000 +0000";
        let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nx\n");
        let commit = self.put(ObjectKind::Commit, text.as_bytes());
        let policy = Policy {
            signers: Signers::default(),
            introduction: Introduction::Commit(commit),
            mode: Mode::Path,
        };
        match verify(self, &policy, None, &commit).unwrap() {
            Verdict::Accepted(accepted) => accepted.source,
            Verdict::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn opened(&mut self, tree: Oid, sparse: &[&str]) -> Result<View<'_>, ViewFailure> {
        let source = self.commit(tree);
        let choice = Choice {
            ignore: None,
            sparse: sparse.iter().map(|&path| path.to_owned()).collect(),
        };
        View::open(&source, self, (&choice, &[]))
    }
}

#[test]
fn a_tree_that_unfolds_to_more_than_anybody_can_walk_is_refused() {
    let mut objects = Objects::default();
    let bomb = objects.bomb(20);
    let failure = objects.opened(bomb, &[]).unwrap_err();
    assert!(
        matches!(failure, ViewFailure::TooManyEntries),
        "{failure:?}"
    );
    assert!(failure.condemns_the_revision());
    assert!(failure.to_string().contains("200000"), "{failure}");
    // Just as large as it may be, and just too large.
    for (levels, opens) in [(4, true), (5, true), (6, false)] {
        let mut objects = Objects::default();
        let bomb = objects.bomb(levels);
        assert_eq!(objects.opened(bomb, &[]).is_ok(), opens, "{levels}");
    }
}

#[test]
fn what_is_not_checked_out_does_not_count() {
    let mut objects = Objects::default();
    let (bomb, blob) = (objects.bomb(20), objects.blob("a: 1\n"));
    let apps = objects.tree(&[file("a.yaml", blob)]);
    let root = objects.tree(&[directory("apps", apps), directory("bomb", bomb)]);
    let view = objects.opened(root, &["apps"]).unwrap();
    let alone = view.artifact().unwrap();
    let mut objects = Objects::default();
    let blob = objects.blob("a: 1\n");
    let apps = objects.tree(&[file("a.yaml", blob)]);
    let root = objects.tree(&[directory("apps", apps)]);
    assert_eq!(
        objects.opened(root, &[]).unwrap().artifact().unwrap(),
        alone
    );
}

#[test]
fn a_wide_tree_is_read_once_and_not_for_each_of_its_directories() {
    let mut objects = Objects::default();
    let blob = objects.blob("x\n");
    let leaf = objects.tree(&[file("a.yaml", blob)]);
    let wide: Vec<Child> = (0..40_000)
        .map(|n| directory(&format!("n{n:05}"), leaf))
        .collect();
    let wide = objects.tree(&wide);
    let root = objects.tree(&[directory("apps", wide)]);
    let view = objects.opened(root, &[]).unwrap();
    view.artifact().unwrap();
    drop(view);
    let reads = objects.reads.borrow();
    assert!(reads[&wide] < 5, "{}", reads[&wide]);
}

#[test]
fn directories_end_somewhere_and_so_do_paths() {
    let nested = |levels: usize, name: &str| {
        let mut objects = Objects::default();
        let mut at = objects.blob("x\n");
        for level in 0..levels {
            let child = if level == 0 { file } else { directory };
            at = objects.tree(&[child(name, at)]);
        }
        objects.opened(at, &[]).map(drop)
    };
    nested(65, "n").unwrap();
    let deep = nested(66, "n").unwrap_err();
    assert!(matches!(deep, ViewFailure::TooDeep { .. }), "{deep:?}");
    nested(16, &"n".repeat(255)).unwrap();
    let long = nested(17, &"n".repeat(255)).unwrap_err();
    assert!(matches!(long, ViewFailure::TooLong { .. }), "{long:?}");
}

#[test]
fn ignore_files_that_would_take_long_to_ask_are_refused() {
    let many = |files: usize, text: &str| {
        let mut objects = Objects::default();
        let rules = objects.blob(text);
        let leaf = objects.tree(&[file(".sourceignore", rules)]);
        let all: Vec<Child> = (0..files)
            .map(|n| directory(&format!("n{n:05}"), leaf))
            .collect();
        let root = objects.tree(&all);
        objects.opened(root, &[]).map(drop)
    };
    many(1000, "*.txt\n").unwrap();
    for refused in [many(1001, "*.txt\n"), many(3, &"*.txt\n".repeat(5_000))] {
        let failure = refused.unwrap_err();
        assert!(matches!(failure, ViewFailure::TooManyRules), "{failure:?}");
        assert!(failure.condemns_the_revision());
    }
}

#[test]
fn the_same_large_file_at_many_paths_is_not_hashed_for_ever() {
    let mut objects = Objects::default();
    let blob = objects.blob(&"x".repeat(1000));
    let all: Vec<Child> = (0..10).map(|n| file(&format!("n{n}"), blob)).collect();
    let root = objects.tree(&all);
    let view = objects.opened(root, &[]).unwrap();
    assert_eq!(
        view.artifact_within(10_000).unwrap(),
        view.artifact().unwrap()
    );
    let failure = view.artifact_within(9_999).unwrap_err();
    assert!(matches!(failure, ViewFailure::TooMuch), "{failure:?}");
}
