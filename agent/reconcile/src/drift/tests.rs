use serde_json::json;
use windlass_object::Object;
use windlass_plan::applier::Applier;
use windlass_plan::fingerprint;
use windlass_plan::health::{Health, Judge};

use super::*;
use crate::ledger::Applied;

fn kind() -> GroupVersionKind {
    map("1").gvk()
}

fn map(version: &str) -> Object {
    let metadata =
        json!({"name": "map", "namespace": "house", "uid": "u", "resourceVersion": version});
    Object::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
        .unwrap()
}

fn key() -> ObjectKey {
    key_of(&kind(), map("1").as_value())
}

fn applied(version: &str) -> Applied {
    Applied {
        fingerprint: fingerprint::of(Applier::Kustomization, &map(version), &map(version)),
        resource_version: version.to_owned(),
        judge: Judge::default(),
        health: Health::Current,
    }
}

/// A list of this version in which the object is not.
fn empty_list(ledger: &Ledger, version: &str) -> Vec<Named> {
    let mut relist = Relist::default();
    let mut take = |event| relist.take(ledger, &kind(), event);
    assert!(take(WatchEvent::Restarted).is_empty());
    take(WatchEvent::Synced(version.to_owned()))
}

fn begun() -> (Ledger, Named) {
    let (ledger, owner) = (Ledger::default(), Named::new("house", "app"));
    ledger.begin(&owner, &key());
    (ledger, owner)
}

#[test]
fn what_is_deleted_while_its_apply_is_in_flight_has_drifted() {
    let (ledger, _) = begun();
    assert!(empty_list(&ledger, "9").is_empty());
    assert!(ledger.settle(&key(), applied("5")));
}

#[test]
fn what_is_made_after_the_list_is_not_gone() {
    let (ledger, _) = begun();
    assert!(empty_list(&ledger, "9").is_empty());
    assert!(!ledger.settle(&key(), applied("12")));
    assert!(empty_list(&ledger, "9").is_empty());
}

#[test]
fn what_vanished_while_nobody_watched_is_reported() {
    let (ledger, owner) = begun();
    assert!(!ledger.settle(&key(), applied("5")));
    assert_eq!(empty_list(&ledger, "9"), [owner]);
}
