//! A repository of the shape that homelabs have: operators, their definitions, and what needs them, in 53 Kustomizations.

use serde_json::{Value, json};

/// Beside the root.
pub const KUSTOMIZATIONS: usize = 52;

/// What the root applies.
pub const PATH: &str = "cluster";

/// The files, with their paths. Every interval is an hour: nothing may wait for one.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for number in 0..KUSTOMIZATIONS {
        let (held, manifest) = app(number);
        files.extend(held);
        files.push((format!("{PATH}/app-{number:02}.yaml"), manifest));
    }
    files
}

const DEFINITION: &str = r#"{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.homelab.windlass.dev"},
    "spec": {"group": "homelab.windlass.dev", "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}"#;

fn deployment(name: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": "example.org/app:${TAG}"}]},
        }},
    })
    .to_string()
}

fn named(kind: &str, api_version: &str, name: &str) -> String {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}).to_string()
}

/// One Kustomization of the tree: what it holds, and its manifest.
fn app(number: usize) -> (Vec<(String, String)>, String) {
    let name = format!("app-{number:02}");
    let folder = format!("apps/{name}");
    let (files, spec): (Vec<(&str, String)>, Value) = match number {
        // Namespaces, a Secret that the others read, a definition, and operators to wait for.
        0 => (
            vec![
                ("ns.yaml", named("Namespace", "v1", "homelab")),
                ("def.yaml", DEFINITION.to_owned()),
            ],
            json!({"wait": true}),
        ),
        1 => {
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"TAG": "1.2"},
                "metadata": {"name": "cluster-secrets", "namespace": "flux-system"}});
            (vec![("secret.yaml", secret.to_string())], json!({}))
        }
        2..=9 => (
            vec![("operator.yaml", deployment(&name))],
            json!({"wait": true, "dependsOn": [{"name": "app-00"}, {"name": "app-01"}]}),
        ),
        _ => {
            let operator = format!("app-{:02}", 2 + number % 8);
            let deep = (number >= 42).then(|| json!({"name": format!("app-{:02}", number - 10)}));
            let needs: Vec<Value> = [json!({"name": operator})]
                .into_iter()
                .chain(deep)
                .collect();
            (
                vec![
                    ("app.yaml", deployment(&name)),
                    (
                        "widget.yaml",
                        named("Widget", "homelab.windlass.dev/v1", &name),
                    ),
                ],
                json!({"dependsOn": needs, "healthChecks": [
                    {"kind": "Deployment", "name": name, "namespace": "homelab"}]}),
            )
        }
    };
    let mut spec = spec;
    spec["interval"] = "1h".into();
    spec["retryInterval"] = "1h".into();
    spec["timeout"] = "5m".into();
    if number > 1 {
        spec["targetNamespace"] = "homelab".into();
        let from = json!([{"kind": "Secret", "name": "cluster-secrets"}]);
        spec["postBuild"] = json!({"substituteFrom": from});
    }
    spec["path"] = format!("./{folder}").into();
    spec["prune"] = true.into();
    spec["sourceRef"] = json!({"kind": "GitRepository", "name": "flux-system"});
    let manifest = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"}, "spec": spec,
    });
    let files = files
        .into_iter()
        .map(|(file, text)| (format!("{folder}/{file}"), text));
    (files.collect(), manifest.to_string())
}
