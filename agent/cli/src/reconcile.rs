//! `reconcile`: asks for a pass now and waits until it is done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use windlass_api::names::{FORCE_AT, REQUESTED_AT, RESET_AT};
use windlass_object::Object;

use crate::arguments::{ReconcileSource, ReconcileTarget, ReconcileWhat};
use crate::error::CommandError;
use crate::facts::{done_message, flag, is_static, source, text};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::{Paused, Session};
use crate::wait::{Goal, wait_for};

/// Runs the command.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    what: &ReconcileWhat,
    paused: &Paused,
) -> Result<(), CommandError> {
    if paused.is_paused() {
        return Err(CommandError::Paused);
    }
    match what {
        ReconcileWhat::Source { what } => source_of_kind(session, screen, what).await,
        ReconcileWhat::Kustomization(target) => kustomization(session, screen, target).await,
        ReconcileWhat::Helmrelease {
            target,
            force,
            reset,
        } => {
            let annotations = [(*force, FORCE_AT), (*reset, RESET_AT)];
            let annotations = annotations.into_iter();
            let annotations = annotations.filter_map(|(asked, name)| asked.then_some(name));
            release(session, screen, target, &annotations.collect::<Vec<_>>()).await
        }
        ReconcileWhat::Receiver { name } => {
            let object = session.get(Kind::Receiver, name).await?;
            request(session, screen, Kind::Receiver, &object, &[]).await
        }
    }
}

async fn source_of_kind(
    session: &Session,
    screen: &mut Screen<'_>,
    what: &ReconcileSource,
) -> Result<(), CommandError> {
    // A source is its own source: --with-source asks for nothing more, but for a chart.
    let (kind, target) = match what {
        ReconcileSource::Git(target) => (Kind::GitRepository, target),
        ReconcileSource::Helm(target) => (Kind::HelmRepository, target),
        ReconcileSource::Chart(target) => {
            let namespace = &session.namespace;
            let with_source = target.with_source;
            return chart(session, screen, namespace, &target.name, with_source).await;
        }
        ReconcileSource::Oci(target) => (Kind::OciRepository, target),
        ReconcileSource::Bucket(target) => (Kind::Bucket, target),
    };
    let object = session.get(kind, &target.name).await?;
    request(session, screen, kind, &object, &[]).await
}

async fn kustomization(
    session: &Session,
    screen: &mut Screen<'_>,
    target: &ReconcileTarget,
) -> Result<(), CommandError> {
    const SOURCES: &[Kind] = &[Kind::GitRepository, Kind::OciRepository, Kind::Bucket];
    let kind = Kind::Kustomization;
    let object = session.get(kind, &target.name).await?;
    refuse_suspended(kind, &object)?;
    if target.with_source {
        request_source(session, screen, &object, SOURCES).await?;
    }
    // The pass of its source may have set off a pass of its own: what counts is what was handled
    // before the request.
    let object = session.get(kind, &target.name).await?;
    request(session, screen, kind, &object, &[]).await
}

async fn release(
    session: &Session,
    screen: &mut Screen<'_>,
    target: &ReconcileTarget,
    annotations: &[&'static str],
) -> Result<(), CommandError> {
    let kind = Kind::HelmRelease;
    let object = session.get(kind, &target.name).await?;
    refuse_suspended(kind, &object)?;
    if target.with_source {
        let (source_kind, namespace, name) = source(&object);
        if object.pointer("/spec/chartRef").is_none() {
            let own = object.namespace().unwrap_or_default();
            let name = format!("{own}-{}", object.name());
            chart(session, screen, &namespace, &name, true).await?;
        } else if source_kind == Kind::HelmChart.name() {
            chart(session, screen, &namespace, &name, true).await?;
        } else {
            request_source(session, screen, &object, &[Kind::OciRepository]).await?;
        }
    }
    let object = session.get(kind, &target.name).await?;
    let now = Timestamp::now().to_string();
    let annotations: Vec<_> = annotations.iter().map(|name| (*name, &*now)).collect();
    request_at(session, screen, kind, &object, &annotations, &now).await
}

async fn chart(
    session: &Session,
    screen: &mut Screen<'_>,
    namespace: &str,
    name: &str,
    with_source: bool,
) -> Result<(), CommandError> {
    const SOURCES: &[Kind] = &[Kind::HelmRepository, Kind::GitRepository, Kind::Bucket];
    let kind = Kind::HelmChart;
    let object = session.get_in(kind, namespace, name).await?;
    refuse_suspended(kind, &object)?;
    if with_source {
        request_source(session, screen, &object, SOURCES).await?;
    }
    let object = session.get_in(kind, namespace, name).await?;
    request(session, screen, kind, &object, &[]).await
}

/// Asks for a pass of what an object is made of, if it is of one of these kinds.
async fn request_source(
    session: &Session,
    screen: &mut Screen<'_>,
    object: &Object,
    kinds: &[Kind],
) -> Result<(), CommandError> {
    let (kind, namespace, name) = source(object);
    let Some(kind) = Kind::of_source(&kind).filter(|kind| kinds.contains(kind)) else {
        return Err(CommandError::UnsupportedSource(kind));
    };
    let source = session.get_in(kind, &namespace, &name).await?;
    request(session, screen, kind, &source, &[]).await
}

/// Annotates an object, with these annotations besides, and waits until that request was handled.
pub(crate) async fn request(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    object: &Object,
    annotations: &[(&str, &str)],
) -> Result<(), CommandError> {
    let now = Timestamp::now().to_string();
    request_at(session, screen, kind, object, annotations, &now).await
}

/// Like [`request`], for annotations that have to say the same time as the request.
async fn request_at(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    object: &Object,
    annotations: &[(&str, &str)],
    requested_at: &str,
) -> Result<(), CommandError> {
    if is_static(object) {
        return Ok(screen.success("reconciliation not supported by the object")?);
    }
    refuse_suspended(kind, object)?;
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let before = text(object, "/status/lastHandledReconcileAt").to_owned();
    screen.action(&format!(
        "annotating {} {name} in {namespace} namespace",
        kind.name()
    ))?;
    let resource = session.resource(kind).await?;
    let annotations = annotations.iter().copied();
    let annotations = annotations.chain([(REQUESTED_AT, requested_at)]);
    let annotations: BTreeMap<_, _> = annotations.collect();
    let patch = json!({ "metadata": { "annotations": annotations } });
    session.patch((&resource, object), &patch).await?;
    screen.success(&format!("{} annotated", kind.name()))?;

    screen.waiting(&format!("waiting for {} reconciliation", kind.name()))?;
    let goal = Goal::Handled {
        request: requested_at.to_owned(),
        before,
    };
    let done = wait_for(session, screen, kind, namespace, name, &goal).await?;
    Ok(screen.success(&done_message(kind, &done))?)
}

fn refuse_suspended(kind: Kind, object: &Object) -> Result<(), CommandError> {
    if !flag(object, "/spec/suspend") {
        return Ok(());
    }
    let namespace = object.namespace().unwrap_or_default();
    Err(CommandError::Suspended(Session::subject(
        kind,
        namespace,
        object.name(),
    )))
}
