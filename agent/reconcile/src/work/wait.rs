//! Waits for health: cached verdicts first, the watch's news next, a slow look as the last resort.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;
use windlass_api::meta::NamespacedObjectKindReference;
use windlass_api::{migrate, reasons};
use windlass_object::{GroupVersionKind, Object, ObjectKey};
use windlass_plan::health::{self, Health, Judge};

use super::Work;
use super::error::StageError;
use crate::ledger::HealthVerdict;

/// How often objects without a watch are read again (Flux polls at the same pace).
const POLL: Duration = Duration::from_secs(5);
/// Flux gives definitions, namespaces and classes this long before the next stage.
const STAGE_TIMEOUT: Duration = Duration::from_secs(60);
const CONCURRENT_READS: usize = 8;

/// An object whose health counts.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) key: ObjectKey,
    pub(crate) version: String,
    /// It counts as done once it is gone: a Job that is deleted some time after its end.
    pub(crate) may_be_gone: bool,
}

impl Target {
    pub(crate) fn of(object: &Object) -> Self {
        Target {
            key: object.key(),
            version: object.gvk().version,
            may_be_gone: health::absent_is_current(object),
        }
    }

    pub(crate) fn kind(&self) -> GroupVersionKind {
        GroupVersionKind {
            group: self.key.group.clone(),
            version: self.version.clone(),
            kind: self.key.kind.clone(),
        }
    }

    /// An entry of `spec.healthChecks`.
    pub(crate) fn from_reference(reference: &NamespacedObjectKindReference) -> Self {
        let api_version = reference.api_version.as_deref().unwrap_or("apps/v1");
        let kind = served(GroupVersionKind::new(api_version, &reference.kind));
        Target {
            key: ObjectKey {
                group: kind.group,
                kind: kind.kind,
                namespace: reference.namespace.clone().unwrap_or_default(),
                name: reference.name.clone(),
            },
            version: kind.version,
            may_be_gone: false,
        }
    }
}

/// What is asked for in place of a version of Flux's kinds that is not served any more.
pub(crate) fn served(kind: GroupVersionKind) -> GroupVersionKind {
    match migrate::migrated(&kind.group, &kind.kind, &kind.version) {
        Some(version) => GroupVersionKind {
            version: version.to_owned(),
            ..kind
        },
        None => kind,
    }
}

/// Whether all targets are current now.
pub(crate) async fn all_current(work: &Work<'_>, targets: &[Target]) -> Result<bool, StageError> {
    let states = look(work, targets.to_vec(), false).await?;
    Ok(states.iter().all(|(_, health)| *health == Health::Current))
}

/// Waits until the objects of a stage on which the next one depends are ready.
pub(crate) async fn stage_ready(work: &Work<'_>, targets: &[Target]) -> Result<(), StageError> {
    let deadline = Instant::now() + STAGE_TIMEOUT;
    healthy(work, targets.to_vec(), deadline, STAGE_TIMEOUT).await?;
    if targets.iter().any(brings_kinds) {
        work.client.forget_discovery();
    }
    Ok(())
}

/// Definitions and API services change which kinds there are.
fn brings_kinds(target: &Target) -> bool {
    let (group, kind) = (target.key.group.as_str(), target.key.kind.as_str());
    let bringing = [
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
    ];
    bringing.contains(&(group, kind))
}

/// Waits until all targets are current, one has failed, or the deadline has come.
pub(crate) async fn healthy(
    work: &Work<'_>,
    targets: Vec<Target>,
    deadline: Instant,
    timeout: Duration,
) -> Result<(), StageError> {
    let news = work.ledger.waiter(work.name);
    let mut pending = targets;
    let mut reread = false;
    loop {
        let states = look(work, pending, reread).await?;
        let failed = named(&states, |state| matches!(state, Health::Failed(_)));
        if !failed.is_empty() {
            return Err(unhealthy(format!(
                "failed early due to stalled resources: [{failed}]"
            )));
        }
        pending = states
            .iter()
            .filter(|(_, h)| *h != Health::Current)
            .map(|(t, _)| t.clone())
            .collect();
        if pending.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        if now >= deadline {
            let late = named(&states, |state| *state != Health::Current);
            let after = windlass_api::duration::GoDuration(timeout);
            return Err(unhealthy(format!(
                "timeout after {after} waiting for: [{late}]"
            )));
        }
        tokio::select! {
            () = news.notified() => reread = false,
            () = tokio::time::sleep_until(deadline.min(now + POLL)) => reread = true,
            () = work.overtaken.cancelled() => return Err(StageError::overtaken()),
        }
    }
}

async fn look(
    work: &Work<'_>,
    targets: Vec<Target>,
    reread: bool,
) -> Result<Vec<(Target, Health)>, StageError> {
    let reads = stream::iter(targets).map(|target| async move {
        let known = if reread {
            None
        } else {
            work.ledger.health(&target.key, judge(work, &target))
        };
        match known {
            Some(health) => Ok((target, health)),
            None => read(work, target).await,
        }
    });
    let states: Vec<_> = reads.buffered(CONCURRENT_READS).collect().await;
    states.into_iter().collect()
}

async fn read(work: &Work<'_>, target: Target) -> Result<(Target, Health), StageError> {
    let failed = |error| StageError::request(reasons::HEALTH_CHECK_FAILED, &error);
    let resource = match work.client.resolve(&target.kind()).await {
        Ok(resource) => resource,
        Err(error) if error.class() == windlass_cluster::ErrorClass::UnknownKind => {
            return Ok((target, Health::NotFound));
        }
        Err(error) => return Err(failed(error)),
    };
    let live = work
        .client
        .get(&resource, &target.key.namespace, &target.key.name)
        .await
        .map_err(failed)?;
    let Some(live) = live else {
        let done = if target.may_be_gone {
            Health::Current
        } else {
            Health::NotFound
        };
        return Ok((target, done));
    };
    let verdict = work.checks.assess(&live, jiff::Timestamp::now());
    let known = HealthVerdict {
        at: live.resource_version().unwrap_or_default().to_owned(),
        judge: judge(work, &target),
        health: verdict.clone(),
    };
    work.ledger.keep_health(&target.key, known);
    Ok((target, verdict))
}

fn judge(work: &Work<'_>, target: &Target) -> Judge {
    work.checks.judge(&target.key.group, &target.key.kind)
}

fn named(states: &[(Target, Health)], which: impl Fn(&Health) -> bool) -> String {
    let chosen = states.iter().filter(|(_, health)| which(health));
    let parts: Vec<_> = chosen
        .map(|(target, health)| format!("{} status: '{}'", target.key, word(health)))
        .collect();
    parts.join(", ")
}

fn word(health: &Health) -> String {
    match health.message() {
        "" => health.as_str().to_owned(),
        message => format!("{}: {message}", health.as_str()),
    }
}

fn unhealthy(message: String) -> StageError {
    StageError::retry(
        reasons::HEALTH_CHECK_FAILED,
        format!("health check failed: {message}"),
    )
}
