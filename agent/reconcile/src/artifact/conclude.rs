//! The status that kinds have in common which keep an artifact, and how it and the news of a pass are told.

use serde::Serialize;
use windlass_api::bucket::BucketStatus;
use windlass_api::helm_chart::HelmChartStatus;
use windlass_api::helm_repository::HelmRepositoryStatus;
use windlass_api::meta::{Artifact, Condition};
use windlass_api::names;
use windlass_api::oci_repository::OciRepositoryStatus;
use windlass_api::time::Time;
use windlass_cluster::{Leadership, Resource};
use windlass_object::Object;

use super::{Held, Problem, artifact, latest, news, say, tell};
use crate::context::Context;
use crate::seen::{Meta, Seen};

/// A status with an artifact.
pub(crate) trait ArtifactStatus: Clone + Serialize {
    fn fields(&mut self) -> Fields<'_>;
    fn said(&self) -> (&[Condition], Option<&Artifact>);
}

/// The fields that all of them have.
pub(crate) struct Fields<'s> {
    artifact: &'s mut Option<Artifact>,
    pub(crate) conditions: &'s mut Vec<Condition>,
    last_handled: &'s mut Option<String>,
    observed_generation: &'s mut Option<i64>,
    url: &'s mut Option<String>,
}

macro_rules! artifact_status {
    ($($status:ty),*) => {$(
        impl ArtifactStatus for $status {
            fn fields(&mut self) -> Fields<'_> {
                Fields {
                    artifact: &mut self.artifact,
                    conditions: &mut self.conditions,
                    last_handled: &mut self.last_handled_reconcile_at,
                    observed_generation: &mut self.observed_generation,
                    url: &mut self.url,
                }
            }

            fn said(&self) -> (&[Condition], Option<&Artifact>) {
                (&self.conditions, self.artifact.as_ref())
            }
        }
    )*};
}

artifact_status!(
    BucketStatus,
    HelmChartStatus,
    HelmRepositoryStatus,
    OciRepositoryStatus
);

/// What a pass came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'t> {
    pub(crate) kind: &'static str,
    /// The name behind `status.url`.
    pub(crate) latest: &'static str,
    pub(crate) held: Option<&'t Held>,
    pub(crate) problem: Option<&'t Problem>,
    pub(crate) now: Time,
}

impl Told<'_> {
    /// The new status, but for what only one kind has. Equal to the old one when nothing changed, so that nothing is
    /// written.
    pub(crate) fn status<Status: ArtifactStatus>(&self, meta: &Meta, old: &Status) -> Status {
        let (held, now) = (self.held, self.now);
        let mut new = old.clone();
        let generation = Some(meta.generation);
        let fields = new.fields();
        if let Some(asked) = meta.annotation(names::REQUESTED_AT) {
            *fields.last_handled = Some(asked.to_owned());
        }
        say(fields.conditions, generation, held, self.problem, now);
        if self.problem.is_none_or(|problem| problem.stalled) {
            *fields.observed_generation = generation;
        }
        if let Some(held) = held {
            *fields.artifact = Some(artifact(self.kind, meta, held, old.said().1, now));
            *fields.url = Some(latest(self.kind, meta, self.latest));
        }
        new
    }

    /// Writes the status and the event, if this node leads; gives the object after the write. `words` are the reasons of an
    /// event for a new artifact, and for one that is as it should be again.
    pub(crate) async fn conclude<Spec, Status: ArtifactStatus>(
        &self,
        context: &Context,
        leadership: Option<&Leadership>,
        (resource, seen, new): (&Resource, &Seen<Spec, Status>, &Status),
        (words, message): ((&'static str, &'static str), impl FnOnce() -> String),
    ) -> Option<Object> {
        let leadership = leadership?;
        let (name, old) = (&seen.meta.name, &seen.status);
        let (cluster, manager) = (&context.cluster, names::SOURCE_STATUS_MANAGER);
        let statuses = (old, new);
        let written =
            crate::status::write(cluster, leadership, resource, name, statuses, manager).await;
        if let Some(news) = news(old.said(), self.held, self.problem, words, message) {
            let object = (self.kind, &seen.meta);
            tell(context, leadership, object, self.held, news).await;
        }
        written.unwrap_or_else(|error| {
            tracing::warn!(kind = self.kind, %name, %error, "the status could not be written");
            None
        })
    }
}
