//! `dependsOn`: what has to be ready first.

use std::time::Duration;

use serde_json::Value;
use windlass_api::kustomization::{KustomizationSpec, KustomizationStatus};
use windlass_api::{conditions, reasons};
use windlass_plan::cel::Expression;

use super::pass::Pass;
use crate::named::Named;
use crate::seen::kustomization_object;
use crate::work::error::StageError;

/// A dependency that becomes ready wakes its dependents; this is only for what no event tells.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A Kustomization that another one waits for, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: Named,
    /// The expression that says whether it is ready, in place of the built-in test.
    pub(crate) ready_expr: Option<String>,
    /// `None`: it does not exist.
    pub(crate) state: Option<DependencyState>,
}

#[derive(Clone, Debug)]
pub(crate) struct DependencyState {
    /// The whole of it, where an expression asks.
    pub(crate) object: Option<Value>,
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
pub(crate) fn check(pass: &Pass, revision: &str) -> Result<(), StageError> {
    if let Some(cycle) = &pass.cycle {
        return Err(StageError::stalled(
            reasons::DEPENDENCY_NOT_READY,
            format!("dependencies form a cycle: {cycle}; remove one dependsOn of it"),
        ));
    }
    let mut needed = pass.dependencies.iter();
    needed.try_for_each(|one| one.check(pass, revision))
}

impl Dependency {
    fn check(&self, pass: &Pass, revision: &str) -> Result<(), StageError> {
        let name = &self.name;
        let Some(state) = &self.state else {
            return Err(waiting(format!("dependency '{name}' not found")));
        };
        if let (Some(expression), Some(dependency)) = (&self.ready_expr, &state.object) {
            // It stands in place of all that is asked otherwise.
            return by_expression(pass, name, expression, dependency);
        }
        if !is_ready(state) {
            return Err(waiting(format!("dependency '{name}' is not ready")));
        }
        if state.same_source && state.status.last_applied_revision.as_deref() != Some(revision) {
            return Err(waiting(format!(
                "dependency '{name}' revision is not up to date"
            )));
        }
        Ok(())
    }
}

fn by_expression(
    pass: &Pass,
    name: &Named,
    text: &str,
    dependency: &Value,
) -> Result<(), StageError> {
    let expression = Expression::compile(text).map_err(|error| {
        let message = format!("dependency '{name}': spec.dependsOn.readyExpr: {error}");
        StageError::stalled(reasons::INVALID_CEL_EXPRESSION, message)
    })?;
    let own = kustomization_object(&pass.meta, Some(&pass.spec), &pass.status);
    match expression.holds([("self", &own), ("dep", dependency)]) {
        Ok(true) => Ok(()),
        Ok(false) => Err(waiting(format!(
            "dependency '{name}' is not ready according to readyExpr eval"
        ))),
        Err(error) => Err(waiting(format!("dependency '{name}': {error}"))),
    }
}

fn waiting(message: String) -> StageError {
    StageError::waiting(reasons::DEPENDENCY_NOT_READY, message, LOOK_AGAIN)
}

fn is_ready(state: &DependencyState) -> bool {
    state.status.observed_generation == Some(state.generation)
        && conditions::is_true(&state.status.conditions, conditions::READY)
}
