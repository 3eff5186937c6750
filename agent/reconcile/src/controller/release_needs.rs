//! What a HelmRelease needs first: its chart, other HelmReleases, and the leave of the node's config.

use windlass_api::helm_release::{ChartReferenceKind, HelmReleaseSpec};
use windlass_api::{conditions, reasons};

use super::Controller;
use crate::kustomization::pass::Refusal;
use crate::named::Named;
use crate::release::pass::{ChartState, ReleaseChart};
use crate::release::template;

impl Controller {
    pub(super) fn chart_state(&self, name: &Named, spec: &HelmReleaseSpec) -> ChartState {
        let Some(chart) = chart_of(name, spec) else {
            let kind = spec.chart_ref.as_ref().map(|reference| reference.kind);
            return ChartState::Unsupported(match kind {
                Some(ChartReferenceKind::OciRepository) => "OCIRepository",
                _ => "ExternalArtifact",
            });
        };
        let Some(slot) = self.charts.get(&chart) else {
            let why = format!("could not get Source object: HelmChart '{chart}' not found");
            return ChartState::NotFound(why);
        };
        // What is in use for an older spec of the chart is not what is wanted.
        let current = slot.seen.status.observed_generation == Some(slot.seen.meta.generation);
        match &slot.snapshot {
            Some(snapshot) if current => ChartState::Ready(Box::new(ReleaseChart {
                snapshot: snapshot.clone(),
                oci_digest: String::new(),
            })),
            _ => {
                let why = conditions::get(&slot.seen.status.conditions, conditions::READY);
                let why = why.filter(|_| current).map_or(
                    "latest generation of object has not been reconciled",
                    |ready| ready.message.as_str(),
                );
                ChartState::NotReady(format!("HelmChart '{chart}' is not ready: {why}"))
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

/// The HelmChart that a release takes its chart from; none where it takes it from another kind.
pub(super) fn chart_of(name: &Named, spec: &HelmReleaseSpec) -> Option<Named> {
    if let Some(reference) = &spec.chart_ref {
        let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
        let is_chart = reference.kind == ChartReferenceKind::HelmChart;
        return is_chart.then(|| Named::new(namespace, &reference.name));
    }
    template::chart_name(name, spec)
}
