//! `diff helmrelease`: what installing or upgrading a release now would change in the cluster. Nothing is written.

use std::collections::HashSet;

use clap::Args;
use windlass_api::helm_release::CrdsPolicy;
use windlass_api::names;
use windlass_cluster::{ErrorClass, RequestError};
use windlass_object::{Object, ObjectKey};

use super::{Common, Found, Outcome, found, work_out};
use crate::arguments::Globals;
use crate::diff::{Applier, Brought, change, fail_with};
use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::Session;

#[derive(Debug, Clone, Args)]
pub(crate) struct DiffRelease {
    #[command(flatten)]
    common: Common,
}

/// Whether anything would change; shows what.
pub(crate) async fn compare(
    globals: &Globals,
    screen: &mut Screen<'_>,
    wanted: &DiffRelease,
) -> Result<bool, CommandError> {
    let session = Session::new(globals)?;
    let found = found(globals, Some(&session), &wanted.common).await?;
    if found.spec.kube_config.is_some() {
        let text = "spec.kubeConfig: the release is in another cluster, which this command does not ask; \
                    see what would be applied with `windlass build helmrelease`";
        return Err(CommandError::Usage(text.to_owned()));
    }
    let outcome = work_out(globals, screen, Some(&session), (&wanted.common, &found)).await?;
    let mut brought = Brought::by(&[&outcome.definitions[..], &outcome.objects[..]].concat());
    brought.namespaces.extend(created_namespace(&found));
    let mut changed = false;
    let mut failures: Vec<CommandError> = Vec::new();
    let mut text = String::new();
    for object in definitions(&session, &outcome)
        .await?
        .iter()
        .chain(&outcome.objects)
    {
        match change(&session, object, &brought, Applier::HelmRelease).await {
            Ok(change) => {
                text.push_str(&change.line(object));
                changed |= change.is_one();
            }
            Err(error) => failures.push(error.into()),
        }
    }
    for gone in gone(&session, &found, &outcome).await? {
        text.push_str(&format!("► {gone} deleted\n"));
        changed = true;
    }
    screen.print(&text)?;
    fail_with(screen, failures)?;
    Ok(changed)
}

/// The namespace that installing makes.
fn created_namespace(found: &Found) -> Option<String> {
    let install = found.spec.install.as_ref();
    let creates = install.is_some_and(|install| install.create_namespace);
    found.spec.target_namespace.clone().filter(|_| creates)
}

/// The definitions that would be written.
async fn definitions(session: &Session, outcome: &Outcome) -> Result<Vec<Object>, CommandError> {
    let mut written = Vec::new();
    for definition in &outcome.definitions {
        let is_written = match outcome.policy {
            CrdsPolicy::Skip => false,
            CrdsPolicy::Create => live(session, definition).await?.is_none(),
            CrdsPolicy::CreateReplace => true,
        };
        if is_written {
            written.push(definition.clone());
        }
    }
    Ok(written)
}

/// Objects of the revision before that are there, not among the new ones, and do not say that they stay.
async fn gone(
    session: &Session,
    found: &Found,
    outcome: &Outcome,
) -> Result<Vec<ObjectKey>, CommandError> {
    let Some(before) = &outcome.before else {
        return Ok(Vec::new());
    };
    let old = windlass_release::of_manifest(&found.owner(), &before.manifest);
    let mut old = old.map_err(CommandError::Build)?;
    session.cluster.fit_scope(&mut old).await;
    let new: HashSet<ObjectKey> = outcome.objects.iter().map(Object::key).collect();
    let (policy, keep) = names::RESOURCE_POLICY;
    let mut gone = Vec::new();
    for object in old.iter().filter(|object| !new.contains(&object.key())) {
        let Some(live) = live(session, object).await? else {
            continue;
        };
        let stays = [&live, object];
        if !stays.iter().any(|one| one.annotation(policy) == Some(keep)) {
            gone.push(object.key());
        }
    }
    Ok(gone)
}

/// The metadata of an object as it is in the cluster.
async fn live(session: &Session, object: &Object) -> Result<Option<Object>, RequestError> {
    let resource = match session.cluster.resolve(&object.gvk()).await {
        Ok(resource) => resource,
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(None),
        Err(error) => return Err(error),
    };
    let namespace = object.namespace().unwrap_or_default();
    session
        .cluster
        .get_metadata(&resource, namespace, object.name())
        .await
}
