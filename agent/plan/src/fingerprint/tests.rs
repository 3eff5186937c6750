use serde_json::json;

use super::*;

const BY: Applier = Applier::Kustomization;

fn entry(manager: &str, operation: &str, subresource: &str, time: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "subresource": subresource,
        "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields})
}

fn desired() -> Object {
    Object::from_value(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"team": "a"}, "annotations": {"note": ""}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [
            {"name": "app", "image": "x:1"}]}}}}))
    .unwrap()
}

fn our_fields() -> Value {
    json!({
        "f:metadata": {"f:labels": {"f:team": {}}, "f:annotations": {"f:note": {}}},
        "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:image": {}}}}}},
    })
}

/// What the API server shows right after our apply.
fn live() -> Object {
    let mut live = desired();
    let metadata = live
        .as_value_mut()
        .get_mut("metadata")
        .unwrap()
        .as_object_mut()
        .unwrap();
    metadata.insert("uid".to_owned(), json!("u1"));
    metadata.insert("resourceVersion".to_owned(), json!("1"));
    let ours = entry(
        "kustomize-controller",
        "Apply",
        "",
        "2026-01-01T00:00:00Z",
        our_fields(),
    );
    metadata.insert("managedFields".to_owned(), json!([ours]));
    live
}

/// The live metadata after a change.
fn after(change: impl FnOnce(&mut Value)) -> Value {
    let mut metadata = live().as_value()["metadata"].clone();
    change(&mut metadata);
    metadata
}

fn push(metadata: &mut Value, entry: Value) {
    metadata["managedFields"]
        .as_array_mut()
        .unwrap()
        .push(entry);
}

fn drift(metadata: &Value) -> Option<Drift> {
    drifted(&of(BY, &live(), &desired()), metadata)
}

fn cause(metadata: &Value) -> Option<DriftCause> {
    drift(metadata).map(|drift| drift.cause)
}

#[test]
fn nothing_that_others_may_do_is_drift() {
    assert_eq!(drift(&after(|_| {})), None);
    let metadata = after(|metadata| {
        metadata["resourceVersion"] = json!("9");
        metadata["generation"] = json!(4);
        metadata["labels"]["extra"] = json!("x");
        metadata["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
        metadata["managedFields"][0]["time"] = json!("2027-01-01T00:00:00Z");
        let status = json!({"f:status": {"f:replicas": {}}});
        push(
            metadata,
            entry(
                "kube-controller-manager",
                "Update",
                "status",
                "x",
                status.clone(),
            ),
        );
        push(
            metadata,
            entry("kubectl-edit", "Update", "status", "x", status),
        );
        push(
            metadata,
            entry(
                "helm",
                "Update",
                "",
                "x",
                json!({"f:spec": {"f:paused": {}}}),
            ),
        );
    });
    assert_eq!(drift(&metadata), None);
}

#[test]
fn a_field_that_is_taken_from_us_is_drift_and_named() {
    let metadata = after(|metadata| {
        let ours = &mut metadata["managedFields"][0]["fieldsV1"]["f:spec"];
        ours.as_object_mut().unwrap().remove("f:replicas");
        let theirs = json!({"f:spec": {"f:replicas": {}, "f:paused": {}}});
        push(
            metadata,
            entry("hpa", "Update", "scale", "2026-02-01T00:00:00Z", theirs),
        );
    });
    let drift = drift(&metadata).unwrap();
    assert_eq!(drift.cause, DriftCause::FieldChanged);
    assert_eq!(drift.managers, ["hpa"]);
    let explained = explain(BY, &desired(), &metadata);
    assert_eq!(explained, [("hpa".to_owned(), "spec.replicas".to_owned())]);
}

#[test]
fn a_list_item_that_is_changed_is_named_by_its_key() {
    let metadata = after(|metadata| {
        let containers = "/managedFields/0/fieldsV1/f:spec/f:template/f:spec/f:containers";
        let item = &mut metadata.pointer_mut(containers).unwrap()["k:{\"name\":\"app\"}"];
        item.as_object_mut().unwrap().remove("f:image");
        let theirs = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"app\"}": {"f:image": {}}}}}}});
        push(metadata, entry("keel", "Update", "", "x", theirs));
    });
    assert_eq!(cause(&metadata), Some(DriftCause::FieldChanged));
    let path = "spec.template.spec.containers[name=app].image";
    assert_eq!(
        explain(BY, &desired(), &metadata),
        [("keel".to_owned(), path.to_owned())]
    );
}

#[test]
fn a_label_or_annotation_that_we_set_is_drift_when_it_changes_or_goes() {
    for (map, key, field) in [
        ("labels", "team", "metadata.labels[\"team\"]"),
        ("annotations", "note", "metadata.annotations[\"note\"]"),
    ] {
        let changed = after(|metadata| metadata[map][key] = json!("other"));
        let drift = drift(&changed).unwrap();
        assert_eq!(drift.cause, DriftCause::MetadataChanged);
        assert_eq!(drift.fields, [field]);
        let removed = after(|metadata| {
            metadata[map].as_object_mut().unwrap().remove(key);
        });
        assert_eq!(cause(&removed), Some(DriftCause::MetadataChanged), "{map}");
    }
}

#[test]
fn another_incarnation_and_deletion_are_drift() {
    let replaced = after(|metadata| metadata["uid"] = json!("u2"));
    assert_eq!(cause(&replaced), Some(DriftCause::Replaced));
    let deleting = after(|metadata| metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    assert_eq!(cause(&deleting), Some(DriftCause::Deleting));
    assert_eq!(cause(&json!(null)), Some(DriftCause::Replaced));
}

#[test]
fn what_kubectl_writes_is_drift_even_where_we_set_nothing() {
    let metadata = after(|metadata| {
        let theirs = json!({"f:spec": {"f:paused": {}}});
        push(metadata, entry("kubectl-edit", "Update", "", "x", theirs));
    });
    let drift = drift(&metadata).unwrap();
    assert_eq!(drift.cause, DriftCause::TakenOver);
    assert_eq!(
        (drift.managers, drift.fields),
        (
            vec!["kubectl-edit".to_owned()],
            vec!["spec.paused".to_owned()]
        )
    );
}

#[test]
fn a_restart_by_kubectl_is_no_drift_also_when_git_sets_the_annotation() {
    let restart = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
        "f:kubectl.kubernetes.io/restartedAt": {}}}}}});
    let restarted = after(|metadata| {
        push(
            metadata,
            entry("kubectl-rollout", "Update", "", "x", restart.clone()),
        )
    });
    assert_eq!(drift(&restarted), None);
    let mut before = live();
    let ours = "/metadata/managedFields/0/fieldsV1";
    fields::union(before.as_value_mut().pointer_mut(ours).unwrap(), &restart);
    let fingerprint = of(BY, &before, &desired());
    assert_eq!(drifted(&fingerprint, &restarted), None);
}

#[test]
fn asking_for_a_pass_is_no_drift_and_what_else_kubectl_writes_is() {
    let asked = |fields: Value| {
        let set = json!({"f:metadata": {"f:annotations": fields}});
        after(|metadata| push(metadata, entry("kubectl-annotate", "Update", "", "x", set)))
    };
    for annotation in ["requestedAt", "forceAt", "resetAt"] {
        let name = format!("f:reconcile.fluxcd.io/{annotation}");
        assert_eq!(drift(&asked(json!({".": {}, name.as_str(): {}}))), None);
        assert_eq!(
            cause(&asked(json!({name: {}, "f:team": {}}))),
            Some(DriftCause::TakenOver)
        );
    }
}

#[test]
fn our_entry_gone_or_a_second_one_is_drift() {
    let gone = after(|metadata| metadata["managedFields"] = json!([]));
    assert_eq!(cause(&gone), Some(DriftCause::FieldChanged));
    let second = after(|metadata| {
        let theirs = json!({"f:spec": {"f:paused": {}}});
        push(
            metadata,
            entry("kustomize-controller", "Update", "", "x", theirs),
        );
    });
    assert_eq!(cause(&second), Some(DriftCause::TakenOver));
}

#[test]
fn the_digest_of_what_is_wanted_changes_with_it_and_not_with_the_order_of_keys() {
    let one = Object::from_value(
        serde_json::from_str(
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{},"data":{"a":"1","b":"2"}}"#,
        )
        .unwrap(),
    )
    .unwrap();
    let other = Object::from_value(
        serde_json::from_str(
            r#"{"data":{"b":"2","a":"1"},"metadata":{},"kind":"ConfigMap","apiVersion":"v1"}"#,
        )
        .unwrap(),
    )
    .unwrap();
    assert_eq!(digest(&one), digest(&other));
    assert_ne!(digest(&one), digest(&desired()));
    assert_eq!(of(BY, &live(), &desired()).desired(), &digest(&desired()));
    assert_eq!(of(BY, &live(), &desired()).uid(), "u1");
}

#[test]
fn a_fingerprint_reads_back_what_it_writes() {
    let fingerprint = of(BY, &live(), &desired());
    let text = serde_json::to_string(&fingerprint).unwrap();
    assert_eq!(
        serde_json::from_str::<Fingerprint>(&text).unwrap(),
        fingerprint
    );
}

#[test]
fn named_fields_are_bounded() {
    let metadata = after(|metadata| {
        let many: Map = (0..50)
            .map(|number| (format!("f:x{number}"), json!({})))
            .collect();
        push(
            metadata,
            entry("kubectl", "Update", "", "x", Value::Object(many)),
        );
    });
    assert_eq!(drift(&metadata).unwrap().fields.len(), MAX_NAMED_FIELDS);
}

type Map = serde_json::Map<String, Value>;
