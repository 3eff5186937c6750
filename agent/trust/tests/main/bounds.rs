//! What one signer of some files can make a node hold and do: trees and merges that are within the rules and out of proportion.

use std::time::Instant;

use windlass_trust::{Mode, ObjectKind, Oid};

use crate::charted::{Charted, eve, principal};
use crate::kit::{Objects, accepted, refused};

/// A house in which each file has to be looked at that eve changes.
fn looked_at() -> Charted {
    let granted = principal("eve", &eve(), &["apps/**/*.yaml"]);
    Charted::with(&format!("version = 1\n{granted}"), &[])
}

/// Makes the next commits hold this directory.
fn hold(it: &mut Charted, apps: Oid) {
    let objects = &mut it.house.history.objects;
    let policy = objects.put(
        ObjectKind::Blob,
        it.files["windlass.policy"].clone().as_bytes(),
    );
    let entries = [
        ("40000", "apps", apps),
        ("100644", "windlass.policy", policy),
    ];
    it.house.history.tree = objects.tree(&entries);
}

fn leaf(objects: &mut Objects) -> Oid {
    let file = objects.put(ObjectKind::Blob, b"a: 1\n");
    objects.tree(&[("100644", "a.yaml", file)])
}

/// A directory that has the same one under so many names.
fn wide(objects: &mut Objects, below: Oid, names: usize, length: usize) -> Oid {
    let names = (0..names).map(|number| format!("{number:0length$}"));
    let names: Vec<String> = names.collect();
    let entries = names.iter().map(|name| ("40000", name.as_str(), below));
    objects.tree(&entries.collect::<Vec<_>>())
}

#[test]
fn paths_that_nobody_could_check_out_are_refused_before_they_fill_the_memory() {
    let mut it = looked_at();
    let start = it.start;
    let objects = &mut it.house.history.objects;
    let mut tree = leaf(objects);
    for _ in 0..20 {
        tree = wide(objects, tree, 5, 1000);
    }
    hold(&mut it, tree);
    let head = it.house.history.signed(&eve(), &[start], "long names");
    let reason = it.refuses(head, "AmbiguousObject", head);
    assert!(reason.to_string().contains("4096 bytes"), "{reason}");
}

#[test]
fn directories_that_wait_to_be_looked_into_have_a_bound() {
    let mut it = looked_at();
    let start = it.start;
    let objects = &mut it.house.history.objects;
    let below = leaf(objects);
    let mut tree = wide(objects, below, 30_000, 8);
    for _ in 0..14 {
        tree = wide(objects, tree, 1, 250);
    }
    hold(&mut it, tree);
    let head = it.house.history.signed(&eve(), &[start], "many and deep");
    it.refuses(head, "TooManyChanges", head);
}

#[test]
fn the_sides_of_a_merge_are_held_side_by_side_only_as_far_as_there_is_room() {
    let mut it = looked_at();
    let start = it.start;
    let sides: Vec<Oid> = (0..200)
        .map(|_| it.commit(&eve(), &[start], "a side"))
        .collect();
    let objects = &mut it.house.history.objects;
    let file = objects.put(ObjectKind::Blob, b"a: 1\n");
    let names: Vec<String> = (0..25_000)
        .map(|number| format!("{number:05}.yaml"))
        .collect();
    let entries = names.iter().map(|name| ("100644", name.as_str(), file));
    let tree = objects.tree(&entries.collect::<Vec<_>>());
    hold(&mut it, tree);
    let merge = it.house.history.signed(&eve(), &sides, "all of them");
    let refusal = refused(
        &it.house.history.objects,
        &it.house.policy(Mode::All),
        None,
        merge,
    );
    assert_eq!(
        (refusal.reason.code(), refusal.commit),
        ("TooManyChanges", merge)
    );
    // Against one commit it is nothing.
    let head = it.house.history.signed(&eve(), &[start], "the same files");
    it.accepts(head);
}

#[test]
fn a_long_history_of_small_changes_is_not_too_much() {
    let granted = principal("eve", &eve(), &["apps/*.yaml"]);
    let mut it = Charted::with(&format!("version = 1\n{granted}"), &[]);
    let mut head = it.start;
    let names: Vec<String> = (0..12_000)
        .map(|number| format!("{number:05}.yaml"))
        .collect();
    let trees = ["a: 1\n", "a: 2\n"].map(|text| {
        let objects = &mut it.house.history.objects;
        let same = objects.put(ObjectKind::Blob, b"same: 1\n");
        let entries = names.iter().map(|name| ("100644", name.as_str(), same));
        let mut entries: Vec<_> = entries.collect();
        entries[0].2 = objects.put(ObjectKind::Blob, text.as_bytes());
        objects.tree(&entries)
    });
    for number in 0..2800 {
        hold(&mut it, trees[number % 2]);
        head = it.house.history.signed(&eve(), &[head], "a change");
    }
    let policy = it.house.policy(Mode::Path);
    accepted(&it.house.history.objects, &policy, None, head);
}

#[test]
fn a_commit_is_verified_once_for_all_of_its_parents() {
    let mut it = Charted::new();
    let start = it.start;
    let sides: Vec<Oid> = (0..250)
        .map(|_| it.commit(&eve(), &[start], "a side"))
        .collect();
    it.files.insert("infra/net.yaml", "net: 2\n".to_owned());
    let message = "a long message\n".repeat(60_000);
    let mut judged = |parents: &[Oid]| {
        let head = it.commit(&eve(), parents, &message);
        let policy = it.house.policy(Mode::Path);
        let took = (0..3).map(|_| {
            let began = Instant::now();
            let refusal = refused(&it.house.history.objects, &policy, None, head);
            let took = began.elapsed();
            assert_eq!(refusal.reason.code(), "PathNotAllowed");
            took
        });
        took.min().unwrap()
    };
    let (one, many) = (judged(&sides[..1]), judged(&sides));
    // Ten times as long where each parent has the commit verified again.
    assert!(many < 4 * one, "{many:?} for 250 parents, {one:?} for one");
}
