//! Which objects an object names. This decides only what is kept, never what is trusted.

use windlass_trust::{ObjectKind, Oid};

/// Git's mode of a directory in a tree (git-fast-import(1) lists them all).
const DIRECTORY: &[u8] = b"40000";

/// The mode of a submodule: the commit it names is in another repository.
const SUBMODULE: &[u8] = b"160000";

/// An object that is named, and whether it can name others itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) oid: Oid,
    pub(super) is_leaf: bool,
}

/// Gives what an object names. Of a malformed one the links up to the fault are given; `trust` refuses it anyway.
pub(super) fn links(kind: ObjectKind, bytes: &[u8]) -> Vec<Link> {
    match kind {
        ObjectKind::Blob => Vec::new(),
        ObjectKind::Tree => tree_links(bytes),
        ObjectKind::Commit => header_links(bytes, &[b"tree ", b"parent "]),
        ObjectKind::Tag => header_links(bytes, &[b"object "]),
    }
}

fn header_links(bytes: &[u8], names: &[&[u8]]) -> Vec<Link> {
    let headers = bytes
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty());
    let values = headers.filter_map(|line| names.iter().find_map(|name| line.strip_prefix(*name)));
    let oids = values.filter_map(|value| std::str::from_utf8(value).ok()?.parse().ok());
    oids.map(|oid| Link {
        oid,
        is_leaf: false,
    })
    .collect()
}

/// A tree is a row of `mode SP name NUL oid`, the oid as 20 raw bytes.
fn tree_links(mut bytes: &[u8]) -> Vec<Link> {
    let mut links = Vec::new();
    while let Some((mode, link, rest)) = tree_entry(bytes) {
        if mode != SUBMODULE {
            links.push(link);
        }
        bytes = rest;
    }
    links
}

fn tree_entry(bytes: &[u8]) -> Option<(&[u8], Link, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let (mode, rest) = bytes.split_at_checked(space)?;
    let end_of_name = rest.iter().position(|byte| *byte == 0)?;
    let (_, rest) = rest.split_at_checked(end_of_name + 1)?;
    let (oid, rest) = rest.split_at_checked(20)?;
    let link = Link {
        oid: Oid::from_slice(oid)?,
        is_leaf: mode != DIRECTORY,
    };
    Some((mode, link, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(byte: u8) -> Oid {
        Oid::from_bytes([byte; 20])
    }

    fn named(kind: ObjectKind, bytes: &[u8]) -> Vec<(Oid, bool)> {
        links(kind, bytes)
            .into_iter()
            .map(|link| (link.oid, link.is_leaf))
            .collect()
    }

    #[test]
    fn a_commit_names_its_tree_and_parents_and_nothing_in_its_message() {
        let commit = format!(
            "tree {}\nparent {}\nparent {}\nauthor a <b> 0 +0000\n\nparent {}\n",
            oid(1),
            oid(2),
            oid(3),
            oid(4)
        );
        let expected = [(oid(1), false), (oid(2), false), (oid(3), false)];
        assert_eq!(named(ObjectKind::Commit, commit.as_bytes()), expected);
    }

    #[test]
    fn a_tag_names_its_object_and_a_blob_nothing() {
        let tag = format!(
            "object {}\ntype commit\ntag v1\n\nobject {}\n",
            oid(1),
            oid(2)
        );
        assert_eq!(named(ObjectKind::Tag, tag.as_bytes()), [(oid(1), false)]);
        assert_eq!(named(ObjectKind::Blob, tag.as_bytes()), []);
    }

    #[test]
    fn a_tree_names_files_and_directories_but_no_submodules() {
        let mut tree = Vec::new();
        for (mode, name, byte) in [
            ("100644", "a b", 1),
            ("40000", "dir", 2),
            ("120000", "link", 3),
            ("160000", "sub", 4),
        ] {
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            tree.extend_from_slice(&[byte; 20]);
        }
        let expected = [(oid(1), true), (oid(2), false), (oid(3), true)];
        assert_eq!(named(ObjectKind::Tree, &tree), expected);
        for length in 0..tree.len() {
            assert!(named(ObjectKind::Tree, &tree[..length]).len() <= 3);
        }
    }
}
