//! What applying objects takes, whether a Kustomization's or a HelmRelease's: the look before the write, the writes,
//! waiting for health, the fence, and another cluster.

pub(crate) mod apply;
mod check;
pub(crate) mod client_side;
pub(crate) mod depends;
pub(crate) mod error;
mod failures;
pub(crate) mod fence;
pub(crate) mod hidden;
pub(crate) mod remote;
mod replace;
pub(crate) mod wait;
pub(crate) mod webhook;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use windlass_api::{names, reasons};
use windlass_cluster::{
    ApplyOptions, BootClock, Clock, Cluster, ErrorClass, Leadership, RequestError, Resource,
};
use windlass_object::{GroupVersionKind, Object, ObjectKey};
use windlass_plan::applier::Applier;
use windlass_plan::change::{self, Treatment};
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;
use windlass_plan::rate::{Limiter, Verdict as Rate};

pub(crate) use self::check::are_there;
use self::error::{Class, StageError};
use crate::drift::DriftWatch;
use crate::ledger::{Ledger, Verdict};
use crate::named::Named;

/// What a pass lends to the work on its objects.
#[derive(Debug)]
pub(crate) struct Work<'p> {
    /// Whose objects they are.
    pub(crate) name: &'p Named,
    /// Of which kind that is.
    pub(crate) by: Applier,
    /// The client for the objects.
    pub(crate) client: &'p Cluster,
    pub(crate) leadership: &'p Leadership,
    /// Nothing may be written any more, whoever leads.
    pub(crate) halted: &'p AtomicBool,
    pub(crate) ledger: &'p Ledger,
    pub(crate) drift: &'p DriftWatch,
    pub(crate) corrections: &'p Corrections,
    /// How the health of some kinds is told.
    pub(crate) checks: &'p CustomChecks,
    /// Fields that are left to others.
    pub(crate) ignored: &'p IgnoreRules,
    /// Cancelled when something newer should be done instead of waiting for health.
    pub(crate) overtaken: &'p CancellationToken,
    /// Whether rate-limited corrections are made up for.
    pub(crate) at_interval: bool,
    /// Whether an object that cannot be changed in place is made anew.
    pub(crate) replaces: bool,
    /// Whether it makes no difference who owns a field.
    pub(crate) only_content: bool,
    /// Whether an object that cannot be applied stops no other.
    pub(crate) goes_on: bool,
    /// The revision that each object carries that is written, where that is asked for.
    pub(crate) mark: Option<String>,
}

/// How often each object was put back lately.
pub(crate) type Corrections = Arc<Mutex<HashMap<ObjectKey, Limiter>>>;

/// Whether a drifted object is put back now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Correction {
    Make,
    /// Not now, and this is the first time, so it is worth an event.
    HoldAndTell,
    Hold,
}

/// An object as it is written: with the revision that it carries, where it is to carry one.
pub(crate) fn marked<'o>(object: &'o Object, mark: Option<&str>) -> Cow<'o, Object> {
    let Some(revision) = mark else {
        return Cow::Borrowed(object);
    };
    let mut object = object.clone();
    object.set_annotation(names::REVISION, revision);
    Cow::Owned(object)
}

/// Fails when this node does not lead any more, or everything was halted.
pub(crate) fn may_write(leadership: &Leadership, halted: &AtomicBool) -> Result<(), StageError> {
    let not_leading = |message: String| StageError {
        reason: reasons::RECONCILIATION_FAILED,
        message,
        class: Class::NotLeading,
    };
    if halted.load(Ordering::SeqCst) {
        return Err(not_leading("everything is paused".to_owned()));
    }
    leadership
        .check()
        .map_err(|error| not_leading(error.to_string()))
}

/// Whether the service account that a client acts as is not there any more.
pub(crate) async fn account_is_gone(
    client: &Cluster,
    itself: &Cluster,
) -> Result<bool, RequestError> {
    let Some(account) = client.impersonated() else {
        return Ok(false);
    };
    let kind = GroupVersionKind::new("v1", "ServiceAccount");
    let accounts = itself.resolve(&kind).await?;
    let (namespace, name) = (account.namespace(), account.name());
    match itself.get_metadata(&accounts, namespace, name).await {
        Ok(live) => Ok(live.is_none()),
        // Whoever may not look cannot tell; the deletion itself will say what is wrong.
        Err(error) if error.class() == ErrorClass::Forbidden => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says of a kind that is not there what to do about it.
fn why_unknown(object: &Object, error: &RequestError) -> String {
    let kind = object.gvk();
    if error.class() != ErrorClass::UnknownKind {
        return error.to_string();
    }
    if kind.group.ends_with("toolkit.fluxcd.io") {
        return format!(
            "this version of windlass does not serve {} yet; take it out of what is applied",
            kind.kind
        );
    }
    format!(
        "{}; is its CustomResourceDefinition installed?",
        error.message
    )
}

// === impl Work ===

impl Work<'_> {
    fn may_write(&self) -> Result<(), StageError> {
        may_write(self.leadership, self.halted)
    }

    /// As Flux applies: its field manager, conflicts forced.
    fn options(&self) -> ApplyOptions<'static> {
        ApplyOptions {
            manager: self.by.manager(),
            force: true,
        }
    }

    /// An object as it is written.
    fn marked<'o>(&self, object: &'o Object) -> Cow<'o, Object> {
        marked(object, self.mark.as_deref())
    }

    /// Whether an object says hands off. To a HelmRelease what it says to a Kustomization is nothing.
    fn skips(&self, object: &Object, live: Option<&Object>) -> bool {
        self.by.takes_manifests() && change::treatment(object, live) == Treatment::Skip
    }

    /// Whether the watch tells of changes to an object. That of releases sees what carries their label, which what
    /// helm installed does not.
    fn is_watched(&self, object: &Object, resource: &Resource) -> bool {
        let kustomized = self.by.takes_manifests();
        resource.watchable && (kustomized || object.label(names::HELM_OWNER_NAME).is_some())
    }

    /// The API resource of an object.
    async fn resolve(&self, object: &Object) -> Result<Resource, StageError> {
        self.client.resolve(&object.gvk()).await.map_err(|error| {
            let mut stage = StageError::request(reasons::RECONCILIATION_FAILED, &error);
            stage.message = format!("{}: {}", object.key(), why_unknown(object, &error));
            stage
        })
    }

    /// Whether a drifted object may be put back now, or has been too often of late.
    fn judge_correction(&self, key: &ObjectKey, verdict: &Verdict) -> Correction {
        if self.at_interval || !matches!(verdict, Verdict::Drifted(_) | Verdict::Vanished) {
            return Correction::Make;
        }
        let now = BootClock.now();
        let mut corrections = self
            .corrections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match corrections.entry(key.clone()).or_default().judge(now) {
            Rate::Correct => Correction::Make,
            Rate::HoldAndTell => Correction::HoldAndTell,
            Rate::Hold => Correction::Hold,
        }
    }
}
