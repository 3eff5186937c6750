//! Suspensions that end by themselves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use windlass_api::{names, suspension};
use windlass_cluster::{Authority, PatchOptions};

use super::Controller;
use super::kustomizations::suspended_until;
use super::standing::OwnKind;
use crate::named::Named;
use crate::ours;

/// A suspension that could not be lifted in time is looked at again this soon.
const SUSPENSION_AGAIN: Duration = Duration::from_secs(5);

impl Controller {
    /// Ends a suspension whose time is up; one that is not yet is looked at again then.
    pub(super) fn resume_if_due(&mut self, kind: &OwnKind, name: &Named) {
        let (resource, meta) = match kind {
            OwnKind::GitRepository => (
                &self.context.kinds.git_repository,
                self.sources
                    .get(name)
                    .and_then(|slot| slot.seen.as_ref())
                    .map(|seen| &seen.meta),
            ),
            OwnKind::Kustomization => (
                &self.context.kinds.kustomization,
                self.kustomizations.get(name).map(|slot| &slot.seen.meta),
            ),
            OwnKind::HelmRelease => (
                &self.context.kinds.helm_release,
                self.releases.get(name).map(|slot| &slot.seen.meta),
            ),
        };
        if let Some(at) = meta.and_then(|meta| suspended_until(meta, true)) {
            let queue = match kind {
                OwnKind::GitRepository => &mut self.source_queue,
                OwnKind::Kustomization => &mut self.kustomization_queue,
                OwnKind::HelmRelease => &mut self.release_queue,
            };
            queue.schedule(name, at.max(Instant::now() + SUSPENSION_AGAIN));
        }
        let until = meta.and_then(|meta| meta.annotation(names::SUSPEND_UNTIL));
        let due = until.and_then(|until| until.parse::<Timestamp>().ok());
        let Some(leadership) = self.standing.leadership.clone() else {
            return;
        };
        if due.is_none_or(|due| due > Timestamp::now()) || !self.may_write() {
            return;
        }
        let (context, resource, name) = (Arc::clone(&self.context), resource.clone(), name.clone());
        self.passes.spawn(async move {
            let body = suspension::resume(None);
            let options = PatchOptions {
                subresource: None,
                manager: ours::MANAGER,
            };
            let (authority, namespace) = (Authority::Leader(&leadership), &name.namespace);
            let cluster = &context.cluster;
            let resumed = cluster
                .patch_merge(authority, &resource, namespace, &name.name, &body, &options)
                .await;
            if let Err(error) = resumed {
                tracing::warn!(%name, %error, "the suspension has ended but could not be lifted");
            }
        });
    }
}
