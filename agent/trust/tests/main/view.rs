//! The files of a verified commit: what is read, what is not there, what is refused.

use windlass_trust::{
    CompletenessError, Introduction, Listed, NodeKind, ObjectKind, Oid, VerifiedSource,
    VerifiedTree, missing_objects,
};

use crate::kit::{Objects, Repo, accepted, policy};

/// Verifies a commit made by hand on this tree.
fn source(objects: &mut Objects, tree: Oid) -> VerifiedSource {
    let who = "Ada <ada@example.com> 1700000000 +0000";
    let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nx\n");
    let commit = objects.put(ObjectKind::Commit, text.as_bytes());
    accepted(
        objects,
        &policy("", Introduction::Commit(commit)),
        None,
        commit,
    )
    .source
}

#[test]
fn the_files_that_git_committed_are_read_and_listed() {
    let repo = Repo::new();
    std::fs::create_dir_all(repo.path().join("apps/web")).unwrap();
    repo.write("apps/web/a.yaml", "a: 1\n");
    repo.write("apps.yaml", "b: 2\n");
    repo.write("apps/z", "");
    let head = repo.commit("first", None);
    let objects = repo.objects();
    let source = accepted(
        &objects,
        &policy("", Introduction::Commit(head)),
        None,
        head,
    )
    .source;
    let tree = VerifiedTree::new(&source, &objects);
    assert_eq!(tree.read("apps/web/a.yaml").unwrap(), b"a: 1\n");
    assert_eq!(tree.read("./apps//web/../web/./a.yaml").unwrap(), b"a: 1\n");
    let root = [
        ("apps".to_owned(), Listed::Directory),
        ("apps.yaml".to_owned(), Listed::File),
    ];
    assert_eq!(tree.list("").unwrap(), root);
    assert_eq!(tree.list("apps/web/..").unwrap().len(), 2);
    assert_eq!(tree.kind("apps").unwrap(), Some(NodeKind::Directory));
    assert_eq!(tree.kind("apps.yaml").unwrap(), Some(NodeKind::File));
    assert_eq!(tree.kind("apps.yaml/x").unwrap(), None);
    assert_eq!(tree.kind("nothing/here").unwrap(), None);
    assert_eq!(tree.read("nothing").unwrap_err().code(), "NotFound");
    assert_eq!(tree.read("apps").unwrap_err().code(), "NotAFile");
    assert_eq!(tree.list("apps.yaml").unwrap_err().code(), "NotADirectory");
    assert_eq!(missing_objects(&objects, &source).unwrap(), None);
}

#[test]
fn a_path_never_leaves_the_root() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"x");
    let up = objects.put(ObjectKind::Blob, b"../../etc/passwd");
    let absolute = objects.put(ObjectKind::Blob, b"/proc/self/environ");
    let inner = objects.tree(&[("100644", "a", blob), ("120000", "up", up)]);
    let root = objects.tree(&[("120000", "absolute", absolute), ("40000", "dir", inner)]);
    let source = source(&mut objects, root);
    let tree = VerifiedTree::new(&source, &objects);
    for path in [
        "../x",
        "/etc/passwd",
        "dir/../../x",
        "dir/up",
        "absolute",
        "absolute/x",
    ] {
        assert_eq!(
            tree.read(path).unwrap_err().code(),
            "PathOutsideRoot",
            "{path}"
        );
        assert_eq!(
            tree.kind(path).unwrap_err().code(),
            "PathOutsideRoot",
            "{path}"
        );
    }
}

#[test]
fn a_link_inside_the_root_is_followed_and_a_loop_is_not() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"content");
    let to_a = objects.put(ObjectKind::Blob, b"../dir/./a");
    let to_dir = objects.put(ObjectKind::Blob, b"dir/");
    let to_self = objects.put(ObjectKind::Blob, b"self");
    let dangling = objects.put(ObjectKind::Blob, b"nowhere/x");
    let dir = objects.tree(&[("100644", "a", blob), ("120000", "again", to_a)]);
    let root = objects.tree(&[
        ("120000", "dangling", dangling),
        ("40000", "dir", dir),
        ("120000", "link", to_dir),
        ("120000", "self", to_self),
    ]);
    let source = source(&mut objects, root);
    let tree = VerifiedTree::new(&source, &objects);
    assert_eq!(tree.read("link/again").unwrap(), b"content");
    assert_eq!(tree.read("link/../dir/a").unwrap(), b"content");
    assert_eq!(tree.kind("link").unwrap(), Some(NodeKind::Directory));
    assert_eq!(tree.list("link").unwrap().len(), 2);
    assert_eq!(tree.read("self").unwrap_err().code(), "SymlinkLoop");
    assert_eq!(tree.kind("self/x").unwrap_err().code(), "SymlinkLoop");
    assert_eq!(tree.kind("dangling").unwrap(), None);
    let listed = tree.list("").unwrap();
    assert_eq!(listed[2], ("link".to_owned(), Listed::Symlink));
}

#[test]
fn forty_links_are_followed_and_forty_one_are_not() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"content");
    let mut entries = vec![("100644", "l00".to_owned(), blob)];
    for number in 1..=41 {
        let target = objects.put(ObjectKind::Blob, format!("l{:02}", number - 1).as_bytes());
        entries.push(("120000", format!("l{number:02}"), target));
    }
    let entries: Vec<_> = entries
        .iter()
        .map(|(mode, name, oid)| (*mode, name.as_str(), *oid))
        .collect();
    let root = objects.tree(&entries);
    let source = source(&mut objects, root);
    let tree = VerifiedTree::new(&source, &objects);
    assert_eq!(tree.read("l40").unwrap(), b"content");
    assert_eq!(tree.read("l41").unwrap_err().code(), "SymlinkLoop");
}

#[test]
fn a_submodule_is_not_there() {
    let mut objects = Objects::default();
    let elsewhere: Oid = "1234567890123456789012345678901234567890".parse().unwrap();
    let root = objects.tree(&[("160000", "module", elsewhere)]);
    let source = source(&mut objects, root);
    let tree = VerifiedTree::new(&source, &objects);
    assert_eq!(tree.list("").unwrap(), []);
    assert_eq!(tree.kind("module").unwrap(), None);
    assert_eq!(tree.kind("module/x").unwrap(), None);
    assert_eq!(missing_objects(&objects, &source).unwrap(), None);
}

#[test]
fn a_hostile_directory_is_refused_where_it_is_met() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"x");
    let hostile = objects.tree(&[("100644", ".GIT", blob)]);
    let root = objects.tree(&[("40000", "bad", hostile), ("100644", "good", blob)]);
    let source = source(&mut objects, root);
    let tree = VerifiedTree::new(&source, &objects);
    assert_eq!(tree.read("good").unwrap(), b"x");
    assert_eq!(tree.read("bad/x").unwrap_err().code(), "InvalidTree");
    assert_eq!(tree.list("bad").unwrap_err().code(), "InvalidTree");
    let error = missing_objects(&objects, &source).unwrap_err();
    assert!(matches!(error, CompletenessError::InvalidTree { .. }));
}

#[test]
fn a_changed_object_is_noticed_at_every_load() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"replicas: 1");
    let root = objects.tree(&[("100644", "a", blob)]);
    let source = source(&mut objects, root);
    objects.0.get_mut(&blob).unwrap().bytes = b"replicas: 9".to_vec();
    let error = VerifiedTree::new(&source, &objects).read("a").unwrap_err();
    assert_eq!(error.code(), "CacheCorrupt");
    objects.0.get_mut(&root).unwrap().kind = ObjectKind::Blob;
    let error = VerifiedTree::new(&source, &objects).list("").unwrap_err();
    assert_eq!(error.code(), "CacheCorrupt");
}

#[test]
fn a_name_that_is_not_text_is_named_when_its_directory_is_listed() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"x");
    let mut bytes = b"100644 caf\xe9\0".to_vec();
    bytes.extend_from_slice(blob.as_bytes());
    let root = objects.put(ObjectKind::Tree, &bytes);
    let source = source(&mut objects, root);
    let tree = VerifiedTree::new(&source, &objects);
    assert_eq!(tree.list("").unwrap_err().code(), "NameNotText");
    assert_eq!(missing_objects(&objects, &source).unwrap(), None);
}

#[test]
fn the_first_missing_object_is_named() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"x");
    let dir = objects.tree(&[("100644", "a", blob)]);
    let root = objects.tree(&[("40000", "dir", dir)]);
    let source = source(&mut objects, root);
    let kept = objects.0.remove(&blob).unwrap();
    assert_eq!(missing_objects(&objects, &source).unwrap(), Some(blob));
    objects.0.insert(blob, kept);
    objects.0.remove(&dir);
    assert_eq!(missing_objects(&objects, &source).unwrap(), Some(dir));
}

#[test]
fn a_tree_that_unfolds_without_end_is_checked_once_per_object() {
    let mut objects = Objects::default();
    let blob = objects.put(ObjectKind::Blob, b"x");
    let mut tree = objects.tree(&[("100644", "a", blob)]);
    for _ in 0..64 {
        tree = objects.tree(&[("40000", "a", tree), ("40000", "b", tree)]);
    }
    let source = source(&mut objects, tree);
    assert_eq!(missing_objects(&objects, &source).unwrap(), None);
    let path = "a/b/".repeat(32);
    assert_eq!(
        VerifiedTree::new(&source, &objects)
            .list(&path)
            .unwrap()
            .len(),
        1
    );
}
