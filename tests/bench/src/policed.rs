//! Histories of a house with files in it, whose commits a root signs, or somebody whom `windlass.policy` lets.

use std::path::Path;

use windlass_signed::Key;
use windlass_state::{Incoming, Store};
use windlass_trust::{ObjectKind, Oid};

use crate::range::{History, commit_text, keep, key, put};

/// Folders below `apps/`, each with so many files.
const FOLDERS: usize = 100;
const FILES: usize = 100;

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A key that is pinned on the node; there is no policy.
    Root,
    /// A key that the policy lets change all of `apps/**`.
    Signer,
    /// A key that the policy lets change `apps/*/*.yaml`, so that each name is looked at.
    FileSigner,
}

/// The files, as Git keeps them.
struct Files {
    /// The trees of the folders.
    folders: Vec<Oid>,
    policy: Option<Oid>,
}

fn signer() -> Key {
    Key::new(8)
}

/// Writes a history of which each commit changes one file of ten thousand.
pub(crate) fn line(directory: &Path, by: By, commits: usize) -> History {
    write(directory, by, commits, |files, incoming, number| {
        // At the beginning the folders have the numbers below FOLDERS.
        files.folders[number % FOLDERS] = folder(incoming, 0, FOLDERS + number);
    })
}

/// Writes a history whose last commit changes all of the ten thousand files.
pub(crate) fn sweep(directory: &Path) -> History {
    write(directory, By::FileSigner, 1, |files, incoming, number| {
        let folders = (0..FOLDERS).map(|at| folder(incoming, number, number + at));
        files.folders = folders.collect();
    })
}

fn write(
    directory: &Path,
    by: By,
    commits: usize,
    change: impl Fn(&mut Files, &mut Incoming, usize),
) -> History {
    let store = Store::open(directory).expect("the state can be opened");
    let mut incoming = store.receive().expect("the state can be written");
    let mut files = Files::begin(&mut incoming, by);
    let key = match by {
        By::Root => key(),
        By::Signer | By::FileSigner => signer(),
    };
    let mut before = files.tree(&mut incoming);
    let begin = commit_text(before, None, 0);
    let mut line = vec![put(&mut incoming, ObjectKind::Commit, begin.as_bytes())];
    for number in 1..=commits {
        change(&mut files, &mut incoming, number);
        let tree = files.tree(&mut incoming);
        assert_ne!(tree, before, "commit {number} changes something");
        before = tree;
        let text = key.sign_commit(&commit_text(tree, line.last(), number));
        line.push(put(&mut incoming, ObjectKind::Commit, text.as_bytes()));
    }
    let history = History {
        introduction: line[0],
        before: line[commits - 1],
        head: line[commits],
    };
    keep(incoming, history.head);
    history
}

impl Files {
    fn begin(incoming: &mut Incoming, by: By) -> Self {
        let line = signer().line("signer");
        let (_, key) = line.trim().split_once(' ').expect("a name and a key");
        let paths = match by {
            By::Root => None,
            By::Signer => Some("apps/**"),
            By::FileSigner => Some("apps/*/*.yaml"),
        };
        let policy = paths.map(|paths| {
            let text = format!(
                "version = 1\n[[principal]]\nname = \"signer\"\npaths = [{paths:?}]\nkeys = [{key:?}]\n"
            );
            put(incoming, ObjectKind::Blob, text.as_bytes())
        });
        Self {
            folders: (0..FOLDERS).map(|at| folder(incoming, 0, at)).collect(),
            policy,
        }
    }

    fn tree(&self, incoming: &mut Incoming) -> Oid {
        let folders = self.folders.iter().enumerate();
        let folders: Vec<_> = folders
            .map(|(at, oid)| (format!("app-{at:03}"), *oid))
            .collect();
        let folders = folders
            .iter()
            .map(|(name, oid)| ("40000", name.as_str(), *oid));
        let apps = tree(incoming, folders);
        let policy = self
            .policy
            .map(|policy| ("100644", "windlass.policy", policy));
        tree(
            incoming,
            [("40000", "apps", apps)].into_iter().chain(policy),
        )
    }
}

/// A folder whose first file has this number in it, and the others that one.
fn folder(incoming: &mut Incoming, others: usize, first: usize) -> Oid {
    let mut blob = |number: usize| {
        let content = format!("number: {number}\n");
        put(incoming, ObjectKind::Blob, content.as_bytes())
    };
    let (first, others) = (blob(first), blob(others));
    let names: Vec<String> = (0..FILES).map(|at| format!("file-{at:03}.yaml")).collect();
    let files = names.iter().enumerate().map(|(at, name)| {
        let oid = if at == 0 { first } else { others };
        ("100644", name.as_str(), oid)
    });
    tree(incoming, files)
}

fn tree<'a>(
    incoming: &mut Incoming,
    entries: impl IntoIterator<Item = (&'a str, &'a str, Oid)>,
) -> Oid {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend_from_slice(oid.as_bytes());
    }
    put(incoming, ObjectKind::Tree, &bytes)
}
