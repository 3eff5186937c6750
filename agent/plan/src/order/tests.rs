use proptest::prelude::*;
use serde_json::json;

use super::*;

fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> Object {
    Object::from_value(json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
    }))
    .unwrap()
}

fn kinds(stage: &Stage) -> Vec<String> {
    stage
        .objects
        .iter()
        .map(|object| object.kind().to_owned())
        .collect()
}

#[test]
fn definitions_come_first_then_classes_then_the_rest() {
    let stages = stages(vec![
        object("apps/v1", "Deployment", "a", "a"),
        object("v1", "ConfigMap", "a", "a"),
        object("networking.k8s.io/v1", "IngressClass", "", "a"),
        object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "a"),
        object("v1", "Namespace", "", "a"),
        object("storage.k8s.io/v1", "StorageClass", "", "a"),
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "",
            "a",
        ),
        object(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "",
            "a",
        ),
        object("example.com/v1", "Widget", "a", "a"),
    ]);
    let got: Vec<_> = stages
        .iter()
        .map(|stage| (kinds(stage), stage.wait))
        .collect();
    let expected: [(Vec<&str>, bool); 3] = [
        (
            vec!["CustomResourceDefinition", "Namespace", "ClusterRole"],
            true,
        ),
        (vec!["StorageClass", "IngressClass"], true),
        (
            vec![
                "ConfigMap",
                "Deployment",
                "Widget",
                "ValidatingWebhookConfiguration",
            ],
            false,
        ),
    ];
    for ((kinds, wait), (expected, expected_wait)) in got.iter().zip(&expected) {
        assert_eq!(
            (kinds.iter().map(String::as_str).collect::<Vec<_>>(), wait),
            (expected.clone(), expected_wait)
        );
    }
    assert_eq!(got.len(), 3);
}

#[test]
fn empty_stages_are_left_out() {
    assert_eq!(stages(Vec::new()), []);
    let only = stages(vec![object("v1", "ConfigMap", "a", "a")]);
    assert_eq!((only.len(), only[0].wait), (1, false));
}

#[test]
fn a_kind_of_the_same_name_in_another_group_is_no_definition() {
    let stages = stages(vec![
        object("example.com/v1", "Namespace", "a", "a"),
        object("example.com/v1", "ClusterRole", "a", "a"),
    ]);
    assert_eq!((stages.len(), stages[0].wait), (1, false));
}

#[test]
fn equal_kinds_sort_by_group_namespace_and_name() {
    let mut objects = vec![
        object("v1", "Service", "b", "a"),
        object("z.example.com/v1", "A", "a", "a"),
        object("a.example.com/v1", "Z", "a", "a"),
        object("v1", "Service", "a", "b"),
        object("v1", "Service", "a", "a"),
    ];
    sort(&mut objects);
    let keys: Vec<String> = objects
        .iter()
        .map(|object| object.key().to_string())
        .collect();
    assert_eq!(
        keys,
        [
            "Service/a/a",
            "Service/a/b",
            "Service/b/a",
            "Z/a/a",
            "A/a/a"
        ]
    );
}

fn some_key() -> impl Strategy<Value = ObjectKey> {
    let kind = prop_oneof![
        Just("Namespace"),
        Just("ConfigMap"),
        Just("Deployment"),
        Just("Widget"),
        Just("StorageClass"),
        Just("MutatingWebhookConfiguration"),
    ];
    (kind, "[ab]", "[a-c]").prop_map(|(kind, namespace, name)| ObjectKey {
        group: String::new(),
        kind: kind.to_owned(),
        namespace,
        name,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_does_not_depend_on_the_input_and_loses_nothing(
        keys in proptest::collection::vec(some_key(), 0..30),
        seed in any::<u64>(),
    ) {
        let mut one = keys.clone();
        let mut other = keys.clone();
        other.sort_by_key(|key| (key.to_string().len() as u64).wrapping_mul(seed));
        sort_for_delete(&mut one);
        sort_for_delete(&mut other);
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.len(), keys.len());
    }

    #[test]
    fn what_is_applied_first_is_deleted_last(keys in proptest::collection::vec(some_key(), 0..30)) {
        let mut objects: Vec<Object> = keys
            .iter()
            .map(|key| object("v1", &key.kind, &key.namespace, &key.name))
            .collect();
        sort(&mut objects);
        let mut deleted = keys;
        sort_for_delete(&mut deleted);
        deleted.reverse();
        let applied: Vec<ObjectKey> = objects.iter().map(Object::key).collect();
        prop_assert_eq!(applied, deleted);
    }

    #[test]
    fn stages_hold_every_object_once(keys in proptest::collection::vec(some_key(), 0..30)) {
        let objects: Vec<Object> = keys
            .iter()
            .map(|key| object("v1", &key.kind, &key.namespace, &key.name))
            .collect();
        let mut staged: Vec<ObjectKey> =
            stages(objects).iter().flat_map(|stage| stage.objects.iter().map(Object::key)).collect();
        let mut keys = keys;
        staged.sort();
        keys.sort();
        prop_assert_eq!(staged, keys);
    }
}
