//! What a HelmRelease needs first: its chart, other HelmReleases, and the leave of the node's config.

use windlass_api::helm_release::{ChartReferenceKind, HelmReleaseSpec};
use windlass_api::meta::Condition;
use windlass_api::{conditions, reasons};

use super::Controller;
use crate::kustomization::pass::Refusal;
use crate::named::Named;
use crate::release::pass::{ChartState, ReleaseChart};
use crate::release::template;

impl Controller {
    pub(super) fn chart_state(&self, name: &Named, spec: &HelmReleaseSpec) -> ChartState {
        if let Some(artifact) = artifact_of(name, spec) {
            return self.archived_chart(&artifact);
        }
        let Some(chart) = chart_of(name, spec) else {
            return ChartState::Unsupported("ExternalArtifact");
        };
        let Some(slot) = self.charts.slots.get(&chart) else {
            let why = format!("could not get Source object: HelmChart '{chart}' not found");
            return ChartState::NotFound(why);
        };
        // What is in use for an older spec of the chart is not what is wanted.
        let current = slot.seen.status.observed_generation == Some(slot.seen.meta.generation);
        match &slot.kept {
            Some(snapshot) if current => {
                ChartState::Ready(Box::new(ReleaseChart::Packaged(snapshot.clone())))
            }
            _ => {
                let why = not_ready(&slot.seen.status.conditions, current);
                ChartState::NotReady(format!("HelmChart '{chart}' is not ready: {why}"))
            }
        }
    }

    /// The chart in an artifact of a registry.
    fn archived_chart(&self, artifact: &Named) -> ChartState {
        let Some(slot) = self.oci.slots.get(artifact) else {
            let why = format!("could not get Source object: OCIRepository '{artifact}' not found");
            return ChartState::NotFound(why);
        };
        let meta = &slot.seen.meta;
        let current = slot.seen.status.observed_generation == Some(meta.generation);
        match slot.archive() {
            Some(archive) if current => {
                ChartState::Ready(Box::new(ReleaseChart::Archived(archive.clone())))
            }
            _ => {
                let conditions = &slot.seen.status.conditions;
                let why = not_ready(conditions, current);
                ChartState::NotReady(format!("OCIRepository '{artifact}' is not ready: {why}"))
            }
        }
    }

    /// Why the spec names what this node's config forbids.
    pub(super) fn release_denied(&self, name: &Named, spec: &HelmReleaseSpec) -> Option<Refusal> {
        if !self.policy.tenancy.no_cross_namespace_refs {
            return None;
        }
        let chart = spec
            .chart
            .as_ref()
            .map(|chart| &chart.spec.source_ref.namespace);
        let reference = spec
            .chart_ref
            .as_ref()
            .map(|reference| &reference.namespace);
        let namespace = chart.or(reference)?.as_ref()?;
        (*namespace != name.namespace).then(|| Refusal {
            reason: reasons::ACCESS_DENIED,
            message: format!(
                "can't access a source in namespace '{namespace}', cross-namespace references have been blocked by \
                 [tenancy] no_cross_namespace_refs on the node; name a source in namespace {}",
                name.namespace
            ),
        })
    }
}

/// What a source says of itself that cannot be used.
fn not_ready(said: &[Condition], current: bool) -> &str {
    let ready = conditions::get(said, conditions::READY).filter(|_| current);
    ready.map_or(
        "latest generation of object has not been reconciled",
        |ready| ready.message.as_str(),
    )
}

/// The OCIRepository that a release takes its chart from, if it does.
pub(super) fn artifact_of(name: &Named, spec: &HelmReleaseSpec) -> Option<Named> {
    let reference = spec.chart_ref.as_ref()?;
    let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
    let is_artifact = reference.kind == ChartReferenceKind::OciRepository;
    is_artifact.then(|| Named::new(namespace, &reference.name))
}

/// The HelmChart that a release takes its chart from; none where it takes it from another kind.
pub(super) fn chart_of(name: &Named, spec: &HelmReleaseSpec) -> Option<Named> {
    if let Some(reference) = &spec.chart_ref {
        let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
        let is_chart = reference.kind == ChartReferenceKind::HelmChart;
        return is_chart.then(|| Named::new(namespace, &reference.name));
    }
    template::chart_name(name, spec)
}
