//! How far a pass has come: the status as it will be written, what the API server holds, and the writes between.

use std::sync::Arc;

use windlass_api::conditions::{self, Statement};
use windlass_api::helm_release::{HelmReleaseStatus, Snapshot, SnapshotAction};
use windlass_api::meta::ConditionStatus;
use windlass_api::{names, reasons};
use windlass_helm::{Record, config_digest, snapshot_digest};
use windlass_object::Object;

use super::pass::Pass;
use super::settled::{Found, Settled};
use super::storage::{Kept, Storage};
use crate::work::error::StageError;
use crate::work::fence::Fence;

/// What a pass found out and did on its way, kept also when it fails.
#[derive(Debug)]
pub(super) struct Course<'p> {
    pub(super) pass: &'p Pass,
    pub(super) fence: Fence<'p>,
    /// As it will be written.
    pub(super) status: HelmReleaseStatus,
    /// As the API server holds it.
    pub(super) written: HelmReleaseStatus,
    /// The HelmRelease after the last write.
    pub(super) object: Option<Object>,
    /// The release's revisions, once they were read.
    pub(super) storage: Option<Storage>,
    /// What makes the next pass short, once everything was looked at.
    pub(super) found: Option<Found>,
    /// What still holds of what an earlier pass found.
    pub(super) settled: Option<Arc<Settled>>,
}

// === impl Course ===

impl<'p> Course<'p> {
    pub(super) fn new(pass: &'p Pass) -> Self {
        Self {
            pass,
            fence: pass.fence(),
            status: pass.status.clone(),
            written: pass.status.clone(),
            object: None,
            storage: None,
            found: None,
            settled: None,
        }
    }

    /// Writes what has changed of the status.
    pub(super) async fn save(&mut self) -> Result<(), StageError> {
        let pass = self.pass;
        let written = crate::status::write(
            &pass.cluster,
            &pass.leadership,
            &pass.resource,
            &pass.name,
            (&self.written, &self.status),
            names::HELM_CONTROLLER,
        )
        .await
        .map_err(|error| StageError::request(reasons::RECONCILE_ERROR, &error))?;
        if let Some(object) = written {
            self.moved_to(object);
        }
        self.written = self.status.clone();
        Ok(())
    }

    /// The revisions of the release, which were read before anything is done with them.
    pub(super) fn storage(&self) -> Result<&Storage, StageError> {
        self.storage.as_ref().ok_or_else(unread)
    }

    /// What there is of the release now, for the watch.
    pub(super) fn kept(&self) -> Option<Kept> {
        let here = self.pass.spec.kube_config.is_none();
        self.storage.as_ref().filter(|_| here).map(Storage::left)
    }

    /// Keeps a new revision.
    pub(super) async fn create(&mut self, record: &Record) -> Result<(), StageError> {
        let pass = self.pass;
        pass.may_write()?;
        let storage = self.storage.as_mut().ok_or_else(unread)?;
        storage.create(pass, record).await
    }

    /// Keeps what became of a revision.
    pub(super) async fn keep(&mut self, record: &Record) -> Result<(), StageError> {
        let pass = self.pass;
        pass.may_write()?;
        let storage = self.storage.as_mut().ok_or_else(unread)?;
        storage.update(pass, record).await
    }

    /// Forgets every revision.
    pub(super) async fn forget_all(&mut self) -> Result<(), StageError> {
        let pass = self.pass;
        let storage = self.storage.as_mut().ok_or_else(unread)?;
        storage.purge(pass).await
    }

    /// Takes the HelmRelease as a write of ours left it.
    pub(super) fn moved_to(&mut self, object: Object) {
        self.fence
            .moved_to(object.resource_version().unwrap_or_default());
        self.object = Some(object);
    }

    /// States a condition.
    pub(super) fn mark(
        &mut self,
        kind: &str,
        status: ConditionStatus,
        reason: &str,
        message: impl Into<String>,
    ) {
        let message = self.pass.hidden.clean(&message.into());
        let generation = Some(self.pass.meta.generation);
        let statement = Statement::new(kind, status, reason, message, generation);
        let now = jiff::Timestamp::now().into();
        conditions::set(&mut self.status.conditions, statement, now);
    }

    /// Takes a condition away.
    pub(super) fn unmark(&mut self, kind: &str) {
        conditions::remove(&mut self.status.conditions, kind);
    }

    /// The newest revision in the history.
    pub(super) fn latest(&self) -> Option<&Snapshot> {
        windlass_plan::release::latest(&self.status.history)
    }

    /// Puts a revision into the history: in place of what stood there for it, or in front.
    pub(super) fn observe(&mut self, record: &Record, action: Option<SnapshotAction>) {
        let known = self
            .status
            .history
            .iter_mut()
            .find(|known| known.is_of(&record.namespace, &record.name, record.version));
        match known {
            Some(known) => {
                let oci_digest = known.oci_digest.clone();
                let test_hooks = known.test_hooks.take();
                *known = Snapshot {
                    test_hooks,
                    ..snapshot(record, oci_digest, action.or(known.action))
                };
            }
            None => {
                let oci_digest = self.status.last_attempted_revision_digest.clone();
                let snapshot = snapshot(record, oci_digest, action);
                self.status.history.insert(0, snapshot);
            }
        }
    }

    /// As [`Self::observe`], but only of a revision that is in the history.
    pub(super) fn observe_known(&mut self, record: &Record, action: Option<SnapshotAction>) {
        let mut history = self.status.history.iter();
        if history.any(|known| known.is_of(&record.namespace, &record.name, record.version)) {
            self.observe(record, action);
        }
    }
}

fn unread() -> StageError {
    StageError::retry(
        reasons::STATE_ERROR,
        "the revisions of the release were not read",
    )
}

/// A revision as the history has it.
fn snapshot(
    record: &Record,
    oci_digest: Option<String>,
    action: Option<SnapshotAction>,
) -> Snapshot {
    let chart = record.chart.as_ref();
    let metadata = chart.and_then(|chart| chart.metadata.clone());
    let metadata = metadata.unwrap_or_default();
    let time = |time: &Option<windlass_helm::Time>| {
        let time = time.as_ref().and_then(windlass_helm::Time::timestamp);
        time.map(Into::into)
    };
    let info = &record.info;
    let unset = jiff::Timestamp::UNIX_EPOCH;
    Snapshot {
        action,
        api_version: Some(windlass_api::helm_release::SNAPSHOT_API_VERSION.to_owned()),
        app_version: Some(metadata.app_version).filter(|version| !version.is_empty()),
        chart_name: metadata.name,
        chart_version: metadata.version,
        config_digest: config_digest(&record.config),
        deleted: time(&info.deleted),
        digest: snapshot_digest(record, oci_digest.as_deref().unwrap_or_default()),
        first_deployed: time(&info.first_deployed).unwrap_or_else(|| unset.into()),
        last_deployed: time(&info.last_deployed).unwrap_or_else(|| unset.into()),
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        oci_digest,
        status: record.status().as_str().to_owned(),
        test_hooks: None,
        version: record.version,
    }
}
