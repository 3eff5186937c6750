//! `export`: objects as they would stand in a repository, without what only the cluster knows.

use serde_json::{Map, json};
use windlass_cluster::{Detail, Scope};
use windlass_object::{Object, Value, yaml};

use crate::arguments::ExportArguments;
use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::Session;

/// What of an object's metadata a person writes.
const METADATA: [&str; 4] = ["name", "namespace", "labels", "annotations"];

/// What `kubectl apply` leaves in annotations.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &ExportArguments,
) -> Result<(), CommandError> {
    let (kind, names) = arguments.what.objects();
    let objects = match names {
        [] if arguments.all => {
            let resource = session.resource(kind).await?;
            let scope = Scope::in_namespace(&session.namespace);
            let found = session
                .cluster
                .list(&resource, &scope, Detail::Object)
                .await?;
            if found.is_empty() {
                return Err(CommandError::NoObjects {
                    kind: kind.name(),
                    namespace: format!("{:?}", session.namespace),
                });
            }
            found
        }
        [] => return Err(CommandError::NameRequired(kind.words())),
        names => {
            let mut found = Vec::new();
            for name in names {
                found.push(session.get(kind, name).await?);
            }
            found
        }
    };
    let documents = objects.iter().map(exported);
    let text: String = documents
        .map(|document| format!("---\n{}", yaml::to_string(&document)))
        .collect();
    Ok(screen.print(&text)?)
}

fn exported(object: &Object) -> Value {
    let whole = object.as_value();
    let mut metadata = Map::new();
    for name in METADATA {
        if let Some(value) = object.pointer(&format!("/metadata/{name}")) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    json!({
        "apiVersion": whole.get("apiVersion"),
        "kind": whole.get("kind"),
        "metadata": metadata,
        "spec": whole.get("spec"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_writes_is_exported() {
        let object = Object::from_value(json!({
            "apiVersion": "v1", "kind": "Alert",
            "metadata": {
                "name": "a", "namespace": "b", "uid": "c", "resourceVersion": "1", "finalizers": ["f"],
                "labels": {"l": "1"}, "annotations": {LAST_APPLIED: "{}"},
            },
            "spec": {"suspend": true},
            "status": {"conditions": []},
        }));
        assert_eq!(
            exported(&object.unwrap()),
            json!({
                "apiVersion": "v1", "kind": "Alert",
                "metadata": {"name": "a", "namespace": "b", "labels": {"l": "1"}},
                "spec": {"suspend": true},
            })
        );
    }
}
