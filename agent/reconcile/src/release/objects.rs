//! The objects of a revision: read from its manifest, applied, and deleted when they leave.

use std::collections::BTreeSet;

use windlass_api::inventory::Inventory;
use windlass_api::{names, reasons};
use windlass_cluster::{Authority, ErrorClass, Preconditions, Propagation, RequestError};
use windlass_helm::ApplyMethod;
use windlass_object::{Object, ObjectKey};
use windlass_plan::order;

use super::course::Course;
use super::pass::Pass;
use super::switches::Writes;
use crate::work::Work;
use crate::work::apply::{self, Change, Report};
use crate::work::client_side;
use crate::work::error::StageError;
use crate::work::wait::Target;

/// What applying a revision came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Whose health counts.
    pub(super) targets: Vec<Target>,
    pub(super) changes: Vec<Change>,
    pub(super) error: Option<StageError>,
}

impl From<Report> for Applied {
    fn from(report: Report) -> Self {
        Self {
            targets: report.targets,
            changes: report.changes,
            error: report.error,
        }
    }
}

/// The objects of a manifest, as they are applied.
pub(super) async fn of_manifest(pass: &Pass, manifest: &str) -> Result<Vec<Object>, StageError> {
    let unreadable = |why: String| StageError::retry(reasons::RECONCILE_ERROR, why);
    let mut objects = windlass_release::of_manifest(&pass.owner(), manifest).map_err(unreadable)?;
    pass.client.fit_scope(&mut objects).await;
    Ok(objects)
}

/// Fails with the first object that is there and is not the release's.
pub(super) async fn refuse_others(pass: &Pass, objects: &[Object]) -> Result<(), StageError> {
    for object in objects {
        let failed = |error: RequestError| StageError::request(reasons::RECONCILE_ERROR, &error);
        let resource = match pass.client.resolve(&object.gvk()).await {
            Ok(resource) => resource,
            // Its definition may come with the chart.
            Err(error) if error.class() == ErrorClass::UnknownKind => continue,
            Err(error) => return Err(failed(error)),
        };
        let namespace = object.namespace().unwrap_or_default();
        let live = pass
            .client
            .get_metadata(&resource, namespace, object.name());
        let Some(live) = live.await.map_err(failed)? else {
            continue;
        };
        let ours = live.annotation(names::RELEASE_NAME) == Some(&pass.release_name())
            && live.annotation(names::RELEASE_NAMESPACE) == Some(pass.release_namespace());
        if !ours {
            let message = format!(
                "{} exists and is not part of release {}/{}; delete it, or let disableTakeOwnership be",
                object.key(),
                pass.release_namespace(),
                pass.release_name()
            );
            return Err(StageError::retry(reasons::RECONCILE_ERROR, message));
        }
    }
    Ok(())
}

/// Writes objects that were made of a chart (`<name>@<version>`); the epoch is written first. `old` are those of the revision
/// before.
pub(super) async fn write(
    course: &mut Course<'_>,
    old: &[Object],
    new: Vec<Object>,
    (writes, chart): (Writes, &str),
) -> Applied {
    let (work, stages) = (course.pass.writing(writes, chart), order::stages(new));
    let report = match writes.method {
        ApplyMethod::Server => apply::apply(&work, &mut course.fence, stages).await,
        ApplyMethod::Client => client_side::apply(&work, &mut course.fence, old, stages).await,
    };
    report.into()
}

/// Applies objects that a chart brings along and that are no part of a revision.
pub(super) async fn apply(course: &mut Course<'_>, objects: Vec<Object>, chart: &str) -> Applied {
    let work = Work {
        mark: course.pass.mark(chart),
        ..course.pass.work()
    };
    let report = apply::apply(&work, &mut course.fence, order::stages(objects)).await;
    report.into()
}

/// Deletes the objects of `old` that are not among `kept`, but none that says it stays.
pub(super) async fn delete_rest(
    course: &mut Course<'_>,
    old: &[Object],
    kept: &[Object],
) -> Result<(), StageError> {
    let kept: BTreeSet<ObjectKey> = kept.iter().map(Object::key).collect();
    let gone: Vec<&Object> = old
        .iter()
        .filter(|object| !kept.contains(&object.key()))
        .collect();
    delete(course, &gone, Propagation::Background)
        .await
        .map(drop)
}

/// Deletes objects, last kinds first; gives those that were there.
pub(super) async fn delete<'o>(
    course: &mut Course<'_>,
    objects: &[&'o Object],
    propagation: Propagation,
) -> Result<Vec<&'o Object>, StageError> {
    let pass = course.pass;
    let mut ordered: Vec<&Object> = objects.to_vec();
    let mut keys: Vec<ObjectKey> = ordered.iter().map(|object| object.key()).collect();
    order::sort_for_delete(&mut keys);
    ordered.sort_by_cached_key(|object| keys.iter().position(|key| *key == object.key()));
    let mut deleted = Vec::new();
    let mut failure = None;
    for object in ordered {
        pass.may_write()?;
        match delete_one(pass, object, propagation).await {
            Ok(true) => deleted.push(object),
            Ok(false) => {}
            Err(error) => {
                let stage = StageError::request(reasons::RECONCILE_ERROR, &error);
                failure.get_or_insert(stage);
            }
        }
    }
    failure.map_or(Ok(deleted), Err)
}

async fn delete_one(
    pass: &Pass,
    object: &Object,
    propagation: Propagation,
) -> Result<bool, RequestError> {
    let Some(live) = live(pass, object).await? else {
        return Ok(false);
    };
    let (policy, keep) = names::RESOURCE_POLICY;
    if [&live, object]
        .iter()
        .any(|one| one.annotation(policy) == Some(keep))
    {
        return Ok(false);
    }
    let resource = pass.client.resolve(&object.gvk()).await?;
    let preconditions = Preconditions {
        uid: live.uid().map(str::to_owned),
        ..Preconditions::default()
    };
    let authority = Authority::Leader(&pass.leadership);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let cluster = &pass.client;
    let deleted = cluster
        .delete(
            authority,
            &resource,
            namespace,
            name,
            &preconditions,
            propagation,
        )
        .await;
    match deleted {
        Err(error) if error.class() != ErrorClass::NotFound => Err(error),
        _ => Ok(true),
    }
}

/// The metadata of an object as it is in the cluster.
pub(super) async fn live(pass: &Pass, object: &Object) -> Result<Option<Object>, RequestError> {
    let resource = match pass.client.resolve(&object.gvk()).await {
        Ok(resource) => resource,
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(None),
        Err(error) => return Err(error),
    };
    let namespace = object.namespace().unwrap_or_default();
    pass.client
        .get_metadata(&resource, namespace, object.name())
        .await
}

/// What the status lists of objects.
pub(super) fn inventory(objects: &[Object]) -> Inventory {
    let entries: Vec<(ObjectKey, String)> = objects
        .iter()
        .map(|object| (object.key(), object.gvk().version))
        .collect();
    Inventory::from_objects(entries.iter().map(|(key, version)| (key, version.as_str())))
}
