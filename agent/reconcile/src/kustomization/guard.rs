//! Holds a revision that would delete more than anybody means to, before its first write.

mod held;
mod meanwhile;
mod precious;

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use windlass_api::inventory::Inventory;
use windlass_api::{names, reasons};
use windlass_cluster::{ErrorClass, RequestError};
use windlass_object::{Object, ObjectKey};
use windlass_plan::guard::{Deletion, Doomed};
use windlass_plan::prune as rules;

use self::held::{Held, Owner};
pub(super) use self::meanwhile::correct_what_stays;
use super::pass::Pass;
use super::prune::{self, Stale};
use crate::named::Named;
use crate::work::apply::CONCURRENT_REQUESTS;
use crate::work::error::{Class, StageError};

/// Fails when what `planned` leaves out has to be confirmed by a person first.
pub(super) async fn check(pass: &Pass, planned: &Inventory) -> Result<(), StageError> {
    let annotation = pass.meta.annotation(names::PRUNE_GUARD);
    let (limits, complaint) = match pass.prune_limits.with_annotation(annotation) {
        Ok(limits) => (limits, None),
        Err(complaint) => (pass.prune_limits, Some(complaint)),
    };
    let Some(old) = pass.status.inventory.as_ref().filter(|_| pass.spec.prune) else {
        return Ok(());
    };
    let stale = Inventory {
        entries: old.without(planned).into_iter().cloned().collect(),
    };
    if !limits.on || stale.entries.is_empty() {
        return Ok(());
    }
    // What windlass takes the place of is never deleted, so that it stays says nothing.
    let empties = prune::deletable(planned, &pass.left_out).is_empty();
    let deletion = deletion(pass, old, &stale, empties)
        .await
        .map_err(|error| StageError::request(reasons::PRUNE_FAILED, &error))?;
    let why = deletion.reasons(limits);
    let token = deletion.token();
    if why.is_empty() || pass.meta.annotation(names::CONFIRM_PRUNE) == Some(&token) {
        return Ok(());
    }
    Err(StageError {
        reason: reasons::PRUNE_HELD,
        message: message(pass, &deletion, &why, &token, complaint),
        class: Class::Held,
    })
}

fn message(
    pass: &Pass,
    deletion: &Deletion,
    why: &[String],
    token: &str,
    complaint: Option<String>,
) -> String {
    let Named { namespace, name } = &pass.name;
    let complaint = complaint.map_or(String::new(), |complaint| {
        format!(
            " The annotation {} is not used: {complaint}.",
            names::PRUNE_GUARD
        )
    });
    format!(
        "held, nothing of it is applied: it would delete {}; {}.{complaint} If that is meant: \
         windlass confirm kustomization {name} -n {namespace}, or \
         kubectl -n {namespace} annotate --overwrite kustomizations.{}/{name} {}={token}",
        deletion.describe(),
        why.join("; "),
        names::KUSTOMIZE_GROUP,
        names::CONFIRM_PRUNE,
    )
}

async fn deletion(
    pass: &Pass,
    old: &Inventory,
    stale: &Inventory,
    empties: bool,
) -> Result<Deletion, RequestError> {
    let held = Held::read(pass, old).await?;
    let mut live = Vec::new();
    let mut due = vec![(Owner::of(pass), stale.clone())];
    let mut seen: BTreeSet<ObjectKey> = BTreeSet::new();
    // What a deleted Kustomization or release takes with it counts too, however deep.
    let mut doomed = Vec::new();
    while let Some((owner, inventory)) = due.pop() {
        if let Owner::Elsewhere(name) = &owner {
            doomed.extend(precious::elsewhere(name, &inventory));
            continue;
        }
        let mut entries = prune::deletable(&inventory, &pass.left_out);
        entries.retain(|entry| seen.insert(entry.key.clone()));
        let found = look(pass, &owner, entries).await?;
        due.extend(found.iter().filter_map(|(key, _)| held.taken_by(key)));
        live.extend(found);
    }
    let going: BTreeSet<ObjectKey> = live.iter().map(|(key, _)| key.clone()).collect();
    for (key, object) in live {
        let precious = precious::why(pass, &key, &going).await?;
        let uid = object.uid().unwrap_or_default().to_owned();
        doomed.push(Doomed { key, uid, precious });
    }
    Ok(Deletion {
        doomed,
        held: held.count(old),
        empties,
    })
}

/// Those of the entries that are there and would be deleted.
async fn look(
    pass: &Pass,
    owner: &Owner,
    entries: Vec<Stale>,
) -> Result<Vec<(ObjectKey, Object)>, RequestError> {
    let looks = stream::iter(entries).map(|entry| async move {
        let live = live(pass, &entry).await?;
        let doomed = live.filter(|live| is_doomed(pass, owner, live));
        Ok::<_, RequestError>(doomed.map(|live| (entry.key, live)))
    });
    let found: Vec<_> = looks.buffered(CONCURRENT_REQUESTS).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn live(pass: &Pass, entry: &Stale) -> Result<Option<Object>, RequestError> {
    let key = &entry.key;
    match pass.target.resolve(&entry.kind()).await {
        Ok(resource) => {
            let target = &pass.target;
            target
                .get_metadata(&resource, &key.namespace, &key.name)
                .await
        }
        Err(error) if error.class() == ErrorClass::UnknownKind => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_doomed(pass: &Pass, owner: &Owner, live: &Object) -> bool {
    let metadata = live.pointer("/metadata").unwrap_or(&Value::Null);
    let going = metadata.get("deletionTimestamp").is_some();
    let theirs = match owner {
        Owner::Kustomization(name) => {
            rules::may_delete(metadata, &name.namespace, &name.name).is_ok()
        }
        Owner::Release | Owner::Elsewhere(_) => true,
    };
    theirs && !going && !pass.left_out.covers(live)
}
