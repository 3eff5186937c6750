use super::*;

const BY: Applier = Applier::Kustomization;

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

#[track_caller]
fn prepared(before: Value, after: Value) {
    let mut object = object(before);
    prepare(&mut object);
    assert_eq!(*object.as_value(), after);
}

#[test]
fn a_secret_gets_its_text_as_data() {
    prepared(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "QQ==", "b": "b2xk"}, "stringData": {"b": "new", "c": ""}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "QQ==", "b": "bmV3", "c": ""}}),
    );
    prepared(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": null,
            "stringData": {"a": "x"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"a": "eA=="}}),
    );
    let number = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {},
        "stringData": {"a": 1}});
    prepared(number.clone(), number);
    let other = json!({"apiVersion": "example.com/v1", "kind": "Secret", "metadata": {},
        "stringData": {"a": "x"}});
    prepared(other.clone(), other);
}

#[test]
fn status_and_creation_timestamp_go_but_a_definition_keeps_its_status() {
    prepared(
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "creationTimestamp": null}, "status": {}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}),
    );
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition", "metadata": {}, "status": {"x": 1}});
    prepared(definition.clone(), definition);
}

#[test]
fn ports_get_their_protocol() {
    prepared(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {},
            "spec": {"ports": [{"port": 1}, {"port": 2, "protocol": "UDP"}, {"port": 3, "protocol": ""}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {},
            "spec": {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 2, "protocol": "UDP"},
                {"port": 3, "protocol": "TCP"}]}}),
    );
    let pod_spec =
        |port: Value| json!({"containers": [{"name": "a", "ports": [port]}, {"name": "b"}]});
    let before = pod_spec(json!({"containerPort": 1}));
    let after = pod_spec(json!({"containerPort": 1, "protocol": "TCP"}));
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
    ] {
        let workload = |pod_spec: &Value| {
            json!({"apiVersion": api_version, "kind": kind,
            "metadata": {}, "spec": {"template": {"spec": pod_spec}}})
        };
        prepared(workload(&before), workload(&after));
    }
    let pod =
        |spec: &Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec});
    prepared(pod(&before), pod(&after));
    let cron = |spec: &Value| {
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}})
    };
    prepared(cron(&before), cron(&after));
}

#[test]
fn a_ca_bundle_that_is_no_certificate_goes_from_a_definition() {
    let definition = |bundle: Option<&str>| {
        let mut client = json!({"service": {"name": "x"}});
        if let Some(bundle) = bundle {
            client["caBundle"] = json!(bundle);
        }
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {}, "spec": {"conversion": {"webhook": {"clientConfig": client}}}})
    };
    for bundle in [Some("Cg=="), Some("***"), None] {
        prepared(definition(bundle), definition(None));
    }
    prepared(definition(Some("")), definition(Some("")));
    let real = STANDARD.encode("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n");
    prepared(definition(Some(&real)), definition(Some(&real)));
}

#[test]
fn only_labels_annotations_and_the_body_count_as_a_difference() {
    let live = object(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"a": "1"}, "resourceVersion": "7", "generation": 2},
        "spec": {"replicas": 1}, "status": {"replicas": 1}}));
    let changed = |pointer: &str, value: Value| {
        let mut object = live.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = object.as_value_mut().pointer_mut(parent).unwrap();
        parent
            .as_object_mut()
            .unwrap()
            .insert(field.to_owned(), value);
        object
    };
    for (pointer, value, expected) in [
        ("/metadata/resourceVersion", json!("8"), false),
        ("/metadata/generation", json!(3), false),
        ("/metadata/managedFields", json!([]), false),
        ("/metadata/annotations", json!({}), false),
        (
            "/metadata/annotations",
            json!({"windlass.dev/revision": "main@sha1:1"}),
            false,
        ),
        (
            "/metadata/annotations",
            json!({"reconcile.fluxcd.io/requestedAt": "now"}),
            false,
        ),
        ("/status", json!({"replicas": 9}), false),
        ("/metadata/labels", json!({"a": "2"}), true),
        ("/metadata/labels", json!({}), true),
        ("/metadata/annotations", json!({"a": "1"}), true),
        ("/spec/replicas", json!(2), true),
        ("/spec/paused", json!(true), true),
        ("/data", json!({}), true),
    ] {
        assert_eq!(
            differs(&live, &changed(pointer, value)),
            expected,
            "{pointer}"
        );
    }
}

#[test]
fn a_restart_by_kubectl_is_no_difference() {
    let deployment = |annotations: Value| {
        object(json!({"apiVersion": "apps/v1",
        "kind": "Deployment", "metadata": {},
        "spec": {"template": {"metadata": {"annotations": annotations}}}}))
    };
    let bare = object(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {},
        "spec": {"template": {"metadata": {}}}}),
    );
    let restarted = deployment(json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01"}));
    let again = deployment(json!({"kubectl.kubernetes.io/restartedAt": "2027-01-01"}));
    assert!(!differs(&restarted, &again) && !differs(&restarted, &bare));
    let other = deployment(json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01", "x": "y"}));
    assert!(differs(&restarted, &other));
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "v1",
        "fieldsType": "FieldsV1", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields})
}

fn live(annotations: Value, managed_fields: Value) -> Object {
    object(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c",
        "resourceVersion": "7", "annotations": annotations, "managedFields": managed_fields}}),
    )
}

fn desired() -> Object {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}))
}

#[test]
fn what_kubectl_wrote_becomes_ours_in_one_entry() {
    let live = live(
        json!({"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "x"}),
        json!([
            entry(
                "kubectl-client-side-apply",
                "Update",
                json!({"f:data": {"f:a": {}}})
            ),
            entry(
                "before-first-apply",
                "Update",
                json!({"f:data": {"f:b": {}}})
            ),
            entry(
                "kustomize-controller",
                "Update",
                json!({"f:data": {"f:c": {}}})
            ),
            entry(
                "kustomize-controller",
                "Apply",
                json!({"f:data": {"f:d": {}}})
            ),
            entry("kubectl", "Apply", json!({"f:data": {"f:e": {}}})),
            entry("helm", "Update", json!({"f:data": {"f:f": {}}})),
        ]),
    );
    let patch = takeover(BY, &desired(), &live).unwrap();
    let ours = entry(
        "kustomize-controller",
        "Apply",
        json!({"f:data": {"f:a": {}, "f:b": {}, "f:c": {}, "f:d": {}, "f:e": {}}}),
    );
    let kept = entry("helm", "Update", json!({"f:data": {"f:f": {}}}));
    assert_eq!(
        patch,
        json!([
            {"op": "remove",
             "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"},
            {"op": "replace", "path": "/metadata/managedFields", "value": [kept, ours]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        ])
    );
    let mut patched = live.as_value().clone();
    let patch = windlass_object::patch::json::Patch::parse(&patch).unwrap();
    windlass_object::patch::json::apply(&mut patched, &patch).unwrap();
    assert_eq!(takeover(BY, &desired(), &object(patched)), None);
}

#[test]
fn marks_of_early_versions_of_flux_are_removed() {
    let mut marked = live(json!({"fluxcd.io/sync-checksum": "x"}), json!([]));
    marked.set_label("fluxcd.io/sync-gc-mark", "y");
    let patch = takeover(BY, &desired(), &marked).unwrap();
    assert_eq!(
        patch[0]["path"],
        "/metadata/annotations/fluxcd.io~1sync-checksum"
    );
    assert_eq!(patch[1]["path"], "/metadata/labels/fluxcd.io~1sync-gc-mark");
    assert_eq!(patch.as_array().unwrap().len(), 3);
}

#[test]
fn without_an_entry_of_ours_the_first_taken_one_becomes_it() {
    let live = live(
        json!({}),
        json!([entry("kubectl-create", "Update", json!({"f:data": {}}))]),
    );
    let patch = takeover(BY, &desired(), &live).unwrap();
    let entries = &patch[0]["value"];
    assert_eq!(
        entries,
        &json!([entry(
            "kustomize-controller",
            "Apply",
            json!({"f:data": {}})
        )])
    );
}

#[test]
fn nothing_is_taken_over_from_others_from_status_or_against_the_wish() {
    let mut status = entry("kubectl-edit", "Update", json!({"f:status": {}}));
    status["subresource"] = json!("status");
    let quiet = live(
        json!({}),
        json!([
            entry("helm", "Update", json!({"f:data": {}})),
            entry("before-first-apply", "Apply", json!({"f:data": {}})),
            entry("kustomize-controller", "Apply", json!({"f:data": {}})),
            status,
        ]),
    );
    assert_eq!(takeover(BY, &desired(), &quiet), None);
    let wanted = live(
        json!({}),
        json!([entry("kubectl-edit", "Update", json!({"f:data": {}}))]),
    );
    let mut merge = desired();
    merge.set_annotation(names::SSA, "merge");
    assert_eq!(takeover(BY, &merge, &wanted), None);
    assert!(takeover(BY, &desired(), &wanted).is_some());
    assert_eq!(takeover(BY, &desired(), &desired()), None);
}

#[test]
fn what_people_ask_by_stays_with_kubectl() {
    let restart = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
        "f:kubectl.kubernetes.io/restartedAt": {}}}}},
        "f:metadata": {"f:annotations": {"f:reconcile.fluxcd.io/requestedAt": {}}}});
    let only = live(
        json!({}),
        json!([entry("kubectl-rollout", "Update", restart.clone())]),
    );
    assert_eq!(takeover(BY, &desired(), &only), None);
    let mut both = restart.clone();
    fields::union(&mut both, &json!({"f:data": {"f:a": {}}}));
    let mixed = live(json!({}), json!([entry("kubectl-edit", "Update", both)]));
    let patch = takeover(BY, &desired(), &mixed).unwrap();
    assert_eq!(
        patch[0]["value"],
        json!([
            entry("kubectl-edit", "Update", restart),
            entry(
                "kustomize-controller",
                "Apply",
                json!({"f:data": {"f:a": {}}})
            ),
        ])
    );
}

#[test]
fn annotations_say_how_an_object_is_treated() {
    let with = |key: &str, value: &str| {
        let mut object = desired();
        object.set_annotation(key, value);
        object
    };
    let labelled = |key: &str, value: &str| {
        let mut object = desired();
        object.set_label(key, value);
        object
    };
    let plain = desired();
    use Treatment::{Apply, Skip};
    assert_eq!(treatment(&plain, None), Apply);
    assert_eq!(treatment(&plain, Some(&plain)), Apply);
    for skipped in [
        with(names::RECONCILE, "Disabled"),
        labelled(names::RECONCILE, "disabled"),
        with(names::SSA, "ignore"),
    ] {
        assert_eq!(treatment(&skipped, None), Skip);
        assert_eq!(treatment(&plain, Some(&skipped)), Skip);
    }
    let once = with(names::SSA, "IfNotPresent");
    assert_eq!(treatment(&once, None), Apply);
    assert_eq!(treatment(&once, Some(&plain)), Skip);
    assert_eq!(treatment(&plain, Some(&once)), Apply);
    assert!(is_forced(&with(names::FORCE, "Enabled"), None));
    assert!(is_forced(&plain, Some(&with(names::FORCE, "enabled"))));
    assert!(!is_forced(&with(names::FORCE, "disabled"), Some(&plain)));
    assert!(is_merged(&plain, Some(&with(names::SSA, "Merge"))));
}

#[test]
fn the_rules_of_an_aggregating_role_are_left_to_its_controller() {
    let role = |aggregates: bool| {
        let mut value = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "monitoring"}, "rules": []});
        if aggregates {
            value["aggregationRule"] = json!({"clusterRoleSelectors": []});
        }
        let mut role = Object::from_value(value).unwrap();
        prepare(&mut role);
        role.pointer("/rules").is_some()
    };
    assert!(role(false));
    assert!(!role(true));
}

#[test]
fn a_helm_release_takes_over_what_helm_wrote_and_nothing_of_kubectl() {
    let entry = |manager: &str, operation: &str, field: &str| {
        json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {(field): {}}}})
    };
    let live = object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {
    "name": "web", "resourceVersion": "7",
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    "managedFields": [
        entry("kubectl-edit", "Update", "f:type"), entry("helm", "Update", "f:a"),
        entry("helm", "Apply", "f:b"), entry("helm-controller", "Update", "f:c"),
        entry("kustomize-controller", "Apply", "f:d"),
    ]}}));
    let patch = takeover(Applier::HelmRelease, &live, &live).unwrap();
    let patch = patch.as_array().unwrap();
    assert_eq!(patch.len(), 2, "fields and resourceVersion only: {patch:?}");
    let entries = patch[0]["value"].as_array().unwrap();
    let managers: Vec<_> = entries
        .iter()
        .map(|it| it["manager"].as_str().unwrap())
        .collect();
    assert_eq!(
        managers,
        ["kubectl-edit", "kustomize-controller", "helm-controller"]
    );
    assert_eq!(entries[2]["operation"], "Apply");
    assert_eq!(
        entries[2]["fieldsV1"],
        json!({"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}}})
    );
}
