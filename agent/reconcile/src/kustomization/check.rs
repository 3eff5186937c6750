//! Looks at the objects of a stage before anything is written: which need a request, and what the API server
//! says to them.

use futures::stream::{self, StreamExt};
use windlass_cluster::{ErrorClass, RequestError, Resource};
use windlass_object::Object;
use windlass_plan::change::{self, Treatment};
use windlass_plan::fingerprint;

use super::apply::{APPLY, CONCURRENT_REQUESTS, settle};
use super::error::StageError;
use super::failures::Failures;
use super::pass::Pass;
use super::replace;
use crate::ledger::Verdict;

/// An object and the resource that it is sent to.
pub(super) type Placed = (Object, Resource);

/// An object of the stage that was looked at.
pub(super) struct Checked {
    /// As it is sent.
    pub(super) object: Object,
    /// The digest of what is desired, which says more where fields are left to others.
    pub(super) digest: [u8; 32],
    pub(super) resource: Resource,
    pub(super) verdict: Verdict,
    pub(super) finding: Finding,
}

/// An object that needs a request, with its digest and why.
pub(super) struct Needed {
    pub(super) object: Object,
    resource: Resource,
    digest: [u8; 32],
    verdict: Verdict,
}

/// What the API server says to an object.
pub(super) enum Finding {
    /// It is to be written; `before` is the resourceVersion of the live object, if there is one.
    Accepted {
        before: Option<String>,
        answer: Object,
    },
    /// Only deleting and creating it again helps, and the owner allows that.
    Replace,
    /// It is as it should be, or the live object says hands off.
    Nothing,
}

/// Drops the namespace of objects whose kind has none, as the API server's own clients do. A kind that is not
/// there yet, because this very revision defines it, is left for its stage.
pub(super) async fn fit_scope(pass: &Pass, objects: &mut [Object]) {
    for object in objects
        .iter_mut()
        .filter(|object| object.namespace().is_some())
    {
        let resource = pass.client.resolve(&object.gvk()).await;
        if resource.is_ok_and(|resource| !resource.namespaced) {
            object.set_namespace(None);
        }
    }
}

/// Finds where each object belongs.
pub(super) async fn place(
    pass: &Pass,
    mut objects: Vec<Object>,
    failures: &mut Failures,
) -> Vec<Placed> {
    let mut placed = Vec::with_capacity(objects.len());
    fit_scope(pass, &mut objects).await;
    for object in objects {
        match resource_of(pass, &object).await {
            Ok(resource) => placed.push((object, resource)),
            Err(error) => failures.add(Some(object.key()), error),
        }
    }
    placed
}

async fn resource_of(pass: &Pass, object: &Object) -> Result<Resource, StageError> {
    let resource = pass.resolve(object).await?;
    if resource.namespaced && object.namespace().is_none() {
        return Err(StageError::retry(
            windlass_api::reasons::RECONCILIATION_FAILED,
            format!(
                "{} has no namespace; give it one in its manifest, its kustomization or \
                 spec.targetNamespace",
                object.key()
            ),
        ));
    }
    Ok(resource)
}

/// Drops the objects that are as we left them, and those whose manifest says hands off.
pub(super) fn needing_requests(pass: &Pass, objects: Vec<Placed>) -> Vec<Needed> {
    let judged = objects.into_iter().filter_map(|(object, resource)| {
        let digest = fingerprint::digest(&object);
        let known = pass.ledger.verdict(&pass.name, &object.key(), &digest);
        // What cannot be watched is looked at in every regular pass.
        let unseen = known == Verdict::Unchanged && pass.at_interval && !resource.watchable;
        let verdict = if unseen { Verdict::Unknown } else { known };
        let skipped = change::treatment(&object, None) == Treatment::Skip;
        let needed = verdict != Verdict::Unchanged && !skipped;
        needed.then_some(Needed {
            object,
            resource,
            digest,
            verdict,
        })
    });
    judged.collect()
}

/// Dry-runs all of them; gives those that the API server accepts.
pub(super) async fn check_all(
    pass: &Pass,
    needed: Vec<Needed>,
    failures: &mut Failures,
) -> Vec<Checked> {
    let answers: Vec<_> = stream::iter(needed)
        .map(|needed| async move {
            let key = needed.object.key();
            (key, check(pass, needed).await)
        })
        .buffered(CONCURRENT_REQUESTS)
        .collect()
        .await;
    let mut checked = Vec::with_capacity(answers.len());
    for (key, answer) in answers {
        match answer {
            Ok(one) => checked.push(one),
            Err(error) => failures.add(Some(key), error),
        }
    }
    checked
}

async fn check(pass: &Pass, needed: Needed) -> Result<Checked, StageError> {
    let Needed {
        mut object,
        resource,
        digest,
        verdict,
    } = needed;
    let finding = find(pass, (&mut object, digest), &resource, &verdict)
        .await
        .map_err(|error| refused(&object, &error))?;
    Ok(Checked {
        object,
        digest,
        resource,
        verdict,
        finding,
    })
}

async fn find(
    pass: &Pass,
    (object, digest): (&mut Object, [u8; 32]),
    resource: &Resource,
    verdict: &Verdict,
) -> Result<Finding, RequestError> {
    if only_created(object) && is_there(pass, object, resource).await? {
        return Ok(Finding::Nothing);
    }
    let leaves = pass.ignored.covers(object);
    if leaves {
        leave_to_others(pass, object, resource).await?;
    }
    let answer = match pass.client.apply_dry_run(resource, object, &APPLY).await {
        Ok(answer) => answer,
        Err(error) if replace::helps(pass, object, &error) => return Ok(Finding::Replace),
        Err(error) => return Err(error),
    };
    // The answer shows the live object; one that is not there yet has no resourceVersion.
    let Some(before) = answer.resource_version().map(str::to_owned) else {
        return Ok(Finding::Accepted {
            before: None,
            answer,
        });
    };
    if change::treatment(object, Some(&answer)) == Treatment::Skip {
        return Ok(Finding::Nothing);
    }
    // What others did to a field that is left to them is no reason to write.
    let may_be_right = leaves || *verdict == Verdict::Unknown;
    if may_be_right && is_right_already(pass, (object, digest), resource, &answer).await? {
        return Ok(Finding::Nothing);
    }
    Ok(Finding::Accepted {
        before: Some(before),
        answer,
    })
}

async fn is_there(pass: &Pass, object: &Object, resource: &Resource) -> Result<bool, RequestError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let live = pass.client.get_metadata(resource, namespace, name).await?;
    Ok(live.is_some())
}

/// Makes the object say of ignored fields what others say.
async fn leave_to_others(
    pass: &Pass,
    object: &mut Object,
    resource: &Resource,
) -> Result<(), RequestError> {
    let namespace = object.namespace().unwrap_or_default();
    let live = pass.client.get(resource, namespace, object.name()).await?;
    if let Some(live) = live {
        pass.ignored.give_way(object, &live);
    }
    Ok(())
}

/// `ssa: IfNotPresent`: once the object is there, it is left alone.
fn only_created(object: &Object) -> bool {
    change::treatment(object, Some(object)) == Treatment::Skip
}

/// A leader that is new, or one that was restarted, finds most objects as they should be: it reads what is
/// there and writes nothing.
async fn is_right_already(
    pass: &Pass,
    (object, digest): (&Object, [u8; 32]),
    resource: &Resource,
    answer: &Object,
) -> Result<bool, RequestError> {
    let key = object.key();
    pass.ledger.begin(&pass.name, &key);
    pass.drift.watch(resource);
    let namespace = object.namespace().unwrap_or_default();
    let live = pass.client.get(resource, namespace, object.name()).await;
    let right = live.as_ref().is_ok_and(|live| {
        live.as_ref().is_some_and(|live| {
            !change::differs(live, answer) && change::takeover(object, live).is_none()
        })
    });
    match live {
        Ok(Some(live)) if right => settle(pass, (object, digest), &live),
        Ok(_) => pass.ledger.unsettle(&key),
        Err(error) => {
            pass.ledger.unsettle(&key);
            return Err(error);
        }
    }
    Ok(right)
}

/// Names the object in front of what the API server said.
pub(super) fn refused(object: &Object, error: &RequestError) -> StageError {
    let reason = windlass_api::reasons::RECONCILIATION_FAILED;
    let mut stage = StageError::request(reason, error);
    if error.class() != ErrorClass::NotLeading {
        stage.message = format!("{}: {}", object.key(), stage.message);
    }
    stage
}
