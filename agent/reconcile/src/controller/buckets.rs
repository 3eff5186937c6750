//! The Buckets as the loop knows them.

use std::sync::Arc;

use serde_json::Value;
use windlass_api::bucket::{BucketSpec, BucketStatus};
use windlass_api::helm_chart::HelmChartSourceKind;
use windlass_api::kustomization::SourceKind;
use windlass_api::names;
use windlass_cluster::Resource;

use super::Controller;
use super::fetched::{Fetched, Fetching, Slot};
use crate::archive::{ArchiveSnapshot, Basis};
use crate::bucket::{self, BucketSnapshot, address};
use crate::context::Kinds;
use crate::event::Event;
use crate::named::Named;
use crate::seen::SeenBucket;
use crate::source::spec::Unusable;

/// Buckets, of whose objects an archive is kept.
pub(super) struct Buckets;

impl Fetched for Buckets {
    type Spec = BucketSpec;
    type Status = BucketStatus;
    type Kept = BucketSnapshot;

    const KIND: &'static str = names::BUCKET;
    const KEPT: (&'static str, &'static str) = (bucket::PREFIX, "files of buckets");

    fn parse(object: &Value) -> Option<SeenBucket> {
        SeenBucket::parse(object)
    }

    fn of(controller: &mut Controller) -> &mut Fetching<Self> {
        &mut controller.buckets
    }

    fn resource(kinds: &Kinds) -> &Resource {
        &kinds.bucket
    }

    fn listed(controller: &mut Controller) {
        controller.standing.buckets_listed = true;
    }

    fn gone(controller: &mut Controller, name: &Named) {
        controller.wake_users_of(SourceKind::Bucket, name);
        controller.wake_charts_of(HelmChartSourceKind::Bucket, name);
    }

    fn finished(
        controller: &mut Controller,
        name: &Named,
        (before, now): (Option<BucketSnapshot>, Option<BucketSnapshot>),
    ) {
        let archive = |kept: Option<BucketSnapshot>| kept.map(|kept| kept.archive);
        if controller.archive_changed(Self::KIND, name, (archive(before), archive(now))) {
            Self::gone(controller, name);
        }
    }
}

impl Slot<Buckets> {
    /// The archive in use.
    pub(super) fn archive(&self) -> Option<&ArchiveSnapshot> {
        self.kept.as_ref().map(|kept| &kept.archive)
    }
}

impl Controller {
    /// Why what is in a bucket may be used, or why not.
    fn basis_of_bucket(&self, seen: &SeenBucket) -> Result<Basis, Unusable> {
        let made = self.context.vouchers.bucket(&seen.meta.name);
        let live = seen.spec.as_ref().ok();
        let url = live.map(address).unwrap_or_default();
        let is_made = made.as_ref().zip(live).map(|(made, live)| made.is(live));
        let pin = made.and_then(|made| made.pin);
        self.basis_of_archive(&seen.meta, &url, is_made, pin)
    }

    pub(super) fn start_bucket(&mut self, name: Named) {
        let suspended = |spec: &BucketSpec| spec.suspend;
        if !self.fetched_begins::<Buckets>(&name, suspended) {
            return;
        }
        let Some(slot) = self.buckets.slots.get(&name) else {
            return;
        };
        let basis = self.basis_of_bucket(&slot.seen);
        let pass = self.archive_pass(slot, basis, suspended);
        let context = Arc::clone(&self.context);
        self.spawn(
            async move { bucket::pass::run(&context, pass).await },
            {
                let name = name.clone();
                move |outcome| Event::BucketFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::BucketBroke { name },
        );
    }
}
