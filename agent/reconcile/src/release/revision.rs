//! The revision that an install or upgrade makes, and the one it takes the place of.

use std::sync::Arc;

use windlass_api::{names, reasons};
use windlass_cluster::{Authority, ErrorClass};
use windlass_helm::{Info, Operation, Record, Release, Status, Time, config_digest};
use windlass_object::{GroupVersionKind, Object};
use windlass_plan::release::Action;
use windlass_release::Prepared;

use super::course::Course;
use super::pass::Pass;
use super::render::Wanted;
use super::switches::Switches;
use crate::work::error::StageError;

/// The revision that this one takes the place of.
pub(super) fn before(course: &Course<'_>, action: Action) -> Result<Option<Record>, StageError> {
    let storage = course.storage()?;
    let last = storage.last()?;
    let install = course.pass.spec.install.as_ref();
    match (action, last) {
        (Action::Install, Some(_)) if !install.is_some_and(|install| install.replace) => {
            let message = format!(
                "cannot reuse a name that is still in use: release {} was uninstalled and its history kept; set \
                 spec.install.replace, or delete its Secrets",
                course.pass.release_name()
            );
            Err(StageError::retry(reasons::RECONCILE_ERROR, message))
        }
        (Action::Upgrade, Some(last)) if last.status() != Status::Deployed => {
            Ok(Some(storage.deployed().unwrap_or(last).clone()))
        }
        (Action::Upgrade, Some(last)) => Ok(Some(last.clone())),
        _ => Ok(None),
    }
}

/// What is wanted, with what the last revision was given where the spec keeps that.
pub(super) fn preserving(course: &Course<'_>, wanted: Wanted) -> Result<Wanted, StageError> {
    let last = before(course, Action::Upgrade)?;
    let (chart, values) = (&wanted.chart, &wanted.values);
    Ok(
        match windlass_release::preserving(&course.pass.spec, chart, values, last.as_ref()) {
            None => wanted,
            Some(preserved) => Wanted {
                config_digest: config_digest(&preserved.values),
                values: preserved.values,
                chart: Arc::new(preserved.chart),
                ..wanted
            },
        },
    )
}

fn next_version(course: &Course<'_>) -> i64 {
    let last = course.storage.as_ref().and_then(|storage| storage.newest());
    last.unwrap_or(0) + 1
}

pub(super) fn release(course: &Course<'_>, action: Action) -> Release {
    let pass = course.pass;
    Release {
        name: pass.release_name(),
        namespace: pass.release_namespace().to_owned(),
        revision: next_version(course),
        operation: operation(action),
        skips_schema: Switches::of(pass, action).skips_schema,
    }
}

/// What templates are told of an action.
pub(super) fn operation(action: Action) -> Operation {
    match action {
        Action::Install => Operation::Install,
        _ => Operation::Upgrade,
    }
}

pub(super) fn record(
    course: &Course<'_>,
    wanted: &Wanted,
    prepared: Prepared,
    action: Action,
    before: Option<&Record>,
) -> Record {
    let now = Time::from(jiff::Timestamp::now());
    let first = before.and_then(|before| before.info.first_deployed.clone());
    let (status, description) = match action {
        Action::Install => (Status::PendingInstall, "Initial install underway"),
        _ => (Status::PendingUpgrade, "Preparing upgrade"),
    };
    Record {
        name: course.pass.release_name(),
        info: Info {
            first_deployed: Some(first.unwrap_or_else(|| now.clone())),
            last_deployed: Some(now),
            description: description.to_owned(),
            status: Some(status),
            notes: prepared.notes,
            ..Info::default()
        },
        chart: Some(prepared.chart),
        config: wanted.values.clone(),
        manifest: prepared.manifest,
        hooks: prepared.hooks,
        version: next_version(course),
        namespace: course.pass.release_namespace().to_owned(),
        apply_method: None,
        labels: before
            .map(|before| before.labels.clone())
            .unwrap_or_default(),
    }
}

/// Creates the namespace that the release goes to, where the spec asks for that.
pub(super) async fn create_namespace(pass: &Pass) -> Result<(), StageError> {
    let install = pass.spec.install.as_ref();
    let Some(name) = pass.spec.target_namespace.as_ref() else {
        return Ok(());
    };
    if !install.is_some_and(|install| install.create_namespace) {
        return Ok(());
    }
    let failed = |error| StageError::request(reasons::RECONCILE_ERROR, &error);
    let kind = GroupVersionKind::new("v1", "Namespace");
    let resource = pass.client.resolve(&kind).await.map_err(failed)?;
    if pass
        .client
        .get_metadata(&resource, "", name)
        .await
        .map_err(failed)?
        .is_some()
    {
        return Ok(());
    }
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"name": name}},
    });
    let namespace = Object::from_value(namespace)
        .map_err(|error| StageError::retry(reasons::RECONCILE_ERROR, error.to_string()))?;
    let authority = Authority::Leader(&pass.leadership);
    let manager = names::HELM_CONTROLLER;
    match pass
        .client
        .create(authority, &resource, &namespace, manager)
        .await
    {
        Err(error) if error.class() != ErrorClass::Conflict => Err(failed(error)),
        _ => Ok(()),
    }
}
