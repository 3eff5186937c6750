use serde_json::json;

use super::*;

fn leaves_of(set: &Value) -> Vec<String> {
    let mut out = Vec::new();
    leaves(set, &mut |path| out.push(shown(path)));
    out
}

#[test]
fn leaves_are_shown_as_people_write_paths() {
    let set = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:team": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"app\"}": {".": {}, "f:image": {}},
                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}},
            }}},
            "f:finalizers": {"v:\"x\"": {}, "i:0": {}},
        },
    });
    assert_eq!(
        leaves_of(&set),
        [
            "metadata.labels[\"app.kubernetes.io/name\"]",
            "metadata.labels.team",
            "spec.finalizers[0]",
            "spec.finalizers[\"x\"]",
            "spec.replicas",
            "spec.template.spec.containers[containerPort=80,protocol=TCP]",
            "spec.template.spec.containers[name=app].image",
        ]
    );
}

#[test]
fn sets_are_united_and_nothing_is_lost() {
    let mut one = json!({"f:a": {"f:b": {}}, "f:c": {}});
    union(&mut one, &json!({"f:a": {"f:d": {}}, "f:e": {"f:f": {}}}));
    assert_eq!(
        one,
        json!({"f:a": {"f:b": {}, "f:d": {}}, "f:c": {}, "f:e": {"f:f": {}}})
    );
    let before = one.clone();
    union(&mut one, &json!("nonsense"));
    assert_eq!(one, before);
}

#[test]
fn the_restart_annotation_is_taken_out_with_what_only_held_it() {
    let restart = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
        ".": {}, "f:kubectl.kubernetes.io/restartedAt": {},
    }}}}});
    let mut set = restart.clone();
    let taken = take_requests(&mut set).unwrap();
    assert_eq!(leaves_of(&taken).len(), 1);
    assert!(is_empty(&set));
    let mut mixed = restart;
    union(&mut mixed, &json!({"f:spec": {"f:replicas": {}}}));
    assert!(take_requests(&mut mixed).is_some());
    assert_eq!(leaves_of(&mixed), ["spec.replicas"]);
    assert_eq!(take_requests(&mut mixed), None);
}

#[test]
fn steps_lead_to_what_an_object_has() {
    let object = json!({"spec": {
        "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}],
        "set": ["one", "two"],
        "ports": [{"port": 80}],
    }});
    let at = |path: &[&str]| resolve(&object, path).cloned();
    assert_eq!(
        at(&["f:spec", "f:containers", "k:{\"name\":\"b\"}", "f:image"]),
        Some(json!("y"))
    );
    assert_eq!(at(&["f:spec", "f:set", "v:\"two\""]), Some(json!("two")));
    assert_eq!(at(&["f:spec", "f:set", "i:0"]), Some(json!("one")));
    let by_default = "k:{\"port\":80,\"protocol\":\"TCP\"}";
    assert_eq!(
        at(&["f:spec", "f:ports", by_default]),
        Some(json!({"port": 80}))
    );
    for missing in [
        ["f:spec", "f:containers", "k:{\"name\":\"c\"}"],
        ["f:spec", "f:containers", "k:nonsense"],
        ["f:spec", "f:set", "v:\"three\""],
        ["f:spec", "f:set", "i:9"],
        ["f:spec", "f:none", "x"],
        ["f:spec", "f:set", "é"],
    ] {
        assert_eq!(at(&missing), None, "{missing:?}");
    }
}

#[test]
fn a_very_deep_set_is_followed_only_so_far() {
    let mut set = json!({});
    for _ in 0..500 {
        set = json!({"f:x": set});
    }
    assert_eq!(leaves_of(&set).len(), 0);
}
