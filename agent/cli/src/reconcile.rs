//! `reconcile`: asks for a pass now and waits until it is done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use windlass_api::names::REQUESTED_AT;
use windlass_cluster::{Authority, PatchOptions};
use windlass_object::Object;

use crate::arguments::{ReconcileSource, ReconcileTarget, ReconcileWhat};
use crate::error::CommandError;
use crate::facts::{flag, revision, source, text};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::{MANAGER, Paused, Session};
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
        // A source is its own source: --with-source asks for nothing more.
        ReconcileWhat::Source {
            what: ReconcileSource::Git(target),
        } => {
            let object = session.get(Kind::GitRepository, &target.name).await?;
            request(session, screen, Kind::GitRepository, &object, &[]).await
        }
        ReconcileWhat::Kustomization(target) => kustomization(session, screen, target).await,
    }
}

async fn kustomization(
    session: &Session,
    screen: &mut Screen<'_>,
    target: &ReconcileTarget,
) -> Result<(), CommandError> {
    let object = session.get(Kind::Kustomization, &target.name).await?;
    refuse_suspended(Kind::Kustomization, &object)?;
    if target.with_source {
        let (kind, namespace, name) = source(&object);
        if kind != Kind::GitRepository.name() {
            return Err(CommandError::UnsupportedSource(kind));
        }
        let source = session
            .get_in(Kind::GitRepository, &namespace, &name)
            .await?;
        request(session, screen, Kind::GitRepository, &source, &[]).await?;
    }
    // The pass of its source may have set off a pass of its own: what counts is what was handled
    // before the request.
    let object = session.get(Kind::Kustomization, &target.name).await?;
    request(session, screen, Kind::Kustomization, &object, &[]).await
}

/// Annotates an object, with these annotations besides, and waits until that request was handled.
pub(crate) async fn request(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    object: &Object,
    annotations: &[(&str, &str)],
) -> Result<(), CommandError> {
    refuse_suspended(kind, object)?;
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let before = text(object, "/status/lastHandledReconcileAt").to_owned();
    screen.action(&format!(
        "annotating {} {name} in {namespace} namespace",
        kind.name()
    ))?;
    let resource = session.resource(kind).await?;
    let requested_at = Timestamp::now().to_string();
    let annotations = annotations.iter().copied();
    let annotations = annotations.chain([(REQUESTED_AT, requested_at.as_str())]);
    let annotations: BTreeMap<_, _> = annotations.collect();
    let patch = json!({ "metadata": { "annotations": annotations } });
    let options = PatchOptions {
        subresource: None,
        manager: MANAGER,
    };
    let cluster = &session.cluster;
    cluster
        .patch_merge(
            Authority::Person,
            &resource,
            namespace,
            name,
            &patch,
            &options,
        )
        .await?;
    screen.success(&format!("{} annotated", kind.name()))?;

    screen.waiting(&format!("waiting for {} reconciliation", kind.name()))?;
    let goal = Goal::Handled {
        request: requested_at,
        before,
    };
    let done = wait_for(session, screen, kind, namespace, name, &goal).await?;
    Ok(screen.success(&format!("{} {}", kind.success(), revision(kind, &done)))?)
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
