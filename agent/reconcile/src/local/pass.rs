//! One pass over the folder: read, planned, written into the inventory, applied, pruned.

use std::collections::BTreeMap;
use std::path::Path;

use tokio_util::sync::CancellationToken;
use windlass_api::inventory::Entry;
use windlass_api::{names, reasons};
use windlass_cluster::{EpochFloor, ErrorClass, Leadership, RequestError};
use windlass_host::folder::{self, Folder, Identity};
use windlass_object::Object;
use windlass_object::yaml::{Dialect, Limits, parse_objects};
use windlass_plan::applier::Applier;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;
use windlass_plan::{change, order};
use windlass_trust::LockFile;

use super::Local;
use super::inventory::{self, ByFile, ReadError, Stored};
use super::owners;
use super::plan::{Files, Plan, Removal, plan};
use super::prune;
use crate::context::config_maps;
use crate::event::Event;
use crate::kustomization::refuse_ciphertext;
use crate::named::Named;
use crate::vouch::Made;
use crate::work::apply::{self, Change};
use crate::work::error::{Class, StageError};
use crate::work::fence::Fence;
use crate::work::{self, Work};

/// What is remembered from pass to pass of one process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The folder in which files were seen.
    seen: Option<Identity>,
    /// The inventory as it was written last; `None` until it was read.
    stored: Option<Stored>,
    /// This node's own term over its folder.
    term: Option<Leadership>,
}

/// What a pass came to.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// What is wrong, for a person.
    pub(super) complaints: Vec<String>,
    /// Whether something may get better by itself, and is to be looked at again before long.
    pub(super) again: bool,
}

/// Makes the cluster what the folder says.
pub(super) async fn run(
    local: &Local,
    memory: &mut Memory,
    at_interval: bool,
) -> Result<Done, StageError> {
    let (files, removal) = read(&local.folder, memory).await;
    let failed = |error: &RequestError| StageError::request(reasons::RECONCILIATION_FAILED, error);
    if memory.stored.is_none() {
        let stored = inventory::read(&local.context.cluster, &local.node).await;
        memory.stored = Some(stored.map_err(|error| match &error {
            ReadError::Request(error) => failed(error),
            ReadError::Malformed(_) => {
                StageError::stalled(reasons::RECONCILIATION_FAILED, error.to_string())
            }
        })?);
    }
    let stored = memory.stored.as_mut().ok_or_else(StageError::gone)?;
    if files.is_empty() && stored.by_file.is_empty() {
        vouch(local, &[]);
        return Ok(Done::default());
    }
    let term = memory
        .term
        .get_or_insert_with(|| Leadership::of_a_node(stored.epoch().saturating_add(1)))
        .clone();
    let mut plan = plan(files, &stored.by_file, removal);
    let mut done = Done::default();
    leave_to_others(local, &mut plan)
        .await
        .map_err(|error| failed(&error))?;
    let wanted: Vec<Object> = plan
        .wanted
        .iter()
        .map(|(_, object)| object.clone())
        .collect();
    vouch(local, &wanted);
    let applied = write(local, (stored, &term), &mut plan, at_interval).await;
    if let Err(error) = applied {
        done.again = true;
        if matches!(error.class, Class::NotLeading | Class::Gone) {
            // Somebody wrote the inventory, or took it away: it is read again, in a term above that.
            (memory.stored, memory.term) = (None, None);
        } else {
            plan.complaints.push(error.message);
        }
    }
    done.again |= !plan.complaints.is_empty();
    done.complaints = plan.complaints;
    Ok(done)
}

/// Reads the folder; a folder that is not there is an empty one that is in doubt.
async fn read(path: &Path, memory: &mut Memory) -> (Files, Removal) {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || folder::read(&path).map(parsed)).await;
    let (identity, files) = match read {
        Ok(Ok(read)) => read,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return (Files::new(), Removal::InDoubt);
        }
        Ok(Err(error)) => return unreadable(error.to_string()),
        Err(panic) => return unreadable(panic.to_string()),
    };
    if !files.is_empty() {
        memory.seen = Some(identity);
    }
    let removal = match memory.seen == Some(identity) {
        true => Removal::Counts,
        false => Removal::InDoubt,
    };
    (files, removal)
}

/// A folder that cannot be read as a whole takes nothing away.
fn unreadable(why: String) -> (Files, Removal) {
    (
        BTreeMap::from([(".".to_owned(), Err(why))]),
        Removal::InDoubt,
    )
}

fn parsed(folder: Folder) -> (Identity, Files) {
    let files = folder.files.into_iter();
    let files = files.map(|(file, bytes)| (file, bytes.and_then(|bytes| objects(&bytes))));
    (folder.identity, files.collect())
}

fn objects(bytes: &[u8]) -> Result<Vec<Object>, String> {
    let mut objects = parse_objects(Dialect::Kubernetes, bytes, &Limits::DEFAULT)?;
    for object in &mut objects {
        refuse_ciphertext(object).map_err(|error| error.message)?;
        change::prepare(object);
    }
    Ok(objects)
}

/// Takes out what others keep, and says whose it is.
async fn leave_to_others(local: &Local, plan: &mut Plan) -> Result<(), RequestError> {
    let mut objects: Vec<Object> = plan
        .wanted
        .iter()
        .map(|(_, object)| object.clone())
        .collect();
    local.context.cluster.fit_scope(&mut objects).await;
    let files = std::mem::take(&mut plan.wanted)
        .into_iter()
        .map(|(file, _)| file);
    for (file, mut object) in files.zip(objects) {
        let key = object.key();
        let known = local.ledger.is_as_left(&local.name, &key);
        let other = match known {
            true => None,
            false => owners::other_owner(&local.context, &local.node, &object).await?,
        };
        match other {
            Some(other) => plan
                .complaints
                .push(format!("{file}: {key} is kept by {other}")),
            None => {
                object.set_label(names::MANIFESTS, &local.node);
                plan.wanted.push((file, object));
            }
        }
    }
    Ok(())
}

/// Writes: the inventory before the first object, the objects, what goes, and the inventory as it is then.
async fn write(
    local: &Local,
    (stored, term): (&mut Stored, &Leadership),
    plan: &mut Plan,
    at_interval: bool,
) -> Result<(), StageError> {
    let (cluster, node) = (&local.context.cluster, &local.node);
    let mut held = plan.kept.clone();
    for (file, object) in &plan.wanted {
        held.add(file, Entry::new(&object.key(), &object.gvk().version));
    }
    let mut planned = held.clone();
    let before: Vec<(String, Entry)> = stored
        .by_file
        .entries()
        .map(|(file, entry)| (file.to_owned(), entry.clone()))
        .collect();
    for (file, entry) in before {
        if plan.stale.contains(&entry) {
            planned.add(&file, entry);
        }
    }
    inventory::write(cluster, term, node, (stored, planned.clone()))
        .await
        .map_err(unwritten)?;
    let objects = std::mem::take(&mut plan.wanted);
    let objects = objects.into_iter().map(|(_, object)| object).collect();
    let report = apply_all(local, (stored, term), objects, at_interval).await;
    report.changes.iter().for_each(say);
    prune_stale(local, term, plan, &mut planned).await?;
    inventory::write(cluster, term, node, (stored, planned))
        .await
        .map_err(unwritten)?;
    report.error.map_or(Ok(()), Err)
}

/// The inventory is not what it was read as, or something else is wrong.
fn unwritten(error: RequestError) -> StageError {
    match error.class() {
        ErrorClass::Conflict | ErrorClass::NotFound => StageError::gone(),
        _ => StageError::request(reasons::RECONCILIATION_FAILED, &error),
    }
}

async fn apply_all(
    local: &Local,
    (stored, term): (&mut Stored, &Leadership),
    objects: Vec<Object>,
    at_interval: bool,
) -> apply::Report {
    let Some(meta) = &stored.meta else {
        return apply::Report::default();
    };
    let (floor, kind) = (EpochFloor::default(), config_maps());
    let cluster = &local.context.cluster;
    let mut fence = Fence::new(cluster, (term, &floor), &kind, meta);
    let (checks, ignored) = (CustomChecks::default(), IgnoreRules::default());
    let overtaken = CancellationToken::new();
    let work = Work {
        name: &local.name,
        by: Applier::Folder,
        client: cluster,
        leadership: term,
        halted: &local.halted,
        ledger: &local.ledger,
        drift: &local.drift,
        corrections: &local.context.corrections,
        checks: &checks,
        ignored: &ignored,
        overtaken: &overtaken,
        at_interval,
        replaces: false,
        only_content: false,
        goes_on: true,
        mark: None,
    };
    let report = apply::apply(&work, &mut fence, order::stages(objects)).await;
    let version = fence.resource_version().to_owned();
    if let Some(meta) = &mut stored.meta {
        meta.resource_version = version;
    }
    report
}

fn say(change: &Change) {
    tracing::info!("manifests of this node: {}", change.line());
}

/// Deletes what no file has any more. What cannot be deleted stays in the inventory.
async fn prune_stale(
    local: &Local,
    term: &Leadership,
    plan: &mut Plan,
    planned: &mut ByFile,
) -> Result<(), StageError> {
    for entry in prune::in_order(&plan.stale) {
        work::may_write(term, &local.halted)?;
        let key = &entry.0;
        match prune::delete(&local.context.cluster, term, &local.node, &entry).await {
            Ok(was_there) => {
                local.ledger.forget(&local.name, key);
                planned.remove(key);
                if was_there {
                    tracing::info!("manifests of this node: {key} deleted");
                }
            }
            Err(error) => plan
                .complaints
                .push(format!("{key} cannot be deleted: {error}")),
        }
    }
    Ok(())
}

/// Root vouches on this node for the sources and Kustomizations in its folder.
fn vouch(local: &Local, objects: &[Object]) {
    let made = Made::of(objects, &LockFile::default());
    let changed = local
        .context
        .vouchers
        .record(&Named::new("", "manifests"), made);
    if !changed.is_empty() {
        // The receiver is gone only when the agent stops.
        let _ = local.events.send(Event::Vouched(changed));
    }
}
