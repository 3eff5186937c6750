//! `tree`: what a Kustomization or HelmRelease applied, and what those among that applied.

use std::collections::BTreeSet;

use serde_json::json;
use windlass_api::inventory;
use windlass_api::names::{HELM_GROUP, HELM_RELEASE, KUSTOMIZATION, KUSTOMIZE_GROUP};
use windlass_object::{Object, ObjectKey, Value, yaml};

use crate::arguments::{DataOutput, TreeWhat};
use crate::error::CommandError;
use crate::facts::{field, list};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::view::View;

/// Deeper than any repository nests Kustomizations; what lies below is not shown.
const DEPTH: usize = 32;

/// Part of the group of every kind of Flux.
const FLUX_GROUPS: &str = "toolkit.fluxcd.io";

/// An object and what it applied.
#[derive(Debug, PartialEq, Eq)]
struct Node {
    key: ObjectKey,
    below: Vec<Node>,
}

/// Runs the command.
pub(crate) async fn run(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    what: &TreeWhat,
) -> Result<(), CommandError> {
    let (kind, wanted) = match what {
        TreeWhat::Kustomization(wanted) => (Kind::Kustomization, wanted),
        TreeWhat::Helmrelease(wanted) => (Kind::HelmRelease, wanted),
    };
    let compact = wanted.compact;
    let root = view.get_in(kind, view.namespace(), &wanted.name).await?;
    let mut seen = BTreeSet::from([root.key()]);
    let mut problems = Vec::new();
    let below = Box::pin(grow(view, &root, compact, &mut seen, &mut problems, DEPTH)).await?;
    let tree = Node {
        key: root.key(),
        below,
    };
    for problem in problems {
        screen.warning(&problem)?;
    }
    let text = match wanted.output {
        Some(DataOutput::Json) => format!("{:#}\n", data(&tree)),
        Some(DataOutput::Yaml) => yaml::to_string(&data(&tree)),
        None => draw(&tree),
    };
    Ok(screen.print(&text)?)
}

async fn grow(
    view: &View<'_>,
    object: &Object,
    compact: bool,
    seen: &mut BTreeSet<ObjectKey>,
    problems: &mut Vec<String>,
    depth: usize,
) -> Result<Vec<Node>, CommandError> {
    let remote = object.pointer("/spec/kubeConfig").is_some();
    let mut nodes = Vec::new();
    for key in applied(object, problems) {
        if compact && !key.group.contains(FLUX_GROUPS) || key == object.key() {
            continue;
        }
        let nested = applier(&key).filter(|_| !remote && depth > 0);
        let mut below = Vec::new();
        if let Some(kind) = nested.filter(|_| seen.insert(key.clone())) {
            match view.get_in(kind, &key.namespace, &key.name).await {
                Ok(object) => {
                    below =
                        Box::pin(grow(view, &object, compact, seen, problems, depth - 1)).await?;
                }
                Err(error @ CommandError::NotFound { .. }) => problems.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        nodes.push(Node { key, below });
    }
    Ok(nodes)
}

/// The kind of an object that applies others.
fn applier(key: &ObjectKey) -> Option<Kind> {
    match (key.group.as_str(), key.kind.as_str()) {
        (KUSTOMIZE_GROUP, KUSTOMIZATION) => Some(Kind::Kustomization),
        (HELM_GROUP, HELM_RELEASE) => Some(Kind::HelmRelease),
        _ => None,
    }
}

/// The objects in an inventory; an id that cannot be read becomes a problem.
pub(crate) fn applied(object: &Object, problems: &mut Vec<String>) -> Vec<ObjectKey> {
    let entries = list(object, "/status/inventory/entries");
    let read = |entry: &Value| match inventory::parse(field(entry, "id")) {
        Ok(key) => Some(key),
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    entries.iter().filter_map(read).collect()
}

fn draw(tree: &Node) -> String {
    let mut text = format!("{}\n", tree.key);
    draw_below(&tree.below, "", &mut text);
    text
}

fn draw_below(nodes: &[Node], indent: &str, text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let last = index + 1 == nodes.len();
        let (branch, further) = if last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        text.push_str(&format!("{indent}{branch}{}\n", node.key));
        draw_below(&node.below, &format!("{indent}{further}"), text);
    }
}

/// The tree as data, with the names Flux's own output has.
fn data(node: &Node) -> Value {
    let ObjectKey {
        group,
        kind,
        namespace,
        name,
    } = &node.key;
    let mut value = json!({ "resource": {
        "GroupKind": { "Group": group, "Kind": kind },
        "Name": name,
        "Namespace": namespace,
    } });
    if !node.below.is_empty() {
        let below: Vec<Value> = node.below.iter().map(data).collect();
        if let Some(map) = value.as_object_mut() {
            map.insert("resources".to_owned(), below.into());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(group: &str, kind: &str, namespace: &str, name: &str, below: Vec<Node>) -> Node {
        let [group, kind, namespace, name] = [group, kind, namespace, name].map(str::to_owned);
        Node {
            key: ObjectKey {
                group,
                kind,
                namespace,
                name,
            },
            below,
        }
    }

    #[test]
    fn a_tree_is_drawn_as_flux_draws_it() {
        let group = "kustomize.toolkit.fluxcd.io";
        let tree = node(
            group,
            "Kustomization",
            "flux-system",
            "flux-system",
            vec![
                node("", "Namespace", "", "apps", vec![]),
                node(
                    group,
                    "Kustomization",
                    "flux-system",
                    "infra",
                    vec![
                        node("", "Namespace", "", "cert-manager", vec![]),
                        node("apps", "Deployment", "cert-manager", "webhook", vec![]),
                    ],
                ),
                node(
                    "source.toolkit.fluxcd.io",
                    "GitRepository",
                    "flux-system",
                    "flux-system",
                    vec![],
                ),
            ],
        );
        insta::assert_snapshot!(draw(&tree), @r"
        Kustomization/flux-system/flux-system
        ├── Namespace/apps
        ├── Kustomization/flux-system/infra
        │   ├── Namespace/cert-manager
        │   └── Deployment/cert-manager/webhook
        └── GitRepository/flux-system/flux-system
        ");
        assert_eq!(
            data(&node("", "Namespace", "", "a", vec![])),
            json!({ "resource": {
                "GroupKind": { "Group": "", "Kind": "Namespace" }, "Name": "a", "Namespace": "",
            } })
        );
    }

    #[test]
    fn an_unreadable_inventory_entry_is_named_and_the_rest_is_shown() {
        let object = Object::from_value(json!({
            "apiVersion": "v1", "kind": "X", "metadata": { "name": "x" },
            "status": { "inventory": { "entries": [
                { "id": "a_b__Secret", "v": "v1" }, { "id": "nonsense" }, { "v": "v1" },
            ] } },
        }))
        .unwrap();
        let mut problems = Vec::new();
        let keys = applied(&object, &mut problems);
        assert_eq!(
            keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["Secret/a/b"]
        );
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("\"nonsense\""), "{problems:?}");
    }
}
