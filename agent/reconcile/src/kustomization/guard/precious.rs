//! Objects whose deletion takes data along, which no commit brings back.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use windlass_api::inventory::Inventory;
use windlass_cluster::{Detail, ErrorClass, RequestError, Resource, Scope};
use windlass_object::{GroupVersionKind, Object, ObjectKey};
use windlass_plan::guard::Doomed;

use super::Pass;
use crate::named::Named;
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

/// What goes with a Kustomization that applies to another cluster: nobody looks there, so all of it counts.
pub(super) fn elsewhere(owner: &Named, inventory: &Inventory) -> Vec<Doomed> {
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
            .then(|| format!("may hold data in the cluster that Kustomization {owner} applies to"));
        Doomed {
            key,
            uid: owner.to_string(),
            precious,
        }
    });
    doomed.collect()
}

async fn instance(
    pass: &Pass,
    definition: &str,
    going: &BTreeSet<ObjectKey>,
) -> Result<Option<ObjectKey>, RequestError> {
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
) -> Result<Option<ObjectKey>, RequestError> {
    let (definition, everywhere) = (definitions(), Scope::all());
    let cluster = &pass.target;
    let definitions = cluster
        .list(&definition, &everywhere, Detail::Object)
        .await?;
    let kinds = definitions.iter().filter_map(defined);
    let kinds = kinds.filter(|kind| kind.namespaced).chain([claims()]);
    let kinds: Vec<Resource> = kinds.collect();
    let counts = |live: &Object| {
        let owned = live.pointer("/metadata/ownerReferences").is_some();
        !owned && !going.contains(&live.key())
    };
    let looks = stream::iter(kinds)
        .map(|kind| async move { first(pass, &kind, namespace, counts).await })
        .buffered(CONCURRENT_REQUESTS);
    let found: Vec<Option<ObjectKey>> = looks.try_collect().await?;
    Ok(found.into_iter().flatten().next())
}

async fn first(
    pass: &Pass,
    kind: &Resource,
    namespace: &str,
    counts: impl Fn(&Object) -> bool,
) -> Result<Option<ObjectKey>, RequestError> {
    let scope = Scope::in_namespace(namespace);
    match pass.target.list(kind, &scope, Detail::Metadata).await {
        Ok(found) => Ok(found.iter().find(|live| counts(live)).map(Object::key)),
        // A definition that is not established serves nothing.
        Err(error)
            if matches!(
                error.class(),
                ErrorClass::UnknownKind | ErrorClass::NotFound
            ) =>
        {
            Ok(None)
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
