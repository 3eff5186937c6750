//! Whatever the API server or another writer holds: the decisions come to an end without a panic.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use windlass_object::Object;

use crate::applier::Applier;
use crate::{change, fingerprint, health, lease, prune};

/// Names that the decisions look for, so that arbitrary values reach deep.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "metadata",
            "labels",
            "annotations",
            "managedFields",
            "manager",
            "operation",
            "fieldsV1",
            "f:spec",
            "f:template",
            "f:metadata",
            "f:annotations",
            "subresource",
            "f:kubectl.kubernetes.io/restartedAt",
            "spec",
            "status",
            "template",
            "containers",
            "ports",
            "conditions",
            "type",
            "reason",
            "replicas",
            "phase",
            "stringData",
            "data",
            "conversion",
            "webhook",
            "clientConfig",
            "caBundle",
            "holderIdentity",
            "uid",
            ".",
            "k:{\"name\":\"a\"}",
            "leaseTransitions",
            "observedGeneration",
            "generation",
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "True",
            "kubectl-edit",
            "Apply",
            "Update",
            "Running",
            "",
            "é"
        ])
        .prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn object() -> impl Strategy<Value = Object> {
    let kind = prop::sample::select(vec![
        ("v1", "Secret"),
        ("v1", "Service"),
        ("v1", "Pod"),
        ("v1", "PersistentVolumeClaim"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("example.com/v1", "Widget"),
    ]);
    let part = || prop::collection::btree_map(name(), value(), 0..6);
    (kind, part(), value(), value(), part()).prop_map(
        |((api_version, kind), metadata, spec, status, rest)| {
            let mut root: Map<String, Value> = rest.into_iter().collect();
            root.insert("apiVersion".to_owned(), json!(api_version));
            root.insert("kind".to_owned(), json!(kind));
            root.insert("metadata".to_owned(), json!(metadata));
            root.insert("spec".to_owned(), spec);
            root.insert("status".to_owned(), status);
            Object::from_value(Value::Object(root)).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 500, ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_objects_do_not_panic(one in object(), other in object()) {
        let health = health::assess(&one, Timestamp::UNIX_EPOCH);
        prop_assert_ne!(health, health::Health::NotFound);
        let mut prepared = one.clone();
        change::prepare(&mut prepared);
        let once = prepared.clone();
        change::prepare(&mut prepared);
        prop_assert_eq!(&once, &prepared, "preparing twice changes nothing more");
        prop_assert!(!change::differs(&one, &one));
        let metadata = one.pointer("/metadata").unwrap();
        for by in [Applier::Kustomization, Applier::HelmRelease] {
            let _ = change::takeover(by, &one, &other);
            let fingerprint = fingerprint::of(by, &one, &other);
            let _ = (fingerprint::drifted(&fingerprint, metadata), fingerprint::explain(by, &other, metadata));
        }
        let _ = change::treatment(&one, Some(&other));
        let _ = (prune::may_delete(metadata, "a", "b"), lease::Record::from_lease(one.as_value()));
    }
}
