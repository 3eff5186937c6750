//! What a pass would write, where this node may only look.

use futures::stream::{self, StreamExt as _};
use windlass_api::inventory::Inventory;
use windlass_api::{names, reasons};
use windlass_cluster::{Cluster, ErrorClass, RequestError};
use windlass_control::What;
use windlass_object::{Object, Value};
use windlass_plan::applier::Applier;
use windlass_plan::comparison::{self, Difference};
use windlass_plan::prune as rules;

use super::outcome::{Next, Outcome};
use super::pass::Pass;
use super::{build, identity, inputs, inventory_of, prune, read_expressions, source};
use crate::observe::{Look, Observations, fields};
use crate::work::apply::CONCURRENT_REQUESTS;
use crate::work::error::StageError;

/// What applying an object comes to.
enum Found {
    Same,
    Missing,
    Other(Vec<Difference>),
}

/// Looks, notes what it found, and says when to look again. Everything is read as the node itself.
pub(crate) async fn observe(mut pass: Pass, observations: &Observations) -> Outcome {
    let next = Next::In(pass.spec.interval.0);
    if pass.meta.deleting || pass.spec.suspend {
        observations.forget(names::KUSTOMIZATION, &pass.name);
        return Outcome::quiet(Next::Never);
    }
    read_expressions(&mut pass);
    pass.client = pass.cluster.clone();
    let mut look = Look {
        applied: pass.status.last_applied_revision.clone(),
        ..Look::default()
    };
    if let Err(error) = stages(&pass, &mut look).await {
        look.problem = Some(pass.hidden.clean(&error.message));
    }
    observations.note(names::KUSTOMIZATION, &pass.name, look);
    Outcome {
        regular: pass.at_interval,
        ..Outcome::quiet(next)
    }
}

async fn stages(pass: &Pass, look: &mut Look) -> Result<(), StageError> {
    if let Some(refusal) = &pass.refusal {
        return Err(StageError::stalled(refusal.reason, refusal.message.clone()));
    }
    let offer = source(pass)?;
    look.revision = Some(offer.revision().to_owned());
    let inputs = inputs::read(pass, offer).await?;
    let mut rendered = build::build(pass, offer, inputs).await?;
    pass.vouch(rendered.made);
    if pass.spec.kube_config.is_some() {
        let message = "its objects are in another cluster, where an observing node does not look";
        return Err(StageError::stalled(reasons::RECONCILIATION_FAILED, message));
    }
    pass.cluster.fit_scope(&mut rendered.objects).await;
    let (left_out, wanted): (Vec<Object>, Vec<Object>) = rendered
        .objects
        .into_iter()
        .partition(|object| pass.left_out.covers(object));
    look.objects = wanted.len();
    let kept: Vec<_> = left_out.iter().chain(&wanted).map(identity).collect();
    if pass.left_out.is_root(&pass.name) {
        root_pair(pass, look).await?;
    }
    let found: Vec<_> = stream::iter(wanted)
        .map(|object| async move {
            let found = compare(&pass.cluster, &object).await;
            (object, found)
        })
        .buffered(CONCURRENT_REQUESTS)
        .collect()
        .await;
    for (object, found) in found {
        let found = found.map_err(|error| failed(&object, &error))?;
        note(pass, look, &object, found);
    }
    stale(pass, look, &inventory_of(&kept)).await
}

fn note(pass: &Pass, look: &mut Look, object: &Object, found: Found) {
    match found {
        Found::Same => {}
        Found::Missing => look.add(&object.key(), What::Create, Vec::new()),
        Found::Other(differences) => {
            let told = fields(object, &differences, &pass.hidden);
            look.add(&object.key(), What::Change, told);
        }
    }
}

async fn compare(cluster: &Cluster, object: &Object) -> Result<Found, RequestError> {
    let resource = match cluster.resolve(&object.gvk()).await {
        // Its definition comes with it, or after it.
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(Found::Missing),
        resource => resource?,
    };
    let namespace = object.namespace().unwrap_or_default();
    let live = cluster.get(&resource, namespace, object.name()).await?;
    Ok(match live {
        None => Found::Missing,
        Some(live) => {
            let differences = comparison::differences(Applier::Kustomization, object, &live);
            if differences.is_empty() {
                Found::Same
            } else {
                Found::Other(differences)
            }
        }
    })
}

/// Where the root pair says other than the node's config, which would have the last word. What it says besides stays.
async fn root_pair(pass: &Pass, look: &mut Look) -> Result<(), StageError> {
    for object in pass.root_pair.iter() {
        let found = compare(&pass.cluster, object).await;
        let found = match found.map_err(|error| failed(object, &error))? {
            Found::Other(mut differences) => {
                differences.retain(|difference| difference.wanted.is_some());
                match differences.is_empty() {
                    true => Found::Same,
                    false => Found::Other(differences),
                }
            }
            found => found,
        };
        note(pass, look, object, found);
    }
    Ok(())
}

/// What would be deleted, because Git does not have it any more.
async fn stale(pass: &Pass, look: &mut Look, new: &Inventory) -> Result<(), StageError> {
    let Some(old) = pass.status.inventory.as_ref().filter(|_| pass.spec.prune) else {
        return Ok(());
    };
    let stale = Inventory {
        entries: old.without(new).into_iter().cloned().collect(),
    };
    for entry in prune::deletable(&stale, &pass.left_out) {
        let failed = |error| StageError::request(reasons::PRUNE_FAILED, &error);
        let resource = match pass.cluster.resolve(&entry.kind()).await {
            Err(error) if error.class() == ErrorClass::UnknownKind => continue,
            resource => resource.map_err(failed)?,
        };
        let (namespace, name) = (&entry.key.namespace, &entry.key.name);
        let live = pass.cluster.get_metadata(&resource, namespace, name).await;
        let Some(live) = live.map_err(failed)? else {
            continue;
        };
        let metadata = live.pointer("/metadata").unwrap_or(&Value::Null);
        let owner = &pass.name;
        if rules::may_delete(metadata, &owner.namespace, &owner.name).is_ok() {
            look.add(&entry.key, What::Delete, Vec::new());
        }
    }
    Ok(())
}

fn failed(object: &Object, error: &RequestError) -> StageError {
    let mut stage = StageError::request(reasons::RECONCILIATION_FAILED, error);
    stage.message = format!("{}: {}", object.key(), stage.message);
    stage
}
