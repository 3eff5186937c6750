//! What of the last revision the next one is made with.

use serde_json::{Map, Value};
use windlass_api::helm_release::HelmReleaseSpec;
use windlass_helm::{Chart, Record, Status, reuse};

/// Values, and the chart whose defaults go with them.
#[derive(Clone, Debug)]
pub struct Preserved {
    /// The values.
    pub values: Map<String, Value>,
    /// The chart.
    pub chart: Chart,
}

/// The values with those that the last revision was given, where `spec.upgrade.preserveValues` asks for that and there is
/// one that was not uninstalled; otherwise nothing.
#[must_use]
pub fn preserving(
    spec: &HelmReleaseSpec,
    chart: &Chart,
    values: &Map<String, Value>,
    last: Option<&Record>,
) -> Option<Preserved> {
    let upgrade = spec.upgrade.as_ref();
    if !upgrade.is_some_and(|upgrade| upgrade.preserve_values) {
        return None;
    }
    let last = last.filter(|last| last.status() != Status::Uninstalled)?;
    let recorded = last.chart.as_ref();
    let defaults = recorded.and_then(|chart| chart.values.clone());
    let reused = reuse(values, &last.config, &defaults.unwrap_or_default());
    Some(Preserved {
        values: reused.values,
        chart: Chart {
            values: reused.defaults,
            ..chart.clone()
        },
    })
}
