//! A house with a policy in force, and commits by its people.

use std::collections::BTreeMap;

use windlass_trust::{Mode, ObjectKind, Oid, RefusalReason};

use crate::house::House;
use crate::kit::{Key, Objects, accepted, refused};

/// What a test's files are: path and content.
pub(crate) type Files = BTreeMap<&'static str, String>;

pub(crate) const EVERY: [Mode; 3] = [Mode::Path, Mode::FirstParent, Mode::All];

/// A house with a policy in force: `ada` is a root, `eve` may change `apps/**`.
pub(crate) struct Charted {
    pub(crate) house: House,
    pub(crate) files: Files,
    /// The commit that brought the policy.
    pub(crate) start: Oid,
}

/// One `[[principal]]`.
pub(crate) fn principal(name: &str, key: &Key, paths: &[&str]) -> String {
    let line = key.line(name);
    let (_, key) = line.trim().split_once(' ').unwrap();
    format!("[[principal]]\nname = {name:?}\npaths = {paths:?}\nkeys = [{key:?}]\n")
}

pub(crate) fn revoked(key: &Key, how: &str) -> String {
    let fingerprint = fingerprint(key);
    format!("[[revoked]]\nkey = {fingerprint:?}\nas = {how:?}\nreason = \"a test\"\n")
}

fn fingerprint(key: &Key) -> String {
    let signers = windlass_trust::AllowedSigners::parse(&key.line("x")).unwrap();
    let signers = windlass_trust::Signers::from(signers);
    signers.keys().remove(0).key
}

/// The tree of some files.
pub(crate) fn tree(objects: &mut Objects, files: &Files, below: &str) -> Oid {
    let mut entries: BTreeMap<String, (&str, Oid)> = BTreeMap::new();
    for (path, content) in files {
        let Some(rest) = path.strip_prefix(below) else {
            continue;
        };
        match rest.split_once('/') {
            None => {
                let blob = objects.put(ObjectKind::Blob, content.as_bytes());
                entries.insert(rest.to_owned(), ("100644", blob));
            }
            Some((directory, _)) => {
                let oid = tree(objects, files, &format!("{below}{directory}/"));
                entries.insert(directory.to_owned(), ("40000", oid));
            }
        }
    }
    let mut sorted: Vec<_> = entries
        .iter()
        .map(|(name, (mode, oid))| (*mode, name.as_str(), *oid))
        .collect();
    sorted.sort_by_key(|(mode, name, _)| match *mode {
        "40000" => format!("{name}/"),
        _ => (*name).to_owned(),
    });
    objects.tree(&sorted)
}

impl Charted {
    pub(crate) fn new() -> Self {
        let eve = principal("eve", &eve(), &["apps/**"]);
        Self::with(
            &format!("version = 1\n{eve}"),
            &[
                ("apps/web.yaml", "web: 1\n"),
                ("infra/net.yaml", "net: 1\n"),
            ],
        )
    }

    /// A house with this policy in force, and these files.
    pub(crate) fn with(policy: &str, files: &[(&'static str, &str)]) -> Self {
        let mut house = House::new();
        let mut files: Files = files
            .iter()
            .map(|(path, text)| (*path, (*text).to_owned()))
            .collect();
        files.insert("windlass.policy", policy.to_owned());
        house.history.tree = tree(&mut house.history.objects, &files, "");
        let base = house.base;
        let start = house.good(&[base], "policy");
        Self {
            house,
            files,
            start,
        }
    }

    /// A commit that changes one file, signed with a key.
    pub(crate) fn change(
        &mut self,
        key: &Key,
        parents: &[Oid],
        path: &'static str,
        content: &str,
    ) -> Oid {
        self.files.insert(path, content.to_owned());
        self.commit(key, parents, path)
    }

    pub(crate) fn commit(&mut self, key: &Key, parents: &[Oid], message: &str) -> Oid {
        let objects = &mut self.house.history.objects;
        self.house.history.tree = tree(objects, &self.files, "");
        self.house.history.signed(key, parents, message)
    }

    #[track_caller]
    pub(crate) fn accepts(&self, head: Oid) {
        for mode in EVERY {
            let policy = self.house.policy(mode);
            accepted(&self.house.history.objects, &policy, None, head);
        }
    }

    #[track_caller]
    pub(crate) fn refuses(&self, head: Oid, code: &str, at: Oid) -> RefusalReason {
        let mut reason = None;
        for mode in EVERY {
            let policy = self.house.policy(mode);
            let refusal = refused(&self.house.history.objects, &policy, None, head);
            assert_eq!(
                (refusal.reason.code(), refusal.commit),
                (code, at),
                "{refusal}"
            );
            reason = Some(refusal.reason);
        }
        reason.unwrap()
    }
}

pub(crate) fn ada() -> Key {
    Key::new(1)
}

pub(crate) fn eve() -> Key {
    Key::new(2)
}
