//! Policies and directories that cannot be read: no verdict where nobody could look, and a refusal where something else lies there.

use std::cell::Cell;

use windlass_trust::{
    AllowedSigners, Introduction, Mode, ObjectKind, ObjectReader, Oid, Policy, RawObject,
    ReadError, verify,
};

use crate::charted::{Charted, ada, eve, principal, revoked};
use crate::kit::{Counted, Key, Objects, accepted};

/// A store that fails once, at one object.
struct Hiccup<'a> {
    objects: &'a Objects,
    at: Oid,
    failed: Cell<bool>,
}

impl ObjectReader for Hiccup<'_> {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        if *oid == self.at && !self.failed.replace(true) {
            return Err("the disk hesitated".into());
        }
        self.objects.read(oid)
    }
}

#[test]
fn a_root_that_is_revoked_does_not_come_in_while_its_policy_cannot_be_read() {
    let carol = Key::new(6);
    let text = |version| format!("version = {version}\n{}", revoked(&carol, "soft"));
    let mut it = Charted::with(&text(1), &[("apps/web.yaml", "web: 1\n")]);
    let start = it.start;
    let slipped_in = it.change(&carol, &[start], "apps/web.yaml", "web: 2\n");
    let head = it.change(&ada(), &[slipped_in], "windlass.policy", &text(2));
    let objects = &it.house.history.objects;
    let at = windlass_trust::hash(ObjectKind::Blob, text(1).as_bytes()).unwrap();
    let lines = ada().line("ada") + &carol.line("carol");
    let policy = Policy {
        introduction: Introduction::Commit(start),
        signers: AllowedSigners::parse(&lines).unwrap().into(),
        ..it.house.policy(Mode::Path)
    };
    let hiccup = Hiccup {
        objects,
        at,
        failed: Cell::new(false),
    };
    let verdict = verify(&hiccup, &policy, None, &head);
    assert!(hiccup.failed.get());
    assert!(verdict.is_err(), "{verdict:?}");
    let refusal = crate::kit::refused(objects, &policy, None, head);
    assert_eq!(
        (refusal.reason.code(), refusal.commit),
        ("RevokedByPolicy", slipped_in)
    );
}

#[test]
fn a_directory_that_is_none_is_a_refusal_and_stands_in_the_way_of_nobody_else() {
    let granted = principal("eve", &eve(), &["apps/**/*.yaml"]);
    let mut it = Charted::with(&format!("version = 1\n{granted}"), &[]);
    let start = it.start;
    let objects = &mut it.house.history.objects;
    let file = objects.put(ObjectKind::Blob, b"a: 1\n");
    let policy = it.files["windlass.policy"].clone();
    let policy = objects.put(ObjectKind::Blob, policy.as_bytes());
    let entries = [
        ("40000", "apps", file),
        ("100644", "windlass.policy", policy),
    ];
    it.house.history.tree = objects.tree(&entries);
    let odd = it
        .house
        .history
        .signed(&eve(), &[start], "a file for a directory");
    it.refuses(odd, "AmbiguousObject", odd);
    // A root merges it the wrong way round and takes nothing of it.
    let main = it.commit(&ada(), &[start], "main goes on");
    let head = it.commit(&ada(), &[odd, main], "merge");
    let path = it.house.policy(Mode::Path);
    accepted(&it.house.history.objects, &path, None, head);
}

#[test]
fn nobody_is_asked_twice_about_a_step_on_first_parents_that_lead_nowhere() {
    let mut it = Charted::new();
    let start = it.start;
    let good = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
    let bad = it.house.history.unsigned(&[good], "forgotten");
    let side = it.commit(&ada(), &[good], "side");
    let reads = [[bad, side], [side, bad]].map(|parents| {
        let head = it.commit(&ada(), &parents, "merge");
        let counted = Counted::new(&it.house.history.objects);
        let verdict = verify(&counted, &it.house.policy(Mode::Path), None, &head).unwrap();
        assert!(matches!(verdict, windlass_trust::Verdict::Accepted(_)));
        counted.reads_of(&good)
    });
    assert_eq!(reads[0], reads[1]);
}
