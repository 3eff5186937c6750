//! What a HelmRelease's spec makes of a chart: patches, order, health, retries, hooks, and in whose name.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;

use crate::charts::condition;
use crate::house::{House, config_map};
use crate::releases::{CHART, TEXT, ask, by_version, handled, house, reaches, reference};

const HOOK: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: hook
  annotations: {helm.sh/hook: 'post-install,post-upgrade'}
data: {text: hook}
";

fn live(house: &House, name: &str) -> Value {
    let live = house.admin().get(&config_map("flux-system", name));
    live.unwrap_or_default()
}

#[test]
fn objects_and_hooks_are_patched_and_marked_as_the_spec_says() {
    let with = |value: &str, strategy: &str| {
        let patch = format!("[{{op: add, path: /data/patched, value: {value:?}}}]");
        let patch = json!({"target": {"kind": "ConfigMap"}, "patch": patch});
        let spec = json!({
            "values": {"text": "one"},
            "postRenderStrategy": strategy,
            "postRenderers": [{"kustomize": {"patches": [patch]}}],
            "commonMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        });
        by_version("web", &spec)
    };
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &with("first", "combined")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/hook.yaml", HOOK),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    for name in ["web", "hook"] {
        let live = live(&house, name);
        assert_eq!(live["data"]["patched"], "first");
        assert_eq!(live["metadata"]["labels"]["team"], "a");
        assert_eq!(live["metadata"]["annotations"]["note"], "b");
    }
    // Another patch alone is another revision.
    let second = with("second", "nohooks");
    house.push(&[("cluster/release.yaml", &second)], "Patch otherwise");
    reaches(&house, "web", "UpgradeSucceeded", 2);
    assert_eq!(live(&house, "web")["data"]["patched"], "second");
    assert_eq!(live(&house, "hook")["data"], json!({"text": "hook"}));
}

#[test]
fn a_release_waits_for_what_its_expression_asks_and_while_it_is_suspended() {
    let first = |text: &str| by_version("web", &json!({"values": {"text": text}}));
    let expression = "dep.status.history[0].version > 1";
    let depends = json!([{"name": "web", "readyExpr": expression}]);
    let after = by_version(
        "after",
        &json!({"dependsOn": depends, "values": {"text": "a"}}),
    );
    let idle = |suspend: bool| {
        by_version(
            "idle",
            &json!({"suspend": suspend, "values": {"text": "i"}}),
        )
    };
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/web.yaml", &first("one")),
            ("cluster/after.yaml", &after),
            ("cluster/idle.yaml", &idle(true)),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    let what = "HelmRelease after to wait";
    house.admin().wait_for(what, &reference("after"), |object| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == "DependencyNotReady")
    });
    house.push(&[("cluster/web.yaml", &first("two"))], "Upgrade the first");
    reaches(&house, "web", "UpgradeSucceeded", 2);
    reaches(&house, "after", "InstallSucceeded", 1);
    let suspended = house.admin().get(&reference("idle")).unwrap();
    assert!(
        suspended
            .get("status")
            .is_none_or(|status| status.get("history").is_none())
    );
    assert_eq!(live(&house, "idle"), Value::Null);
    house.push(&[("cluster/idle.yaml", &idle(false))], "Resume");
    reaches(&house, "idle", "InstallSucceeded", 1);
}

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.house.example}
spec:
  group: house.example
  scope: Namespaced
  names: {kind: Toy, plural: toys}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const TOY: &str = "apiVersion: house.example/v1
kind: Toy
metadata:
  name: {{ .Release.Name }}
spec: {phase: {{ .Values.phase }}}
";

#[test]
fn the_health_of_a_custom_resource_is_what_the_expressions_say() {
    let checks = json!([{
        "apiVersion": "house.example/v1", "kind": "Toy",
        "current": "spec.phase == 'done'", "failed": "spec.phase == 'broken'",
    }]);
    let release = |name: &str| {
        let spec = json!({"values": {"phase": name}, "healthCheckExprs": checks, "timeout": "3s"});
        by_version(name, &spec)
    };
    let releases: Vec<String> = ["done", "broken", "pending"].map(release).into();
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &releases.join("\n---\n")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/crds/toy.yaml", DEFINITION),
            ("charts/web/templates/toy.yaml", TOY),
        ],
    );
    reaches(&house, "done", "InstallSucceeded", 1);
    for (name, why) in [
        (
            "broken",
            "failed early due to stalled resources: [Toy/flux-system/broken",
        ),
        (
            "pending",
            "timeout after 3s waiting for: [Toy/flux-system/pending",
        ),
    ] {
        let object = reaches(&house, name, "InstallFailed", 1);
        let released = condition(&object, "Released").unwrap();
        let message = released["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_definition_that_somebody_made_and_nothing_serves_yet_is_waited_for() {
    let mut house = house(
        &Options::api_server(),
        &[
            (
                "cluster/text.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first, namespace: default}\n",
            ),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/crds/toy.yaml", DEFINITION),
            ("charts/web/templates/toy.yaml", TOY),
        ],
    );
    let make = |plural: &str| {
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let version = json!({
            "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
        });
        house.admin().apply(&json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.house.example")},
            "spec": {
                "group": "house.example", "scope": "Namespaced",
                "names": {"kind": "Toy", "plural": plural}, "versions": [version],
            },
        }));
    };
    let definition = |name: &str| {
        let kind = "CustomResourceDefinition";
        ObjectRef::new("apiextensions.k8s.io/v1", kind, "", name)
    };
    let is = |name: &str, wanted: &str| {
        let what = format!("{name} to be accepted: {wanted}");
        house.admin().wait_for(&what, &definition(name), |object| {
            condition(object, "NamesAccepted").is_some_and(|names| names["status"] == wanted)
        })
    };
    // The kind is taken until the rival goes.
    make("rivals");
    is("rivals.house.example", "True");
    make("toys");
    is("toys.house.example", "False");
    let release = by_version("web", &json!({"values": {"phase": "done"}}));
    house.push(&[("cluster/release.yaml", &release)], "Release it");
    house
        .admin()
        .wait_for("the release to begin", &reference("web"), |object| {
            condition(object, "Reconciling").is_some()
        });
    house.admin().delete(&definition("rivals.house.example"));
    reaches(&house, "web", "InstallSucceeded", 1);
}

/// Fails until there is a namespace `late`.
const LATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}, namespace: late}
";

fn make_late(house: &House) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "late"}});
    house.admin().apply(&namespace);
}

#[test]
fn a_failed_install_is_tried_again_without_end_or_only_when_asked() {
    let strategy = json!({"name": "RetryOnFailure", "retryInterval": "1s"});
    let releases = [
        by_version(
            "again",
            &json!({"install": {"strategy": strategy}, "upgrade": {"strategy": strategy}}),
        ),
        by_version("once", &json!({})),
    ];
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &releases.join("\n---\n")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/late.yaml", LATE),
        ],
    );
    let what = "HelmRelease once to have no retries left";
    house.admin().wait_for(what, &reference("once"), |object| {
        condition(object, "Stalled").is_some_and(|stalled| stalled["reason"] == "RetriesExceeded")
    });
    let what = "HelmRelease again to be at its third revision";
    let object = house.admin().wait_for(what, &reference("again"), |object| {
        object["status"]["history"][0]["version"].as_i64() >= Some(3)
    });
    // Nothing was undone in between.
    assert!(condition(&object, "Remediated").is_none());
    assert!(condition(&object, "Stalled").is_none());
    make_late(&house);
    let object = house.admin().wait_ready(&reference("again"), "True");
    assert_eq!(object["status"].get("failures"), None);

    // A request alone does not begin anew, a reset does.
    let now = ask(&house, "once", &["reconcile.fluxcd.io/requestedAt"]);
    let object = handled(&house, "once", &now);
    assert!(condition(&object, "Stalled").is_some());
    let asked = [
        "reconcile.fluxcd.io/requestedAt",
        "reconcile.fluxcd.io/resetAt",
    ];
    let now = ask(&house, "once", &asked);
    let object = house.admin().wait_ready(&reference("once"), "True");
    assert_eq!(object["status"]["lastHandledResetAt"], now.as_str());
    let version = object["status"]["history"][0]["version"].as_i64().unwrap();
    // Forced, it is upgraded although nothing has changed, and once.
    let asked = [
        "reconcile.fluxcd.io/requestedAt",
        "reconcile.fluxcd.io/forceAt",
    ];
    let now = ask(&house, "once", &asked);
    let object = reaches(&house, "once", "UpgradeSucceeded", version + 1);
    assert_eq!(object["status"]["lastHandledForceAt"], now.as_str());
    let now = ask(&house, "once", &["reconcile.fluxcd.io/requestedAt"]);
    handled(&house, "once", &now);
    reaches(&house, "once", "UpgradeSucceeded", version + 1);
}

fn job(name: &str, event: &str, policy: &str, pod: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  annotations: {{helm.sh/hook: {event}, helm.sh/hook-delete-policy: {policy:?}}}
spec:
  backoffLimit: 0
  template:
    metadata: {{annotations: {pod}}}
    spec:
      restartPolicy: Never
      containers: [{{name: a, image: a}}]
"
    )
}

#[test]
fn jobs_run_at_their_moment_and_go_or_stay_as_their_policies_say() {
    let failing = "{windlass.dev/pod: failing}";
    let hooks = [
        job(
            "gone",
            "pre-install",
            "before-hook-creation,hook-succeeded",
            "{}",
        ),
        job("stays", "post-install", "before-hook-creation", "{}"),
        job("kept", "pre-upgrade", "hook-succeeded", "{}"),
        format!(
            "{{{{ if .Values.fails }}}}\n{}{{{{ end }}}}\n",
            job("fails", "post-upgrade", "hook-failed", failing)
        ),
    ];
    let with = |values: &Value| by_version("web", &json!({"values": values}));
    let mut house = house(
        &Options::full(),
        &[
            ("cluster/release.yaml", &with(&json!({"text": "one"}))),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/hooks.yaml", &hooks.join("---\n")),
        ],
    );
    let there = |house: &House, name: &str| {
        let job = ObjectRef::new("batch/v1", "Job", "flux-system", name);
        house.admin().get(&job).is_some()
    };
    reaches(&house, "web", "InstallSucceeded", 1);
    assert!(!there(&house, "gone") && there(&house, "stays"));
    let fails = with(&json!({"text": "two", "fails": true}));
    house.push(&[("cluster/release.yaml", &fails)], "Let a hook fail");
    let object = reaches(&house, "web", "UpgradeFailed", 2);
    let released = condition(&object, "Released").unwrap();
    let message = released["message"].as_str().unwrap();
    assert!(
        message.contains("hook post-upgrade web/templates/hooks.yaml failed"),
        "{message}"
    );
    assert!(!there(&house, "kept") && !there(&house, "fails"));
    assert_eq!(live(&house, "web")["data"]["text"], "two");
}

fn allow(house: &House) {
    let namespace = "flux-system";
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "deployer", "namespace": namespace}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "deployer", "namespace": namespace},
            "rules": [{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}]}),
    ] {
        house.admin().apply(&object);
    }
}

#[test]
fn a_service_account_limits_what_is_released_and_where_its_revisions_are_kept() {
    let text = TEXT.replace("{{ .Values.text | quote }}", "one");
    let elsewhere = json!({"serviceAccountName": "deployer", "targetNamespace": "default"});
    let own = json!({"serviceAccountName": "deployer"});
    let releases = [by_version("web", &own), by_version("out", &elsewhere)];
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &releases.join("\n---\n")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", &text),
        ],
    );
    let user = "system:serviceaccount:flux-system:deployer";
    let fails = |house: &House, name: &str, why: &str| {
        let what = format!("HelmRelease {name} to fail with {why}");
        house.admin().wait_for(&what, &reference(name), |object| {
            let ready = condition(object, "Ready");
            let message = ready.and_then(|ready| ready["message"].as_str().map(str::to_owned));
            message.is_some_and(|message| message.contains(why) && message.contains(user))
        });
    };
    fails(&house, "web", "secrets is forbidden");
    assert_eq!(live(&house, "web"), Value::Null);
    allow(&house);
    let now = ask(&house, "web", &["reconcile.fluxcd.io/requestedAt"]);
    handled(&house, "web", &now);
    reaches(&house, "web", "InstallSucceeded", 1);
    ask(&house, "out", &["reconcile.fluxcd.io/requestedAt"]);
    fails(&house, "out", "cannot patch resource \"configmaps\"");
}
