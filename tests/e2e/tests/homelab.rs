//! A tree of the shape of a homelab's repository, from an empty cluster to Ready.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_kit::controlplane::Options;
use windlass_kit::wait;

use crate::house::{House, KUSTOMIZATION, is_ready, nested};

/// Beside the root.
const KUSTOMIZATIONS: usize = 52;
/// Nothing may wait for an interval, and every interval is an hour.
const LIMIT: Duration = Duration::from_secs(180);
/// A Kustomization that nobody wakes looks after its dependencies every 30 s: it must be ready sooner after them.
const STEP: i64 = 25;

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
    let manifest = nested(&name, &format!("./{folder}"), spec);
    let files = files
        .into_iter()
        .map(|(file, text)| (format!("{folder}/{file}"), text));
    (files.collect(), manifest)
}

#[test]
fn a_tree_of_53_kustomizations_comes_up_without_waiting_for_an_interval() {
    let mut files = Vec::new();
    for number in 0..KUSTOMIZATIONS {
        let (held, manifest) = app(number);
        files.extend(held);
        files.push((format!("cluster/app-{number:02}.yaml"), manifest));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let mut house = House::prepare(&Options::full(), &files);
    house.agent.set("root", "path", "cluster");
    house.agent.set("root", "interval", "1h");
    let begun = Instant::now();
    house.agent.start();
    house.root_ready();
    wait::until("53 Kustomizations to be ready", LIMIT, || {
        let all = house.admin().list(KUSTOMIZATION, "Kustomization", "", "");
        let late: Vec<String> = all
            .iter()
            .filter(|one| !is_ready(one))
            .map(|one| {
                format!(
                    "{}: {}",
                    one["metadata"]["name"],
                    crate::house::ready(one)["message"]
                )
            })
            .collect();
        if all.len() == KUSTOMIZATIONS + 1 && late.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{} there, not ready:\n{}",
            all.len(),
            late.join("\n")
        ))
    });
    let took = begun.elapsed();
    let all = house
        .admin()
        .list(KUSTOMIZATION, "Kustomization", "flux-system", "");
    let steps = all
        .iter()
        .filter_map(|one| Some((one, ready_at(one) - last_of_dependencies(one, &all)?)));
    for (one, step) in steps {
        assert!(
            step < STEP,
            "{} waited {step} s after its dependencies",
            one["metadata"]["name"]
        );
    }
    eprintln!("ready after {:.1} s", took.as_secs_f64());
}

/// The second since which it is ready.
fn ready_at(one: &Value) -> i64 {
    let since = crate::house::ready(one)["lastTransitionTime"].clone();
    let since: Timestamp = since
        .as_str()
        .expect("it is ready")
        .parse()
        .expect("a time");
    since.as_second()
}

fn last_of_dependencies(one: &Value, all: &[Value]) -> Option<i64> {
    let names = one["spec"]["dependsOn"]
        .as_array()?
        .iter()
        .map(|needed| &needed["name"]);
    let times =
        names.filter_map(|name| all.iter().find(|other| other["metadata"]["name"] == *name));
    times.map(ready_at).max()
}
