use serde_json::json;

use super::*;

/// A live object, and whose fields are whose.
fn live(mut value: Value, managers: &[(&str, &str, Value)]) -> Object {
    let entries: Vec<Value> = managers
        .iter()
        .map(|(manager, operation, set)| {
            json!({"manager": manager, "operation": operation, "fieldsV1": set})
        })
        .collect();
    value["metadata"]["managedFields"] = entries.into();
    Object::from_value(value).unwrap()
}

fn shown(desired: Value, live: &Object) -> Vec<String> {
    let desired = Object::from_value(desired).unwrap();
    let differences = differences(Applier::Kustomization, &desired, live);
    let lines = differences.iter().map(|one| {
        let text = |value: &Option<Value>| {
            let text = value.as_ref().map(ToString::to_string);
            text.unwrap_or_else(|| "-".to_owned())
        };
        format!("{}: {} -> {}", one.path, text(&one.live), text(&one.wanted))
    });
    lines.collect()
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "b"}, "data": data})
}

fn deployment(container: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"template": {"spec": {"containers": [container]}}}})
}

const FLUX: &str = "kustomize-controller";

#[test]
fn what_git_says_and_is_there_is_no_difference_and_another_value_is_one() {
    let owned = json!({"f:data": {"f:one": {}, "f:two": {}}});
    let found = live(
        map(json!({"one": "1", "two": "2", "foreign": "x"})),
        &[
            (FLUX, "Apply", owned),
            ("other", "Update", json!({"f:data": {"f:foreign": {}}})),
        ],
    );
    assert_eq!(shown(map(json!({"one": "1", "two": "2"})), &found), [""; 0]);
    assert_eq!(
        shown(map(json!({"one": "1", "two": "3", "three": "3"})), &found),
        ["data.three: - -> \"3\"", "data.two: \"2\" -> \"3\""]
    );
}

#[test]
fn a_field_that_git_does_not_say_any_more_goes_unless_another_manager_holds_it_too() {
    let owned = json!({"f:data": {".": {}, "f:one": {}, "f:two": {}}});
    let both = json!({"f:data": {"f:two": {}}});
    let found = live(
        map(json!({"one": "1", "two": "2"})),
        &[(FLUX, "Apply", owned), ("other", "Apply", both)],
    );
    assert_eq!(shown(map(json!({})), &found), ["data.one: \"1\" -> -"]);
}

#[test]
fn what_the_server_writes_its_own_way_is_the_same() {
    let set = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:image": {}, "f:resources": {
            "f:requests": {"f:cpu": {}, "f:memory": {}}}}}}}}});
    let found = live(
        deployment(
            json!({"name": "app", "image": "a:1", "imagePullPolicy": "IfNotPresent",
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}),
        ),
        &[(FLUX, "Apply", set)],
    );
    let wanted = |cpu: Value, image: &str| {
        deployment(
            json!({"name": "app", "image": image, "env": [], "securityContext": {},
            "resources": {"requests": {"cpu": cpu, "memory": "1024Mi"}}}),
        )
    };
    assert_eq!(shown(wanted(json!("1000m"), "a:1"), &found), [""; 0]);
    assert_eq!(shown(wanted(json!(1), "a:1"), &found), [""; 0]);
    assert_eq!(
        shown(wanted(json!("2"), "a:2"), &found),
        [
            "spec.template.spec.containers[name=app].image: \"a:1\" -> \"a:2\"",
            "spec.template.spec.containers[name=app].resources.requests.cpu: \"1\" -> \"2\"",
        ]
    );
}

#[test]
fn items_are_known_by_their_keys_and_those_of_others_stay() {
    let set = json!({"f:spec": {"f:ports": {
        "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
        "k:{\"port\":443,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}});
    let service = |ports: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"},
            "spec": {"ports": ports}})
    };
    let found = live(
        service(json!([
            {"port": 443, "protocol": "TCP", "targetPort": 443},
            {"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30000},
            {"port": 9000, "protocol": "TCP"},
        ])),
        &[(FLUX, "Apply", set)],
    );
    let wanted = service(json!([{"port": 80, "protocol": "TCP", "targetPort": 8081}]));
    assert_eq!(
        shown(wanted, &found),
        [
            "spec.ports[port=80,protocol=TCP].targetPort: 8080 -> 8081",
            "spec.ports[port=443,protocol=TCP]: \
             {\"port\":443,\"protocol\":\"TCP\",\"targetPort\":443} -> -",
        ]
    );
}

#[test]
fn a_list_without_keys_is_one_value_and_plain_defaults_in_it_are_not_seen() {
    let binding = |subjects: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "a"}, "subjects": subjects})
    };
    let found = live(
        binding(json!([{"kind": "User", "name": "x", "apiGroup": "rbac.authorization.k8s.io"}])),
        &[(FLUX, "Apply", json!({"f:subjects": {}}))],
    );
    let same = binding(json!([{"kind": "User", "name": "x"}]));
    assert_eq!(shown(same, &found), [""; 0]);
    let more = binding(json!([{"kind": "User", "name": "x"}, {"kind": "User", "name": "y"}]));
    assert_eq!(shown(more, &found).len(), 1);
    let role = |rule: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "a"}, "rules": [rule]})
    };
    let rules = json!({"verbs": ["get"], "resourceNames": ["x"]});
    let found = live(role(rules), &[(FLUX, "Apply", json!({"f:rules": {}}))]);
    assert_eq!(shown(role(json!({"verbs": ["get"]})), &found).len(), 1);
}

#[test]
fn what_kubectl_applied_is_taken_over_and_a_restart_is_no_difference() {
    let set = json!({"f:data": {"f:one": {}, "f:two": {}}});
    let found = live(
        map(json!({"one": "1", "two": "2"})),
        &[("kubectl-client-side-apply", "Update", set)],
    );
    assert_eq!(
        shown(map(json!({"one": "1"})), &found),
        ["data.two: \"2\" -> -"]
    );
    let annotated = |annotations: Value| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"template": {"metadata": {"annotations": annotations}}}})
    };
    let set = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
        "f:kubectl.kubernetes.io/restartedAt": {}}}}}});
    let found = live(
        annotated(json!({"kubectl.kubernetes.io/restartedAt": "today"})),
        &[("kubectl-rollout", "Update", set)],
    );
    assert_eq!(shown(annotated(json!({})), &found), [""; 0]);
}

#[test]
fn an_object_that_says_hands_off_would_not_be_touched() {
    let mut found = map(json!({"one": "1"}));
    found["metadata"]["annotations"] = json!({"kustomize.toolkit.fluxcd.io/reconcile": "disabled"});
    let found = live(found, &[]);
    assert_eq!(shown(map(json!({"one": "2"})), &found), [""; 0]);
}

#[test]
fn numbers_in_a_config_map_are_text() {
    let found = live(map(json!({"cpu": "1000m"})), &[]);
    assert_eq!(shown(map(json!({"cpu": "1"})), &found).len(), 1);
}

#[test]
fn a_struct_that_the_server_writes_out_is_nobodys_but_what_was_given_in_it_is() {
    let deployment = |strategy: Value| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b"}, "spec": {"strategy": strategy}})
    };
    let without = || {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b"}, "spec": {}})
    };
    let held = |set: Value| {
        let live_now = deployment(json!({"type": "Recreate"}));
        live(
            live_now,
            &[(FLUX, "Apply", json!({"f:spec": {"f:strategy": set}}))],
        )
    };
    assert_eq!(shown(without(), &held(json!({}))), [""; 0]);
    let given = held(json!({"f:type": {}}));
    assert_eq!(
        shown(without(), &given),
        ["spec.strategy: {\"type\":\"Recreate\"} -> -"]
    );
}

#[test]
fn the_target_of_a_port_that_names_none_is_the_port_itself() {
    let set = json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {
        ".": {}, "f:port": {}, "f:targetPort": {}}}}});
    let service = |port: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"},
            "spec": {"ports": [port]}})
    };
    let wanted = || service(json!({"port": 80, "protocol": "TCP"}));
    let found = |target: u32| {
        let port = json!({"port": 80, "protocol": "TCP", "targetPort": target});
        live(service(port), &[(FLUX, "Apply", set.clone())])
    };
    assert_eq!(shown(wanted(), &found(80)), [""; 0]);
    assert_eq!(shown(wanted(), &found(8080)).len(), 1);
}
