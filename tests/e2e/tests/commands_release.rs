//! `build`, `diff`, `debug` and `tree` of a HelmRelease, against what was really released: by the word of the real helm, of
//! the real flux, and of the cluster.

use std::path::Path;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_object::Object;
use windlass_object::yaml::{Dialect, Limits, parse_objects};

use crate::commands::Ran;
use crate::commands_flux::{flux, ours, theirs};
use crate::helm_records::Helm;
use crate::tenant::{Tenant, shared, state};

const CHART: &str = "apiVersion: v2
name: web
version: 1.2.3
dependencies:
- {name: part, version: 0.1.0, repository: file://../part}
";

const MAP: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  values: {{ .Values | toJson | quote }}
  first: {{ .Release.IsInstall | quote }}
  seen: {{ lookup \"v1\" \"ConfigMap\" .Release.Namespace \"settings\" | dig \"metadata\" \"name\" \"\" | quote }}
  kinds: {{ .Capabilities.APIVersions.Has \"apps/v1/Deployment\" | quote }}
";

const REST: &str = "apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-key}
stringData: {word: {{ .Values.password }}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ .Release.Namespace }}-web}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-before
  annotations: {helm.sh/hook: pre-install}
";

const PART: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-part}\ndata: {of: part}\n";

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: bolts.release-commands.example}
spec:
  group: release-commands.example
  scope: Namespaced
  names: {kind: Bolt, plural: bolts}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
";

fn files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("charts/web/Chart.yaml", CHART),
        (
            "charts/web/values.yaml",
            "text: of the chart\npassword: none\n",
        ),
        ("charts/web/crds/bolts.yaml", DEFINITION),
        ("charts/web/templates/map.yaml", MAP),
        ("charts/web/templates/rest.yaml", REST),
        (
            "charts/part/Chart.yaml",
            "apiVersion: v2\nname: part\nversion: 0.1.0\n",
        ),
        ("charts/part/templates/map.yaml", PART),
        ("env/prod.yaml", "text: of the file\nlist: [1, 2]\n"),
    ]
}

/// A HelmRelease that uses everything that changes what comes out.
fn spec() -> Value {
    json!({
        "interval": "1h", "releaseName": "web",
        "chart": {"spec": {
            "chart": "./charts/web", "sourceRef": {"kind": "GitRepository", "name": "source"},
            "valuesFiles": ["charts/web/values.yaml", "env/prod.yaml"],
        }},
        "values": {"own": {"a": 1_000_000, "b": "x"}},
        "valuesFrom": [
            {"kind": "ConfigMap", "name": "settings"},
            {"kind": "Secret", "name": "login", "valuesKey": "word", "targetPath": "password"},
            {"kind": "Secret", "name": "nowhere", "optional": true},
        ],
        "commonMetadata": {"labels": {"team": "blue"}},
        "postRenderers": [{"kustomize": {"patches": [{
            "target": {"kind": "ConfigMap", "name": "web"},
            "patch": "- {op: add, path: /data/patched, value: 'yes'}",
        }]}}],
    })
}

fn release(tenant: &Tenant) -> ObjectRef {
    let api = "helm.toolkit.fluxcd.io/v2";
    ObjectRef::new(api, "HelmRelease", &tenant.namespace, "web")
}

fn start(prefix: &str) -> Tenant {
    let tenant = Tenant::start(prefix, &files());
    let admin = tenant.admin();
    let metadata = |name: &str| json!({"name": name, "namespace": tenant.namespace});
    admin.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("settings"),
        "data": {"values.yaml": "text: of the map\nown: {b: y, c: z}\n"},
    }));
    admin.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata("login"),
        "stringData": {"word": "hunter2"},
    }));
    admin.apply(&json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": metadata("web"), "spec": spec(),
    }));
    admin.wait_for("the release", &release(&tenant), |object| {
        state(object, "Ready") == "True"
    });
    tenant
}

/// A command that may ask the agent for its charts.
fn on_node(tenant: &Tenant, line: &str) -> Ran {
    let socket = shared().agent.path().join("control.sock");
    let line = format!("{line} --agent-socket {}", socket.display());
    ours(tenant, &line)
}

fn objects(yaml: &str) -> Vec<Object> {
    parse_objects(Dialect::Lenient, yaml.as_bytes(), &Limits::DEFAULT).unwrap()
}

/// What an object says, without what only applying adds.
fn bare(mut object: Object) -> (String, Value) {
    object.set_namespace(None);
    object.remove_label("app.kubernetes.io/managed-by");
    for name in [
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
    ] {
        object.remove_annotation(name);
    }
    (object.key().to_string(), object.into_value())
}

fn sorted(objects: Vec<Object>) -> Vec<(String, Value)> {
    let mut all: Vec<_> = objects.into_iter().map(bare).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn what_is_built_is_what_was_released() {
    let tenant = start("hr-build");
    let Some(helm) = Helm::find(&shared().control_plane, &tenant.namespace) else {
        return;
    };
    let clone = tenant.repo.path().display().to_string();
    let line = "build helmrelease web --show-secrets --no-hooks";
    let from_clone = ours(&tenant, &format!("{line} --path {clone}")).done();
    let from_node = on_node(&tenant, line).done();
    assert_eq!(
        from_clone.results.replace("+1", ""),
        from_node.results.replace("+1", "")
    );
    let mut built = objects(&from_node.results);
    assert_eq!(built[0].name(), "bolts.release-commands.example");
    let released = helm.run(&["get", "manifest", "web"]);
    // The release has been installed since: templates are told of an upgrade.
    let released = released.replace("first: \"true\"", "first: \"false\"");
    assert_eq!(sorted(built.split_off(1)), sorted(objects(&released)));
    let role = objects(&from_node.results);
    let role = role
        .iter()
        .find(|object| object.kind() == "ClusterRole")
        .unwrap();
    assert_eq!(role.namespace(), None);

    let masked = on_node(&tenant, "build hr web").done().results;
    assert!(
        !masked.contains("hunter2") || !masked.contains("word: hunter2"),
        "{masked}"
    );
    let secret = objects(&masked);
    let secret = secret
        .iter()
        .find(|object| object.kind() == "Secret")
        .unwrap();
    assert_eq!(secret.pointer("/stringData/word"), Some(&json!("***")));
    assert!(
        masked.contains("web-before"),
        "hooks are printed too: {masked}"
    );

    let nobody = ours(&tenant, "build hr web --agent-socket /nowhere").failed();
    assert!(nobody.progress.contains("--path"), "{}", nobody.progress);
}

#[test]
fn without_a_cluster_a_file_and_a_clone_are_enough() {
    let tenant = Tenant::start("hr-dry", &files());
    let clone = tenant.repo.path().display().to_string();
    let file = shared().agent.path().join("release.yaml");
    let object = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "web"}, "spec": spec(),
    });
    std::fs::write(&file, object.to_string()).unwrap();
    let line = [
        "build",
        "hr",
        "web",
        "-n",
        "apps",
        "--dry-run",
        "--path",
        &clone,
    ];
    let file = file.display().to_string();
    let line = [&line[..], &["--helmrelease-file", &file]].concat();
    let ran = Ran::of(&windlass(Path::new("/nowhere"), &line)).done();
    assert!(
        ran.progress
            .contains("the values of ConfigMap apps/settings are left out"),
        "{}",
        ran.progress
    );
    let built = objects(&ran.results);
    let map = built.iter().find(|object| object.name() == "web").unwrap();
    assert_eq!(map.namespace(), Some("apps"));
    assert_eq!(map.pointer("/data/first"), Some(&json!("true")));
    assert_eq!(map.pointer("/data/patched"), Some(&json!("yes")));
    assert_eq!(map.label("team"), Some("blue"));
    let role = built
        .iter()
        .find(|object| object.kind() == "ClusterRole")
        .unwrap();
    assert_eq!(role.namespace(), None);
}

#[test]
fn a_difference_is_what_an_upgrade_then_changes() {
    let mut tenant = start("hr-diff");
    let none = on_node(&tenant, "diff hr web");
    // The first revision was told of an install, the next one is told of an upgrade.
    assert_eq!(
        verdicts(&none.results),
        [format!("► ConfigMap/{}/web drifted", tenant.namespace)]
    );
    assert_eq!(none.code, 1);
    let clone = tenant.repo.path().to_owned();
    let line = format!("diff helmrelease web --path {}", clone.display());
    let more = REST.replace("web-before", "web-after");
    let fresh = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fresh}\n";
    let changed = [
        (
            "charts/web/templates/map.yaml",
            MAP.replace("first:", "before:"),
        ),
        ("charts/web/templates/rest.yaml", more),
        ("charts/web/templates/fresh.yaml", fresh.to_owned()),
        (
            "charts/web/values.yaml",
            "text: x\npassword: none\npart: {enabled: false}\n".to_owned(),
        ),
        (
            "charts/web/Chart.yaml",
            CHART
                .replace(
                    "repository: file://../part}",
                    "repository: file://../part, condition: part.enabled}",
                )
                .replace("1.2.3", "1.2.4"),
        ),
    ];
    for (path, text) in &changed {
        std::fs::write(clone.join(path), text).unwrap();
    }
    let ran = ours(&tenant, &line);
    let namespace = &tenant.namespace;
    assert_eq!(
        verdicts(&ran.results),
        [
            format!("► ConfigMap/{namespace}/fresh created"),
            format!("► ConfigMap/{namespace}/web drifted"),
            format!("► ConfigMap/{namespace}/web-part deleted"),
        ],
        "{}",
        ran.progress
    );
    assert_eq!(ran.code, 1);
    std::fs::write(
        clone.join("charts/web/templates/fresh.yaml"),
        "{{ fail \"no\" }}",
    )
    .unwrap();
    assert_eq!(ours(&tenant, &line).code, 2);

    let changed: Vec<(&str, &str)> = changed
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    tenant.push(&changed, "Change the chart");
    tenant
        .admin()
        .wait_for("the upgrade", &release(&tenant), |object| {
            object["status"]["history"][0]["version"] == 2 && state(object, "Ready") == "True"
        });
    let part = tenant.config_map("web-part");
    assert!(
        tenant.admin().get(&part).is_none(),
        "the diff said that it goes"
    );
    assert!(tenant.admin().get(&tenant.config_map("fresh")).is_some());
    let none = ours(&tenant, &line);
    assert_eq!(
        (none.code, none.results.as_str()),
        (0, ""),
        "{}",
        none.progress
    );
}

fn verdicts(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("► ")).collect()
}

#[test]
fn flux_and_windlass_debug_a_release_alike_and_its_tree_is_its_inventory() {
    let tenant = start("hr-debug");
    let tree = ours(&tenant, "tree hr web").done().results;
    let root = format!("HelmRelease/{}/web\n", tenant.namespace);
    assert!(tree.starts_with(&root), "{tree}");
    for shown in [
        "Secret/",
        "ClusterRole/",
        "web-part",
        "CustomResourceDefinition/",
    ] {
        assert!(tree.contains(shown), "{shown}: {tree}");
    }
    let json = ours(&tenant, "tree helmrelease web -o json").json();
    let entries = tenant.admin().get(&release(&tenant)).unwrap();
    let entries = &entries["status"]["inventory"]["entries"];
    assert_eq!(
        json["resources"].as_array().unwrap().len(),
        entries.as_array().unwrap().len()
    );
    let kubeconfig = shared().control_plane.kubeconfig(User::Admin);
    let line = ["debug", "hr", "web", "-n", &tenant.namespace];
    assert!(
        !windlass(&kubeconfig, &line).status.success(),
        "a part has to be named"
    );
    let Some(flux) = flux() else { return };
    for part in ["--show-values", "--show-status", "--show-history"] {
        let line = format!("debug helmrelease web {part}");
        let (ours, theirs) = (
            ours(&tenant, &line).done(),
            theirs(flux, &tenant, &line).done(),
        );
        assert_eq!(ours.results, theirs.results, "{part}");
    }
}

#[test]
fn a_dry_run_on_the_server_sees_the_cluster_and_fails_where_helms_does() {
    let tenant = Tenant::start("hr-server", &files());
    let Some(helm) = Helm::find(&shared().control_plane, &tenant.namespace) else {
        return;
    };
    let admin = tenant.admin();
    let metadata = |name: &str| json!({"name": name, "namespace": tenant.namespace});
    admin
        .apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("settings")}));
    let chart = tenant.repo.path().join("charts/part");
    let templates = chart.join("templates/map.yaml");
    let look = "data:\n  found: {{ lookup \"v1\" \"ConfigMap\" .Release.Namespace \"settings\" | len | quote }}\n";
    let text = PART.replace("data: {of: part}\n", look);
    std::fs::write(&templates, &text).unwrap();
    let chart = chart.display().to_string();
    for flag in ["--dry-run=server", "--validate"] {
        let theirs = helm.run(&["template", "x", &chart, flag]);
        let ours = ours(&tenant, &format!("helm template x {chart} {flag}")).done();
        assert_eq!(ours.results, theirs);
        assert!(!theirs.contains("found: \"0\""), "{theirs}");
    }
    admin.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("x-part")}));
    let unknown =
        format!("{text}---\napiVersion: none.example/v1\nkind: None\nmetadata: {{name: n}}\n");
    let cases = [
        (text.clone(), "--dry-run=server", false),
        (text.clone(), "--dry-run=server --take-ownership", true),
        (text.clone(), "--dry-run=server --is-upgrade", true),
        (
            text.replace("data:", "nonsense: 1\ndata:"),
            "--validate --take-ownership",
            false,
        ),
        (unknown, "--validate --take-ownership", false),
    ];
    for (text, flags, good) in cases {
        std::fs::write(&templates, &text).unwrap();
        let line = format!("template x {chart} {flags}");
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(helm.try_run(&words), good, "helm {flags}: {text}");
        let ran = ours(&tenant, &format!("helm {line}"));
        assert_eq!(ran.code == 0, good, "{flags}: {}", ran.progress);
    }
}
