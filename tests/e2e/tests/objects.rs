//! Objects on their way: definitions and what they define, moves between owners, secrets, what is ignored.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::{KUSTOMIZATION, ready};
use crate::tenant::{Tenant, bare_map, shared};

fn into(tenant: &Tenant, name: &str, mut spec: Value) {
    spec["targetNamespace"] = tenant.namespace.clone().into();
    tenant.kustomize(name, spec);
}

/// A small definition in group `e2e.windlass.dev`.
fn definition_of(kind: &str, plural: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
         name: {plural}.e2e.windlass.dev\nspec:\n  group: e2e.windlass.dev\n  scope: Namespaced\n  names:\n    \
         kind: {kind}\n    plural: {plural}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    \
         schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n          spec:\n            \
         type: object\n            properties:\n              stages: {{type: integer}}\n"
    )
}

#[test]
fn a_definition_and_its_objects_are_applied_and_pruned_together() {
    let definition = &definition_of("Rocket", "rockets");
    let rocket = "apiVersion: e2e.windlass.dev/v1\nkind: Rocket\nmetadata:\n  name: apollo\nspec:\n  stages: 3\n";
    let files = [
        ("app/a-rocket.yaml", rocket),
        ("app/z-definition.yaml", definition),
        ("app/map.yaml", &bare_map("map", "one")),
    ];
    let mut tenant = Tenant::start("definition", &files);
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    let apollo = ObjectRef::new("e2e.windlass.dev/v1", "Rocket", &tenant.namespace, "apollo");
    tenant
        .admin()
        .patch(&apollo, &json!({"spec": {"stages": 2}}));
    tenant.admin().wait_for("the correction", &apollo, |live| {
        live["spec"]["stages"] == 3
    });
    // Somebody deletes the definition, and with it every object of the kind.
    let reference = ObjectRef::new(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        "rockets.e2e.windlass.dev",
    );
    let uid = |object: &Value| object["metadata"]["uid"].clone();
    let before = uid(&tenant.admin().get(&reference).unwrap());
    tenant.admin().delete(&reference);
    tenant
        .admin()
        .wait_for("the definition to be back", &reference, |live| {
            uid(live) != before
        });
    tenant
        .admin()
        .wait_for("the rocket to be back", &apollo, |live| {
            live["spec"]["stages"] == 3
        });
    tenant.ready("app");

    tenant.repo.remove("app/a-rocket.yaml");
    tenant.repo.remove("app/z-definition.yaml");
    let commit = tenant.push(&[], "No rockets");
    tenant.applied("app", &commit);
    let definition = ObjectRef::new(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        "rockets.e2e.windlass.dev",
    );
    tenant.admin().wait_gone(&definition);
}

/// What failed for lack of a kind does not wait for its interval.
#[test]
fn an_object_whose_kind_comes_later_is_applied_when_the_kind_is_there() {
    let shuttle = "apiVersion: e2e.windlass.dev/v1\nkind: Shuttle\nmetadata:\n  name: atlantis\nspec:\n  stages: 2\n";
    let definition = definition_of("Shuttle", "shuttles");
    let mut tenant = Tenant::start(
        "later",
        &[
            ("app/shuttle.yaml", shuttle),
            ("definition/crd.yaml", &definition),
        ],
    );
    into(&tenant, "app", json!({"retryInterval": "1h"}));
    tenant.fails(
        "app",
        "ReconciliationFailed",
        "no matches for kind \"Shuttle\"",
    );
    tenant.kustomize("definition", json!({}));
    tenant.ready("app");
    let atlantis = ObjectRef::new(
        "e2e.windlass.dev/v1",
        "Shuttle",
        &tenant.namespace,
        "atlantis",
    );
    assert_eq!(tenant.admin().get(&atlantis).unwrap()["spec"]["stages"], 2);
    tenant.repo.remove("app/shuttle.yaml");
    let commit = tenant.push(&[("app/map.yaml", &bare_map("map", "one"))], "Land");
    tenant.applied("app", &commit);
}

#[test]
fn an_object_that_moves_to_another_kustomization_changes_hands_and_nobody_fights() {
    let files = [
        ("a/moving.yaml", &bare_map("moving", "one") as &str),
        ("a/stays.yaml", &bare_map("stays-a", "one")),
        ("b/stays.yaml", &bare_map("stays-b", "one")),
    ];
    let mut tenant = Tenant::start("move", &files);
    into(&tenant, "a", json!({}));
    into(&tenant, "b", json!({}));
    tenant.ready("a");
    tenant.ready("b");
    tenant.repo.remove("a/moving.yaml");
    let commit = tenant.push(&[("b/moving.yaml", &bare_map("moving", "two"))], "Move it");
    tenant.applied("a", &commit);
    tenant.applied("b", &commit);
    let moved = tenant.wait_value("moving", "two");
    assert_eq!(
        moved["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"],
        "b"
    );
    let mark = shared().control_plane.audit().mark();
    wait::holds("peace", Duration::from_secs(2), || {
        tenant.value("moving").as_deref() == Some("two")
    });
    let writes = writes_since(&tenant, mark);
    assert!(writes.is_empty(), "{writes:#?}");
    // It is b's now, also for drift.
    tenant.admin().patch(
        &tenant.config_map("moving"),
        &json!({"data": {"value": "theirs"}}),
    );
    tenant.wait_value("moving", "two");
    tenant.event("b", "DriftCorrected", "moving");
}

fn writes_since(
    tenant: &Tenant,
    mark: windlass_kit::controlplane::audit::Mark,
) -> Vec<windlass_kit::controlplane::audit::AuditRecord> {
    let requests = shared().control_plane.audit().requests(User::Agent, mark);
    // An event may come a moment after the status that it belongs to.
    let writes = requests.into_iter().filter(|one| {
        one.writes() && one.namespace == tenant.namespace && one.resource != "events"
    });
    writes.collect()
}

#[test]
fn two_kustomizations_that_claim_one_object_do_not_write_in_a_loop() {
    let files = [
        ("a/map.yaml", &bare_map("claimed", "of-a") as &str),
        ("b/map.yaml", &bare_map("claimed", "of-b")),
    ];
    let tenant = Tenant::start("claim", &files);
    into(&tenant, "a", json!({}));
    into(&tenant, "b", json!({}));
    tenant.ready("a");
    tenant.ready("b");
    let mark = shared().control_plane.audit().mark();
    wait::holds("some time", Duration::from_secs(3), || true);
    let writes = writes_since(&tenant, mark);
    let on_object = writes.iter().filter(|one| one.resource == "configmaps");
    assert!(on_object.count() <= 8, "{writes:#?}");
}

#[test]
fn a_kustomization_that_leaves_the_repository_takes_its_objects_with_it() {
    let mut tenant = Tenant::start("nested", &[("app/map.yaml", "{}\n")]);
    let nested = json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization", "metadata": {"name": "inner"},
        "spec": {"path": "./inner", "prune": true, "interval": "10m",
            "targetNamespace": tenant.namespace,
            "sourceRef": {"kind": "GitRepository", "name": "source"}},
    });
    tenant.repo.remove("app/map.yaml");
    tenant.push(
        &[
            ("app/inner.yaml", &nested.to_string()),
            ("app/map.yaml", &bare_map("outer", "one")),
            ("inner/map.yaml", &bare_map("inner", "one")),
        ],
        "Nest",
    );
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    assert_eq!(
        tenant.value("inner").as_deref(),
        Some("one"),
        "wait includes the inner one"
    );
    tenant.repo.remove("app/inner.yaml");
    tenant.repo.remove("inner");
    let commit = tenant.push(&[], "Unnest");
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&tenant.reference("inner"));
    tenant.admin().wait_gone(&tenant.config_map("inner"));
    assert_eq!(tenant.value("outer").as_deref(), Some("one"));
}

#[test]
fn t35_the_value_of_a_secret_is_never_told() {
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret\nstringData:\n  password: {value}\n"
        )
    };
    let mut tenant = Tenant::start("secret", &[("app/secret.yaml", &secret("correct-horse"))]);
    into(&tenant, "app", json!({"retryInterval": "1s"}));
    tenant.ready("app");
    let reference = ObjectRef::new("v1", "Secret", &tenant.namespace, "secret");
    let theirs = json!({"data": {"password": "YmF0dGVyeS1zdGFwbGU="}});
    tenant.admin().patch(&reference, &theirs);
    tenant.event("app", "DriftCorrected", "secret");
    // A number is refused by the API server, whose message quotes it.
    tenant.push(&[("app/secret.yaml", &secret("8675309"))], "A number");
    tenant.fails("app", "ReconciliationFailed", "Secret/");
    let raw =
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret\ndata:\n  password: 4815162342\n";
    tenant.push(&[("app/secret.yaml", raw)], "A raw number");
    wait::holds("its secrecy", Duration::from_secs(2), || {
        let object = tenant
            .admin()
            .get(&tenant.reference("app"))
            .unwrap()
            .to_string();
        let events = Value::from(tenant.events("app")).to_string();
        let log = shared().agent.log();
        let told = [
            "correct-horse",
            "battery-staple",
            "YmF0dGVyeS1zdGFwbGU",
            "Y29ycmVjdC1ob3JzZQ",
            "8675309",
            "4815162342",
        ];
        told.iter().all(|value| {
            ![&object, &events, &log]
                .iter()
                .any(|text| text.contains(value))
        })
    });
}

#[test]
fn tags_and_ranges_of_versions_are_followed() {
    let mut tenant = Tenant::start("tags", &[("app/map.yaml", &bare_map("app", "one"))]);
    let tag = |tenant: &Tenant, name: &str| {
        tenant.repo.push_ref("HEAD", &format!("refs/tags/{name}"));
        tenant.repo.id("HEAD")
    };
    let first = tag(&tenant, "v1.0.0");
    tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    let second = tag(&tenant, "v1.2.0");
    into(&tenant, "app", json!({}));
    let follow = |reference: Value| {
        let spec = json!({"spec": {"ref": reference}});
        tenant.admin().patch(&tenant.source(), &spec);
    };
    follow(json!({"branch": null, "tag": "v1.0.0"}));
    let revision = |text: String| {
        tenant.admin().wait_for(&text, &tenant.source(), |source| {
            source["status"]["artifact"]["revision"] == text.as_str()
                && ready(source)["status"] == "True"
        })
    };
    revision(format!("v1.0.0@sha1:{first}"));
    follow(json!({"tag": null, "semver": ">=1.0.0 <2.0.0"}));
    revision(format!("v1.2.0@sha1:{second}"));
    tenant.wait_value("app", "two");
    // Changed in the cluster, a selector only goes forward: trust.rs shows the way back.
    follow(json!({"semver": null, "commit": second}));
    revision(format!("sha1:{second}"));
}

#[test]
fn ignored_files_are_not_there() {
    let files = [
        ("app/map.yaml", &bare_map("app", "one") as &str),
        ("app/ignored.yaml", &bare_map("ignored", "one")),
        (".sourceignore", "app/ignored.yaml\n"),
        ("app/later.yaml", &bare_map("later", "one")),
        ("app/picture.png", "no yaml"),
    ];
    let tenant = Tenant::start("ignore", &files);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    assert!(tenant.value("ignored").is_none());
    assert!(tenant.value("later").is_some());
    let spec = json!({"spec": {"ignore": "/app/later.yaml\n*.png\n"}});
    tenant.admin().patch(&tenant.source(), &spec);
    tenant.admin().wait_gone(&tenant.config_map("later"));
    tenant.ready("app");
}

#[test]
fn a_render_of_everything_this_issue_names_is_applied() {
    let overlay = "resources: [../base, extra]\ncomponents: [../component]\nnamePrefix: my-\n\
        nameSuffix: -x\nlabels:\n- pairs: {tier: web}\ncommonAnnotations: {note: hello}\n\
        images:\n- name: example.org/app\n  newTag: \"2\"\nreplicas:\n- name: app\n  count: 2\n\
        configMapGenerator:\n- name: settings\n  literals: [colour=blue]\n\
        secretGenerator:\n- name: password\n  literals: [p=q]\n\
        patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: app\n    \
        spec:\n      template:\n        spec:\n          priorityClassName: \"\"\n          \
        containers:\n          - name: main\n            envFrom:\n            - configMapRef: {name: settings}\n\
        - target: {kind: Deployment}\n  patch: |\n    - op: add\n      path: /spec/minReadySeconds\n      value: 1\n";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\nspec:\n  \
        selector: {matchLabels: {app: app}}\n  template:\n    metadata: {labels: {app: app}}\n    spec:\n      \
        containers:\n      - {name: main, image: \"example.org/app:1\"}\n";
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels:\n\
        - pairs: {from: component}\n";
    let files = [
        ("base/kustomization.yaml", "resources: [app.yaml]\n"),
        ("base/app.yaml", deployment),
        ("component/kustomization.yaml", component),
        ("app/kustomization.yaml", overlay),
        ("app/extra/kustomization.yaml", "resources: [map.yaml]\n"),
        ("app/extra/map.yaml", &bare_map("extra", "one")),
    ];
    let tenant = Tenant::start("render", &files);
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    let app = ObjectRef::new("apps/v1", "Deployment", &tenant.namespace, "my-app-x");
    let live = tenant.admin().get(&app).expect("prefix and suffix");
    let labels = &live["metadata"]["labels"];
    assert_eq!(
        (&labels["tier"], &labels["from"]),
        (&json!("web"), &json!("component"))
    );
    assert_eq!(live["metadata"]["annotations"]["note"], "hello");
    let spec = &live["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["minReadySeconds"]),
        (&json!(2), &json!(1))
    );
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "example.org/app:2");
    let name = container["envFrom"][0]["configMapRef"]["name"]
        .as_str()
        .unwrap();
    assert!(name.starts_with("my-settings-x-"), "{name}");
    let settings = tenant
        .admin()
        .get(&tenant.config_map(name))
        .expect("the name with the hash");
    assert_eq!(settings["data"]["colour"], "blue");
    assert!(tenant.value("my-extra-x").is_some());
}

#[test]
fn a_namespace_that_somebody_deletes_comes_back_with_everything_in_it() {
    let tenant = Tenant::start("home", &[("app/map.yaml", &bare_map("app", "one"))]);
    let home = format!("{}-inner", tenant.namespace);
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {home}\n");
    let mut tenant = tenant;
    let commit = tenant.push(&[("app/namespace.yaml", &namespace)], "A home");
    tenant.kustomize("app", json!({"targetNamespace": home}));
    tenant.applied("app", &commit);
    let reference = crate::house::namespace(&home);
    let uid = |object: &Value| object["metadata"]["uid"].clone();
    let before = uid(&tenant.admin().get(&reference).unwrap());
    tenant.admin().delete(&reference);
    tenant
        .admin()
        .wait_for("the new namespace", &reference, |live| uid(live) != before);
    let map = crate::house::config_map(&home, "app");
    tenant
        .admin()
        .wait_for("the map in it", &map, |live| live["data"]["value"] == "one");
    tenant.ready("app");
    tenant.event("app", "DriftCorrected", &format!("Namespace/{home}"));
}

#[test]
fn a_deployment_that_somebody_scales_is_scaled_back_and_one_without_replicas_in_git_is_not() {
    let deployment = |name: &str, replicas: Value| {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "main", "image": "example.org/app:1"}]}}},
        });
        if !replicas.is_null() {
            object["spec"]["replicas"] = replicas;
        }
        object.to_string()
    };
    let files = [
        ("app/fixed.yaml", &deployment("fixed", json!(1)) as &str),
        ("app/free.yaml", &deployment("free", Value::Null)),
    ];
    let tenant = Tenant::start("scale", &files);
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    let reference = |name: &str| ObjectRef::new("apps/v1", "Deployment", &tenant.namespace, name);
    for name in ["fixed", "free"] {
        let scale = json!({"spec": {"replicas": 2}});
        tenant
            .admin()
            .patch_subresource(&reference(name), "scale", &scale);
    }
    tenant.event("app", "DriftCorrected", "fixed");
    tenant
        .admin()
        .wait_for("the old scale", &reference("fixed"), |live| {
            live["spec"]["replicas"] == 1
        });
    wait::holds("the free one's scale", Duration::from_secs(2), || {
        tenant.admin().get(&reference("free")).unwrap()["spec"]["replicas"] == 2
    });
    let told = Value::from(tenant.events("app")).to_string();
    assert!(!told.contains("free put back"), "{told}");
}

#[test]
fn another_version_or_target_of_the_same_objects_follows_without_leaving_any_behind() {
    let scaler = |version: &str, metric: &str| {
        format!(
            "apiVersion: autoscaling/{version}\nkind: HorizontalPodAutoscaler\nmetadata:\n  \
             name: scaler\nspec:\n  maxReplicas: 3\n  scaleTargetRef:\n    \
             {{apiVersion: apps/v1, kind: Deployment, name: app}}\n{metric}"
        )
    };
    let files = [
        (
            "app/scaler.yaml",
            &scaler("v1", "  targetCPUUtilizationPercentage: 50\n") as &str,
        ),
        ("app/map.yaml", &bare_map("map", "one")),
    ];
    let mut tenant = Tenant::start("version", &files);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    let reference = ObjectRef::new(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &tenant.namespace,
        "scaler",
    );
    let before = tenant.admin().get(&reference).unwrap();
    let metric = "  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      \
                  target: {type: Utilization, averageUtilization: 70}\n";
    let commit = tenant.push(&[("app/scaler.yaml", &scaler("v2", metric))], "Version 2");
    let object = tenant.applied("app", &commit);
    let after = tenant.admin().get(&reference).unwrap();
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(
        after["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
        70
    );
    let id = format!(
        "{}_scaler_autoscaling_HorizontalPodAutoscaler",
        tenant.namespace
    );
    let entries = object["status"]["inventory"]["entries"].as_array().unwrap();
    assert!(
        entries.contains(&json!({"id": id, "v": "v2"})),
        "{entries:?}"
    );

    let other = shared().control_plane.namespace("version-other");
    tenant.kustomize("app", json!({"targetNamespace": other}));
    let moved = crate::house::config_map(&other, "map");
    tenant
        .admin()
        .wait_for("the map over there", &moved, |_| true);
    tenant.admin().wait_gone(&tenant.config_map("map"));
    tenant.admin().wait_gone(&reference);
    tenant.ready("app");
}

#[test]
fn what_another_manager_adds_is_left_alone_and_what_it_takes_is_put_back() {
    let tenant = Tenant::start("others", &[("app/map.yaml", &bare_map("app", "one"))]);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    let adds = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": tenant.namespace, "labels": {"theirs": "yes"}},
        "data": {"more": "theirs"}});
    let answer = tenant.admin().apply_as("other", &adds);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let theirs = |live: &Value| {
        live["data"]["more"] == "theirs" && live["metadata"]["labels"]["theirs"] == "yes"
    };
    wait::holds("the addition", Duration::from_secs(2), || {
        tenant
            .admin()
            .get(&tenant.config_map("app"))
            .is_some_and(|live| theirs(&live))
    });
    assert!(
        tenant
            .events("app")
            .iter()
            .all(|one| one["reason"] != "DriftCorrected")
    );
    let takes = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": tenant.namespace, "labels": {"theirs": "yes",
            "kustomize.toolkit.fluxcd.io/name": "somebody-else"}},
        "data": {"more": "theirs", "value": "theirs"}});
    let answer = tenant.admin().apply_as("other", &takes);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let live = tenant.wait_value("app", "one");
    assert!(theirs(&live), "{live}");
    assert_eq!(
        live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"],
        "app"
    );
    let event = tenant.event("app", "DriftCorrected", "app");
    assert!(event["message"].to_string().contains("other"), "{event}");
}

#[test]
fn a_namespace_on_a_kind_that_has_none_is_dropped_also_from_the_inventory() {
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
        name: planets.e2e.windlass.dev\nspec:\n  group: e2e.windlass.dev\n  scope: Cluster\n  names:\n    \
        kind: Planet\n    plural: planets\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    \
        schema:\n      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}\n";
    let planet = "apiVersion: e2e.windlass.dev/v1\nkind: Planet\nmetadata:\n  name: pluto\n";
    let files = [
        ("app/definition.yaml", definition),
        ("app/planet.yaml", planet),
    ];
    let tenant = Tenant::start("scope", &files);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    let pluto = ObjectRef::new("e2e.windlass.dev/v1", "Planet", "", "pluto");
    assert!(tenant.admin().get(&pluto).is_some());
    let app = tenant.reference("app");
    let asked = tenant.request(&app);
    let after = tenant.admin().wait_for("the requested pass", &app, |app| {
        app["status"]["lastHandledReconcileAt"] == asked.as_str()
    });
    let inventory = after["status"]["inventory"]["entries"].to_string();
    assert!(
        inventory.contains("\"_pluto_e2e.windlass.dev_Planet\""),
        "{inventory}"
    );
}
