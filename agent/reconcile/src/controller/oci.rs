//! The OCIRepositories as the loop knows them.

use std::sync::Arc;

use serde_json::Value;
use windlass_api::kustomization::SourceKind;
use windlass_api::names;
use windlass_api::oci_repository::{OciRepositorySpec, OciRepositoryStatus};
use windlass_cluster::Resource;

use super::Controller;
use super::fetched::{Fetched, Fetching, Slot};
use crate::archive::{ArchiveSnapshot, Basis};
use crate::context::Kinds;
use crate::event::Event;
use crate::named::Named;
use crate::oci::{self, OciSnapshot};
use crate::seen::SeenOciRepository;
use crate::source::spec::Unusable;

/// OCIRepositories, of which an archive is kept.
pub(super) struct OciRepositories;

impl Fetched for OciRepositories {
    type Spec = OciRepositorySpec;
    type Status = OciRepositoryStatus;
    type Kept = OciSnapshot;

    const KIND: &'static str = names::OCI_REPOSITORY;
    const KEPT: (&'static str, &'static str) = (oci::PREFIX, "artifacts of objects");

    fn parse(object: &Value) -> Option<SeenOciRepository> {
        SeenOciRepository::parse(object)
    }

    fn of(controller: &mut Controller) -> &mut Fetching<Self> {
        &mut controller.oci
    }

    fn resource(kinds: &Kinds) -> &Resource {
        &kinds.oci_repository
    }

    fn gone(controller: &mut Controller, name: &Named) {
        controller.wake_users_of(SourceKind::OciRepository, name);
        controller.wake_releases_of_artifact(name);
    }

    fn finished(
        controller: &mut Controller,
        name: &Named,
        (before, now): (Option<OciSnapshot>, Option<OciSnapshot>),
    ) {
        let archive = |kept: Option<OciSnapshot>| kept.map(|kept| kept.archive);
        if controller.archive_changed(Self::KIND, name, (archive(before), archive(now))) {
            Self::gone(controller, name);
        }
    }
}

impl Slot<OciRepositories> {
    /// The archive in use.
    pub(super) fn archive(&self) -> Option<&ArchiveSnapshot> {
        self.kept.as_ref().map(|kept| &kept.archive)
    }
}

impl Controller {
    /// Whether another archive is in use than before; says which.
    pub(super) fn archive_changed(
        &self,
        kind: &'static str,
        name: &Named,
        (before, now): (Option<ArchiveSnapshot>, Option<ArchiveSnapshot>),
    ) -> bool {
        let changed = before != now;
        if let Some(ArchiveSnapshot { revision, .. }) = now.filter(|_| changed) {
            tracing::info!(kind, %name, revision, "in use");
        }
        changed
    }

    /// Why an artifact may be used, or why not.
    fn basis_of_artifact(&self, seen: &SeenOciRepository) -> Result<Basis, Unusable> {
        let made = self.context.vouchers.artifact(&seen.meta.name);
        let live = seen.spec.as_ref().ok();
        let url = live.map_or("", |spec| spec.url.as_str());
        let is_made = made.as_ref().zip(live).map(|(made, live)| made.is(live));
        let pin = made.and_then(|made| made.pin);
        self.basis_of_archive(&seen.meta, url, is_made, pin)
    }

    pub(super) fn start_oci(&mut self, name: Named) {
        let suspended = |spec: &OciRepositorySpec| spec.suspend;
        if !self.fetched_begins::<OciRepositories>(&name, suspended) {
            return;
        }
        let Some(slot) = self.oci.slots.get(&name) else {
            return;
        };
        let basis = self.basis_of_artifact(&slot.seen);
        let pass = self.archive_pass(slot, basis, suspended);
        let context = Arc::clone(&self.context);
        self.spawn(
            async move { oci::pass::run(&context, pass).await },
            {
                let name = name.clone();
                move |outcome| Event::OciFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::OciBroke { name },
        );
    }
}
