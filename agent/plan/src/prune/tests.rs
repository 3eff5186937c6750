use proptest::prelude::*;
use serde_json::json;
use windlass_api::inventory::Entry;

use super::*;

fn key(kind: &str, name: &str) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: kind.to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
    }
}

fn inventory(keys: &[(ObjectKey, &str)]) -> Inventory {
    Inventory {
        entries: keys
            .iter()
            .map(|(key, version)| Entry::new(key, version))
            .collect(),
    }
}

#[test]
fn what_left_is_stale_in_the_order_of_deletion_and_a_new_version_is_not() {
    let old = inventory(&[
        (key("ConfigMap", "a"), "v1"),
        (key("Deployment", "a"), "v1beta1"),
        (key("Service", "a"), "v1"),
        (key("Secret", "kept"), "v1"),
    ]);
    let new = inventory(&[(key("Secret", "kept"), "v1"), (key("Service", "a"), "v2")]);
    let stale = stale(&old, &new);
    assert_eq!(stale.keys, [key("Deployment", "a"), key("ConfigMap", "a")]);
    assert_eq!(stale.unreadable, []);
}

#[test]
fn an_entry_that_names_no_object_is_reported_and_left_alone() {
    let mut old = inventory(&[(key("ConfigMap", "a"), "v1")]);
    old.entries.push(Entry {
        id: "nonsense".to_owned(),
        version: "v1".to_owned(),
    });
    let stale = stale(&old, &Inventory::default());
    assert_eq!((stale.keys.len(), stale.unreadable.len()), (1, 1));
}

fn owned() -> Value {
    json!({"labels": {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }})
}

#[test]
fn only_the_owner_may_delete() {
    assert_eq!(may_delete(&owned(), "flux-system", "apps"), Ok(()));
    assert_eq!(may_delete(&owned(), "other", "apps"), Err(Skip::NotOwned));
    assert_eq!(
        may_delete(&owned(), "flux-system", "other"),
        Err(Skip::NotOwned)
    );
    for strange in [
        json!({}),
        json!(null),
        json!({"labels": null}),
        json!({"labels": {
        "kustomize.toolkit.fluxcd.io/name": "apps"}}),
    ] {
        assert_eq!(
            may_delete(&strange, "flux-system", "apps"),
            Err(Skip::NotOwned)
        );
    }
}

#[test]
fn annotations_and_labels_keep_an_object() {
    for (key, value, skip) in [
        (names::PRUNE, "Disabled", Skip::PruneDisabled),
        (names::RECONCILE, "disabled", Skip::ReconcileDisabled),
        (names::SSA, "ignore", Skip::Ignored),
    ] {
        let mut annotated = owned();
        annotated["annotations"] = json!({key: value});
        assert_eq!(may_delete(&annotated, "flux-system", "apps"), Err(skip));
        let mut labelled = owned();
        labelled["labels"][key] = json!(value);
        assert_eq!(may_delete(&labelled, "flux-system", "apps"), Err(skip));
        annotated["annotations"] = json!({key: "other"});
        assert_eq!(may_delete(&annotated, "flux-system", "apps"), Ok(()));
        assert!(skip.to_string().contains(key), "{skip}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_still_wanted_is_ever_stale(
        old in proptest::collection::btree_set("[a-d]", 0..5),
        new in proptest::collection::btree_set("[a-d]", 0..5),
        version in "v[12]",
    ) {
        let of = |names: &std::collections::BTreeSet<String>, version: &str| {
            let keys: Vec<_> = names.iter().map(|name| (key("ConfigMap", name), version)).collect();
            inventory(&keys)
        };
        let stale = stale(&of(&old, "v1"), &of(&new, &version));
        let got: std::collections::BTreeSet<String> =
            stale.keys.iter().map(|key| key.name.clone()).collect();
        let expected: std::collections::BTreeSet<String> = old.difference(&new).cloned().collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn arbitrary_ids_do_not_panic(ids in proptest::collection::vec(".*", 0..10)) {
        let entries = ids.iter().map(|id| Entry { id: id.clone(), version: String::new() }).collect();
        let stale = stale(&Inventory { entries }, &Inventory::default());
        prop_assert!(stale.keys.len() + stale.unreadable.len() <= ids.len());
    }
}
