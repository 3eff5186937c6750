//! Objects that move to another Kustomization: their old owner leaves them alone.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use windlass_api::kustomization::KustomizationSpec;
use windlass_cluster::{Detail, RequestError, Scope};
use windlass_object::ObjectKey;

use super::pass::{Pass, SourceState, source_of};
use crate::named::Named;
use crate::seen::SeenKustomization;

/// How long the others may take to come to the revision that is pruned; one that takes longer finds its object gone
/// and makes it again.
const OTHERS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Objects, and the Kustomization that each is left to.
pub(super) type Claims = BTreeMap<ObjectKey, Named>;

/// What other Kustomizations hold or are about to take, and which does, once those of the same source have begun with this
/// revision: each writes its inventory before it applies anything.
pub(super) async fn claimed(pass: &Pass) -> Result<Claims, RequestError> {
    let give_up = Instant::now() + OTHERS_WITHIN;
    let mut waits = false;
    loop {
        let others = others(pass).await?;
        let late = others.iter().any(|other| is_late(pass, other));
        if !late || pass.overtaken.is_cancelled() || Instant::now() >= give_up {
            return Ok(others.iter().flat_map(claims).collect());
        }
        if !waits {
            // The others may need the place of this pass.
            pass.drift.waits(&pass.name);
            waits = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Every other Kustomization that is worked on, applies to the same cluster and is believed.
async fn others(pass: &Pass) -> Result<Vec<SeenKustomization>, RequestError> {
    let (kind, everywhere) = (&pass.resource, Scope::all());
    let all = pass.cluster.list(kind, &everywhere, Detail::Object).await?;
    let all = all
        .iter()
        .filter_map(|object| SeenKustomization::parse(object.as_value()));
    let others = all.filter(|other| {
        let spec = other.spec.as_ref();
        let active =
            spec.is_ok_and(|spec| !spec.suspend && is_same_cluster(pass, &other.meta.name, spec));
        let believed = !pass.apart || other.meta.name.namespace == pass.name.namespace;
        active && believed && !other.meta.deleting && other.meta.name != pass.name
    });
    Ok(others.collect())
}

fn is_same_cluster(pass: &Pass, name: &Named, spec: &KustomizationSpec) -> bool {
    let here = spec.kube_config.is_none();
    spec.kube_config == pass.spec.kube_config && (here || name.namespace == pass.name.namespace)
}

fn is_late(pass: &Pass, other: &SeenKustomization) -> bool {
    let (SourceState::Ready(offer), Ok(spec)) = (&pass.source, &other.spec) else {
        return false;
    };
    source_of(&pass.name, &pass.spec) == source_of(&other.meta.name, spec)
        && other.status.last_attempted_revision.as_deref() != Some(offer.revision())
}

fn claims(other: &SeenKustomization) -> impl Iterator<Item = (ObjectKey, Named)> {
    let entries = other.status.inventory.iter().flat_map(|held| &held.entries);
    let keys = entries.filter_map(|entry| entry.key().ok());
    keys.map(|key| (key, other.meta.name.clone()))
}
