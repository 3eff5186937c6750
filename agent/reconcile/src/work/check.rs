//! Looks at the objects of a stage before anything is written: which need a request, and what the API server
//! says to them.

use futures::stream::{self, StreamExt};
use windlass_api::names;
use windlass_cluster::{ErrorClass, RequestError, Resource};
use windlass_object::Object;
use windlass_plan::applier::Applier;
use windlass_plan::change;
use windlass_plan::fingerprint;

use super::Work;
use super::apply::{CONCURRENT_REQUESTS, settle};
use super::error::StageError;
use super::failures::Failures;
use super::replace;
use super::wait::Target;
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

/// Finds where each object belongs.
pub(super) async fn place(
    work: &Work<'_>,
    mut objects: Vec<Object>,
    failures: &mut Failures,
) -> Vec<Placed> {
    let mut placed = Vec::with_capacity(objects.len());
    work.client.fit_scope(&mut objects).await;
    for object in objects {
        match resource_of(work, &object).await {
            Ok(resource) => placed.push((object, resource)),
            Err(error) => failures.add(Some(object.key()), error),
        }
    }
    placed
}

async fn resource_of(work: &Work<'_>, object: &Object) -> Result<Resource, StageError> {
    let resource = work.resolve(object).await?;
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
pub(super) fn needing_requests(work: &Work<'_>, objects: Vec<Placed>) -> Vec<Needed> {
    let judged = objects.into_iter().filter_map(|(object, resource)| {
        let digest = fingerprint::digest(&object);
        let known = work.ledger.verdict(work.name, &object.key(), &digest);
        // What cannot be watched is looked at in every regular work.
        let unseen =
            known == Verdict::Unchanged && work.at_interval && !work.is_watched(&object, &resource);
        let verdict = if unseen { Verdict::Unknown } else { known };
        let skipped = work.skips(&object, None);
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
    work: &Work<'_>,
    needed: Vec<Needed>,
    failures: &mut Failures,
) -> Vec<Checked> {
    let answers: Vec<_> = stream::iter(needed)
        .map(|needed| async move {
            let key = needed.object.key();
            (key, check(work, needed).await)
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

async fn check(work: &Work<'_>, needed: Needed) -> Result<Checked, StageError> {
    let Needed {
        mut object,
        resource,
        digest,
        verdict,
    } = needed;
    let finding = find(work, (&mut object, digest), &resource, &verdict)
        .await
        .map_err(|error| refused(&object, &error))?;
    leave_to_a_node(work, &object, &finding)?;
    Ok(Checked {
        object,
        digest,
        resource,
        verdict,
        finding,
    })
}

/// What the folder of a node has applied is that node's: the first owner keeps it (decision 273).
fn leave_to_a_node(work: &Work<'_>, object: &Object, finding: &Finding) -> Result<(), StageError> {
    let Finding::Accepted { answer, .. } = finding else {
        return Ok(());
    };
    let node = answer.label(names::MANIFESTS);
    match node.filter(|_| work.by != Applier::Folder && object.label(names::MANIFESTS).is_none()) {
        None => Ok(()),
        Some(node) => Err(StageError::retry(
            windlass_api::reasons::RECONCILIATION_FAILED,
            format!(
                "{} is kept by the manifests of node {node}; take it out of one of both places",
                object.key()
            ),
        )),
    }
}

async fn find(
    work: &Work<'_>,
    (object, digest): (&mut Object, [u8; 32]),
    resource: &Resource,
    verdict: &Verdict,
) -> Result<Finding, RequestError> {
    if only_created(work, object) && is_there(work, object, resource).await? {
        return Ok(Finding::Nothing);
    }
    let leaves = work.ignored.covers(object);
    if leaves {
        leave_to_others(work, object, resource).await?;
    }
    let answer = match work
        .client
        .apply_dry_run(resource, object, &work.options())
        .await
    {
        Ok(answer) => answer,
        Err(error) if replace::helps(work, object, &error) => return Ok(Finding::Replace),
        Err(error) => return Err(error),
    };
    // The answer shows the live object; one that is not there yet has no resourceVersion.
    let Some(before) = answer.resource_version().map(str::to_owned) else {
        return Ok(Finding::Accepted {
            before: None,
            answer,
        });
    };
    if work.skips(object, Some(&answer)) {
        return Ok(Finding::Nothing);
    }
    // What others did to a field that is left to them is no reason to write.
    let may_be_right = leaves || *verdict == Verdict::Unknown;
    if may_be_right && is_right_already(work, (object, digest), resource, &answer).await? {
        return Ok(Finding::Nothing);
    }
    Ok(Finding::Accepted {
        before: Some(before),
        answer,
    })
}

async fn is_there(
    work: &Work<'_>,
    object: &Object,
    resource: &Resource,
) -> Result<bool, RequestError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let live = work.client.get_metadata(resource, namespace, name).await?;
    Ok(live.is_some())
}

/// Whether all of these objects exist.
pub(crate) async fn are_there(work: &Work<'_>, targets: &[Target]) -> Result<bool, StageError> {
    for target in targets {
        let (namespace, name) = (&target.key.namespace, &target.key.name);
        let live = match work.client.resolve(&target.kind()).await {
            Ok(resource) => work.client.get_metadata(&resource, namespace, name).await,
            Err(error) => Err(error),
        };
        let reason = windlass_api::reasons::RECONCILIATION_FAILED;
        if live
            .map_err(|error| StageError::request(reason, &error))?
            .is_none()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the object say of ignored fields what others say.
async fn leave_to_others(
    work: &Work<'_>,
    object: &mut Object,
    resource: &Resource,
) -> Result<(), RequestError> {
    let namespace = object.namespace().unwrap_or_default();
    let live = work.client.get(resource, namespace, object.name()).await?;
    if let Some(live) = live {
        work.ignored.give_way(work.by, object, &live);
    }
    Ok(())
}

/// `ssa: IfNotPresent`: once the object is there, it is left alone.
pub(super) fn only_created(work: &Work<'_>, object: &Object) -> bool {
    work.skips(object, Some(object))
}

/// A leader that is new, or one that was restarted, finds most objects as they should be: it reads what is
/// there and writes nothing.
async fn is_right_already(
    work: &Work<'_>,
    (object, digest): (&Object, [u8; 32]),
    resource: &Resource,
    answer: &Object,
) -> Result<bool, RequestError> {
    let key = object.key();
    work.ledger.begin(work.name, &key);
    work.drift.watch(resource);
    let namespace = object.namespace().unwrap_or_default();
    let live = work.client.get(resource, namespace, object.name()).await;
    let right = live.as_ref().is_ok_and(|live| {
        live.as_ref().is_some_and(|live| {
            let owned = work.only_content || change::takeover(work.by, object, live).is_none();
            owned && !change::differs(live, answer)
        })
    });
    match live {
        Ok(Some(live)) if right => settle(work, (object, digest), &live),
        Ok(_) => work.ledger.unsettle(&key),
        Err(error) => {
            work.ledger.unsettle(&key);
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
