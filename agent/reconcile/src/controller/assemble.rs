//! Collects what a pass of a Kustomization works with.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::kustomization::{KustomizationSpec, SourceKind};
use windlass_api::{names, reasons};
use windlass_cluster::Cluster;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;

use super::Controller;
use super::kustomizations::suspended;
use super::standing::OwnKind;
use crate::kustomization;
use crate::kustomization::pass::{self, Pass, Refusal, SourceState, Vouching};
use crate::named::Named;
use crate::offer::Offer;
use crate::seen::SeenKustomization;
use crate::work::depends::Waiter;
use crate::work::hidden::Hidden;

impl Controller {
    /// Collects what a pass needs; `None` when there is nothing to do now.
    pub(super) fn kustomization_pass(&mut self, name: &Named) -> Option<Pass> {
        let leadership = self.term()?;
        let slot = self.kustomizations.get(name)?;
        if suspended(&slot.seen) && !slot.seen.meta.deleting {
            self.resume_if_due(&OwnKind::Kustomization, name);
            return None;
        }
        let seen = slot.seen.clone();
        let due = slot.regular_at.is_none_or(|at| at <= Instant::now());
        let at_interval = due || is_asked_for(&slot.seen);
        let stripped = slot.stripped.then(|| stripped(names::KUSTOMIZATION));
        let waiting_since = slot.waiting_since.clone();
        let problem = seen.spec.as_ref().err().cloned();
        let spec = (seen.spec).unwrap_or_else(|_| kustomization::placeholder_spec());
        let spec = self.overruled(name, spec);
        let client = self.client(name, &spec);
        let node = (Waiter::Kustomization, name.clone());
        let overtaken = CancellationToken::new();
        let pass = Pass {
            source: self.source_of(name, &spec),
            vouching: self.vouching(name, &spec),
            dependencies: self.dependencies_of(&node),
            unmet: self.unmet(&node),
            name: name.clone(),
            meta: seen.meta,
            refusal: stripped
                .or_else(|| problem.map(malformed))
                .or_else(|| client.as_ref().err().cloned().map(malformed))
                .or_else(|| self.denied(name, &spec)),
            client: client.unwrap_or_else(|_| self.context.cluster.clone()),
            spec,
            status: seen.status,
            target: self.context.cluster.clone(),
            remotes: Arc::clone(&self.context.remotes),
            herald: self.context.herald.clone(),
            cluster: self.context.cluster.clone(),
            resource: self.context.kinds.kustomization.clone(),
            leadership,
            epoch_floor: self.standing.epoch_floor.clone(),
            ledger: self.context.ledger.clone(),
            drift: self.context.drift.clone(),
            keep: Arc::clone(&self.context.keep),
            left_out: self.context.left_out.clone(),
            root_pair: Arc::clone(&self.root.pair),
            corrections: Arc::clone(&self.context.corrections),
            prune_limits: self.policy.prune_limits,
            net: Arc::clone(&self.context.net),
            remote: self.policy.remote,
            secrets: Arc::clone(&self.policy.secrets),
            hidden: Hidden::default(),
            checks: CustomChecks::default(),
            ignored: IgnoreRules::default(),
            halted: Arc::clone(&self.context.halted),
            at_interval,
            apart: self.policy.tenancy.no_cross_namespace_refs,
            settled: slot.settled.clone(),
            waiting_since,
            overtaken: overtaken.clone(),
        };
        self.kustomizations.get_mut(name)?.overtaken = overtaken;
        Some(pass)
    }

    fn vouching(&self, name: &Named, spec: &KustomizationSpec) -> Vouching {
        Vouching {
            vouchers: Arc::clone(&self.context.vouchers),
            // What is made in another cluster is nothing that is worked on here.
            may: self.vouches(name) && spec.kube_config.is_none(),
            events: self.sender.clone(),
        }
    }

    /// What the node's config says of the root counts from the first moment: a path that somebody wrote into the
    /// object would prune everything before it is put back.
    pub(super) fn overruled(&self, name: &Named, mut spec: KustomizationSpec) -> KustomizationSpec {
        if *name == self.root.name {
            spec.path = Some(self.root.settings.path.clone());
            spec.source_ref.kind = SourceKind::GitRepository;
            spec.source_ref.name.clone_from(&name.name);
            spec.source_ref.namespace = None;
        }
        spec
    }

    fn source_of(&self, name: &Named, spec: &KustomizationSpec) -> SourceState {
        let source = pass::source_of(name, spec);
        if source.0 == SourceKind::ExternalArtifact {
            return SourceState::Unsupported;
        }
        match self.offered(&source) {
            None => SourceState::NotFound,
            Some(None) => SourceState::NoRevision,
            Some(Some(offer)) => SourceState::Ready(Box::new(offer)),
        }
    }

    /// What a source offers now; `None` where there is no such object.
    pub(super) fn offered(&self, (kind, source): &(SourceKind, Named)) -> Option<Option<Offer>> {
        match kind {
            SourceKind::GitRepository => {
                let slot = self.sources.get(source)?;
                let is_there = slot.seen.is_some() || *source == self.root.name;
                let snapshot = slot.snapshot.clone().map(Box::new);
                is_there.then(|| snapshot.map(Offer::Commit))
            }
            SourceKind::OciRepository => {
                let slot = self.oci.slots.get(source)?;
                Some(slot.archive().cloned().map(Offer::Archive))
            }
            SourceKind::Bucket => {
                let slot = self.buckets.slots.get(source)?;
                Some(slot.archive().cloned().map(Offer::Archive))
            }
            SourceKind::ExternalArtifact => None,
        }
    }

    fn client(&self, name: &Named, spec: &KustomizationSpec) -> Result<Cluster, String> {
        let default = self.policy.tenancy.default_service_account.as_deref();
        let default = default.filter(|_| *name != self.root.name);
        self.client_as(name, spec.service_account_name.as_deref(), default)
    }

    /// As whom objects are applied: the account that is named, or the one the node's config gives.
    pub(super) fn client_as(
        &self,
        name: &Named,
        account: Option<&str>,
        default: Option<&str>,
    ) -> Result<Cluster, String> {
        let cluster = &self.context.cluster;
        match account.filter(|account| !account.is_empty()).or(default) {
            None => Ok(cluster.clone()),
            Some(account) => cluster
                .as_service_account(&name.namespace, account)
                .map_err(|error| error.to_string()),
        }
    }

    /// Why the spec names what this node's config forbids.
    fn denied(&self, name: &Named, spec: &KustomizationSpec) -> Option<Refusal> {
        let (kind, source) = pass::source_of(name, spec);
        if !self.policy.tenancy.no_cross_namespace_refs || source.namespace == name.namespace {
            return None;
        }
        Some(Refusal {
            reason: reasons::ACCESS_DENIED,
            message: format!(
                "can't access '{kind}/{source}', cross-namespace references have been blocked by [tenancy] \
                 no_cross_namespace_refs on the node; name a source in namespace {}",
                name.namespace
            ),
        })
    }
}

pub(super) fn malformed(message: String) -> Refusal {
    Refusal {
        reason: reasons::FAILED,
        message: format!("the object cannot be read: {message}; correct it"),
    }
}

/// Decision 4: whoever takes our finalizer off wants the objects left alone.
pub(super) fn stripped(kind: &str) -> Refusal {
    Refusal {
        reason: reasons::UNINSTALL_DETECTED,
        message: format!(
            "another client removed the finalizer {0}; nothing of this {kind} is touched any \
             more. To take it up again, add {0} to metadata.finalizers",
            names::FINALIZER
        ),
    }
}

/// Whether a person asked for a pass that has not been yet.
fn is_asked_for(seen: &SeenKustomization) -> bool {
    let asked = seen.meta.annotation(names::REQUESTED_AT);
    asked.is_some() && asked != seen.status.last_handled_reconcile_at.as_deref()
}
