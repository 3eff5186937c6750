//! A pass that finds nothing builds nothing and sends nothing.

use serde_json::json;
use windlass_kit::controlplane::audit::AuditRecord;
use windlass_kit::controlplane::{Options, User};

use crate::house::{House, KUSTOMIZATION, config_map, kustomization};
use crate::tenant::bare_map;

const OBJECTS: usize = 1000;

/// How often the Kustomization was built.
fn builds(house: &House) -> usize {
    let log = house.agent.log();
    let lines = log.lines().filter(|line| line.contains("builds"));
    lines
        .filter(|line| line.contains("flux-system/many"))
        .count()
}

/// Asks for a pass and waits until it was made.
fn pass(house: &House) {
    let many = kustomization("flux-system", "many");
    let now = format!("{:?}", std::time::SystemTime::now());
    let annotations =
        json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": now}}});
    house.admin().patch(&many, &annotations);
    house.admin().wait_for("the pass", &many, |many| {
        many["status"]["lastHandledReconcileAt"] == now.as_str()
    });
}

#[test]
fn a_pass_over_a_thousand_objects_builds_again_only_what_has_changed() {
    let files: Vec<(String, String)> = (0..OBJECTS)
        .map(|number| {
            let name = format!("many-{number:04}");
            (format!("many/{name}.yaml"), bare_map(&name, "one"))
        })
        .collect();
    let mut files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    // Created once and then left to others: nobody watches it, so each pass asks whether it is there.
    let once = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "ours"},
        "metadata": {"name": "once", "annotations": {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}}});
    let once = once.to_string();
    files.push(("many/once.yaml", &once));
    files.push((
        "cluster/ns.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: many}\n",
    ));
    let mut house = House::start_with(&Options::api_server(), &files, |agent| {
        agent.set("root", "path", "cluster");
        agent.set("log", "level", "debug");
    });
    let values = |greeting: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "values", "namespace": "flux-system"},
            "data": {"GREETING": greeting}})
    };
    house.admin().apply(&values("one"));
    house.admin().apply(&json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "many", "namespace": "flux-system"},
        "spec": {"path": "./many", "prune": true, "interval": "1h", "targetNamespace": "many", "wait": true,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "values"}]}},
    }));
    house.ready("flux-system", "many");
    let first = builds(&house);
    assert_eq!(first, 1, "one pass, one build");

    let mark = house.control_plane.audit().mark();
    for _ in 0..3 {
        pass(&house);
    }
    assert_eq!(builds(&house), first, "the same was built again");
    let asked = house.control_plane.audit().requests(User::Agent, mark);
    let asked: Vec<_> = asked.iter().filter(|one| one.namespace == "many").collect();
    let expected = |one: &&AuditRecord| one.verb == "get" && one.name == "once";
    assert!(asked.iter().all(expected), "{asked:?}");
    assert_eq!(asked.len(), 3, "{asked:?}");

    // Other values, a foreign change and another revision are each a reason.
    house.admin().apply(&values("two"));
    pass(&house);
    assert_eq!(builds(&house), first + 1);
    let once = config_map("many", "once");
    house.admin().delete(&once);
    pass(&house);
    assert!(house.admin().get(&once).is_some(), "nobody made it anew");
    assert_eq!(builds(&house), first + 2);
    let one = config_map("many", "many-0007");
    house
        .admin()
        .patch(&one, &json!({"data": {"value": "foreign"}}));
    house
        .admin()
        .wait_for("the correction", &one, |map| map["data"]["value"] == "one");
    let corrected = builds(&house);
    assert!(
        corrected > first + 1,
        "it was corrected without its manifest"
    );
    let commit = house.push(
        &[("many/many-0007.yaml", &bare_map("many-0007", "new"))],
        "New",
    );
    house
        .admin()
        .wait_for("the new value", &one, |map| map["data"]["value"] == "new");
    house.applied(&commit);
    pass(&house);
    assert!(builds(&house) > corrected);
}

/// What nothing watches says nothing of a foreign change: neither a build of no objects nor one for another cluster
/// may stand for the next.
#[test]
fn a_kustomization_without_objects_is_built_in_every_pass() {
    let house = House::start_with(
        &Options::api_server(),
        &[
            (
                "cluster/ns.yaml",
                "apiVersion: v1\nkind: Namespace\nmetadata: {name: many}\n",
            ),
            ("many/kustomization.yaml", "resources: []\n"),
        ],
        |agent| {
            agent.set("root", "path", "cluster");
            agent.set("log", "level", "debug");
        },
    );
    house.admin().apply(&json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "many", "namespace": "flux-system"},
        "spec": {"path": "./many", "prune": true, "interval": "1h",
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
    }));
    house.ready("flux-system", "many");
    let first = builds(&house);
    pass(&house);
    assert_eq!(builds(&house), first + 1);
}
