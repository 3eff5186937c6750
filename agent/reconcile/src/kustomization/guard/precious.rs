//! Objects whose deletion takes data along, which no commit brings back.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use windlass_api::inventory::Inventory;
use windlass_cluster::{Detail, ErrorClass, RequestError, Resource, Scope};
use windlass_object::{GroupVersionKind, Object, ObjectKey};
use windlass_plan::guard::Doomed;

use super::Pass;
use crate::uninstall::definitions;
use crate::work::apply::CONCURRENT_REQUESTS;

/// Says why the deletion of this object is asked about whatever the numbers are. What goes by its own name anyway
/// does not count a second time.
pub(super) async fn why(
    pass: &Pass,
    key: &ObjectKey,
    going: &BTreeSet<ObjectKey>,
) -> Result<Option<String>, RequestError> {
    let inside = match (key.group.as_str(), key.kind.as_str()) {
        ("", "PersistentVolume" | "PersistentVolumeClaim") => {
            return Ok(Some("holds data".to_owned()));
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            instance(pass, &key.name, going).await?
        }
        ("", "Namespace") => inhabitant(pass, &key.name, going).await?,
        _ => None,
    };
    Ok(inside.map(|inside| format!("takes {inside} with it")))
}

/// What goes with a Kustomization or a release in another cluster: nobody looks there, so all of it counts.
pub(super) fn elsewhere(owner: &str, inventory: &Inventory) -> Vec<Doomed> {
    let may_hold = |kind: &str| {
        let holding = [
            "PersistentVolume",
            "PersistentVolumeClaim",
            "CustomResourceDefinition",
            "Namespace",
        ];
        holding.contains(&kind)
    };
    let keys = inventory
        .entries
        .iter()
        .filter_map(|entry| entry.key().ok());
    let doomed = keys.map(|key| {
        let precious = may_hold(&key.kind)
            .then(|| format!("may hold data in the cluster that {owner} applies to"));
        Doomed {
            key,
            uid: owner.to_owned(),
            precious,
        }
    });
    doomed.collect()
}

async fn instance(
    pass: &Pass,
    definition: &str,
    going: &BTreeSet<ObjectKey>,
) -> Result<Option<String>, RequestError> {
    let live = pass.target.get(&definitions(), "", definition).await?;
    let Some(resource) = live.as_ref().and_then(defined) else {
        return Ok(None);
    };
    first(pass, &resource, "", |live| !going.contains(&live.key())).await
}

/// A claim, or an instance of a definition that nothing else brings back.
async fn inhabitant(
    pass: &Pass,
    namespace: &str,
    going: &BTreeSet<ObjectKey>,
) -> Result<Option<String>, RequestError> {
    let (definition, everywhere) = (definitions(), Scope::all());
    let cluster = &pass.target;
    let definitions = cluster
        .list(&definition, &everywhere, Detail::Object)
        .await?;
    let kinds = definitions.iter().filter_map(defined);
    let kinds = kinds.filter(|kind| kind.namespaced).chain([claims()]);
    let kinds: Vec<Resource> = kinds.collect();
    let counts = |live: &Object| !comes_back(live) && !going.contains(&live.key());
    let looks = stream::iter(kinds)
        .map(|kind| async move { first(pass, &kind, namespace, counts).await })
        .buffered(CONCURRENT_REQUESTS);
    let found: Vec<Option<String>> = looks.try_collect().await?;
    Ok(found.into_iter().flatten().next())
}

/// Whether something else makes it anew. What was in a claim comes from nowhere, unless it was made to end with a Pod.
fn comes_back(live: &Object) -> bool {
    let owners = live.pointer("/metadata/ownerReferences");
    let owners = owners
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let of_pod = |owner: &Value| owner.get("kind").is_some_and(|kind| kind == "Pod");
    if live.gvk().kind == "PersistentVolumeClaim" {
        return owners.iter().any(of_pod);
    }
    !owners.is_empty()
}

async fn first(
    pass: &Pass,
    kind: &Resource,
    namespace: &str,
    counts: impl Fn(&Object) -> bool,
) -> Result<Option<String>, RequestError> {
    let scope = Scope::in_namespace(namespace);
    match pass.target.list(kind, &scope, Detail::Metadata).await {
        Ok(found) => {
            let counted = found.iter().find(|live| counts(live));
            Ok(counted.map(|live| live.key().to_string()))
        }
        // A definition that is not established serves nothing.
        Err(error)
            if matches!(
                error.class(),
                ErrorClass::UnknownKind | ErrorClass::NotFound
            ) =>
        {
            Ok(None)
        }
        // Such as a conversion webhook that is gone: a person can still say that it may go.
        Err(error) if matches!(error.class(), ErrorClass::Server | ErrorClass::Forbidden) => {
            let kind = &kind.gvk.kind;
            let why = &error.message;
            Ok(Some(format!(
                "whatever there is of {kind}, which cannot be listed ({why}),"
            )))
        }
        Err(error) => Err(error),
    }
}

/// The kind that a definition makes, in a version that is served.
fn defined(definition: &Object) -> Option<Resource> {
    let text = |pointer| definition.pointer(pointer).and_then(Value::as_str);
    let versions = definition.pointer("/spec/versions")?.as_array()?;
    let served = versions
        .iter()
        .find(|version| version.get("served") == Some(&Value::Bool(true)))?;
    let version = served.get("name")?.as_str()?;
    let api_version = format!("{}/{version}", text("/spec/group")?);
    Some(Resource {
        gvk: GroupVersionKind::new(&api_version, text("/spec/names/kind")?),
        plural: text("/spec/names/plural")?.to_owned(),
        namespaced: text("/spec/scope")? == "Namespaced",
        watchable: true,
        has_status: false,
    })
}

fn claims() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("v1", "PersistentVolumeClaim"),
        plural: "persistentvolumeclaims".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: &str, owners: Value) -> Object {
        let object = json!({"apiVersion": "v1", "kind": kind,
            "metadata": {"name": "one", "namespace": "apps", "ownerReferences": owners}});
        Object::from_value(object).unwrap()
    }

    #[test]
    fn data_that_an_operator_keeps_in_its_own_claims_counts() {
        let cluster = json!([{"kind": "Cluster", "name": "db"}]);
        assert!(!comes_back(&of("PersistentVolumeClaim", cluster.clone())));
        assert!(!comes_back(&of("PersistentVolumeClaim", json!([]))));
        assert!(comes_back(&of(
            "PersistentVolumeClaim",
            json!([{"kind": "Pod", "name": "a-0"}])
        )));
        assert!(comes_back(&of("Certificate", cluster)));
        assert!(!comes_back(&of("Certificate", Value::Null)));
    }
}
