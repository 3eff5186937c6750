//! `dependsOn`: what has to be ready first.

use std::time::Duration;

use windlass_api::kustomization::{KustomizationSpec, KustomizationStatus};
use windlass_api::{conditions, reasons};

use super::error::StageError;
use crate::named::Named;

/// A dependency that becomes ready wakes its dependents; this is only for what no event tells.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A Kustomization that another one waits for, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: Named,
    /// `None`: it does not exist.
    pub(crate) state: Option<DependencyState>,
}

#[derive(Clone, Debug)]
pub(crate) struct DependencyState {
    pub(crate) generation: i64,
    pub(crate) status: KustomizationStatus,
    /// Whether it applies the same source as the one that waits.
    pub(crate) same_source: bool,
}

/// Names the Kustomizations that one waits for.
pub(crate) fn names(own_namespace: &str, spec: &KustomizationSpec) -> Vec<Named> {
    let named = spec.depends_on.iter().map(|dependency| {
        let namespace = dependency
            .namespace
            .as_deref()
            .filter(|text| !text.is_empty());
        Named::new(namespace.unwrap_or(own_namespace), &dependency.name)
    });
    named.collect()
}

/// Fails with the first dependency that is not ready for this revision.
pub(crate) fn check(
    dependencies: &[Dependency],
    cycle: Option<&str>,
    revision: &str,
) -> Result<(), StageError> {
    let waiting = |message| StageError::waiting(reasons::DEPENDENCY_NOT_READY, message, LOOK_AGAIN);
    if let Some(cycle) = cycle {
        return Err(StageError::stalled(
            reasons::DEPENDENCY_NOT_READY,
            format!("dependencies form a cycle: {cycle}; remove one dependsOn of it"),
        ));
    }
    for Dependency { name, state } in dependencies {
        let Some(state) = state else {
            return Err(waiting(format!("dependency '{name}' not found")));
        };
        if !is_ready(state) {
            return Err(waiting(format!("dependency '{name}' is not ready")));
        }
        if state.same_source && state.status.last_applied_revision.as_deref() != Some(revision) {
            return Err(waiting(format!(
                "dependency '{name}' revision is not up to date"
            )));
        }
    }
    Ok(())
}

fn is_ready(state: &DependencyState) -> bool {
    state.status.observed_generation == Some(state.generation)
        && conditions::is_true(&state.status.conditions, conditions::READY)
}
