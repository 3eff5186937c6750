//! `dependsOn`: what has to be ready first.

use std::time::Duration;

use serde_json::Value;
use windlass_api::kustomization::DependencyReference;
use windlass_api::meta::Condition;
use windlass_api::{conditions, reasons};
use windlass_plan::cel::Expression;

use super::error::StageError;
use crate::named::Named;

/// A dependency that becomes ready wakes its dependents; this is only for what no event tells.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// An object that another one waits for, as it is now.
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
    pub(crate) ready: bool,
    /// It is ready for an older revision of the source that both share.
    pub(crate) outdated: bool,
}

/// Names the objects that one waits for.
pub(crate) fn names(own_namespace: &str, depends_on: &[DependencyReference]) -> Vec<Named> {
    let named = depends_on.iter().map(|dependency| {
        let namespace = dependency
            .namespace
            .as_deref()
            .filter(|text| !text.is_empty());
        Named::new(namespace.unwrap_or(own_namespace), &dependency.name)
    });
    named.collect()
}

/// The built-in test of what is ready.
pub(crate) fn is_ready(generation: i64, observed: Option<i64>, conditions: &[Condition]) -> bool {
    observed == Some(generation) && conditions::is_true(conditions, conditions::READY)
}

/// Fails with the first dependency that is not ready; `own` gives the object that waits, as expressions see it.
pub(crate) fn check(
    cycle: Option<&str>,
    dependencies: &[Dependency],
    own: impl Fn() -> Value,
) -> Result<(), StageError> {
    if let Some(cycle) = cycle {
        return Err(StageError::stalled(
            reasons::DEPENDENCY_NOT_READY,
            format!("dependencies form a cycle: {cycle}; remove one dependsOn of it"),
        ));
    }
    dependencies.iter().try_for_each(|one| one.check(&own))
}

impl Dependency {
    fn check(&self, own: impl Fn() -> Value) -> Result<(), StageError> {
        let name = &self.name;
        let Some(state) = &self.state else {
            return Err(waiting(format!("dependency '{name}' not found")));
        };
        if let (Some(expression), Some(dependency)) = (&self.ready_expr, &state.object) {
            // It stands in place of all that is asked otherwise.
            return by_expression(name, expression, &own(), dependency);
        }
        if !state.ready {
            return Err(waiting(format!("dependency '{name}' is not ready")));
        }
        if state.outdated {
            return Err(waiting(format!(
                "dependency '{name}' revision is not up to date"
            )));
        }
        Ok(())
    }
}

fn by_expression(
    name: &Named,
    text: &str,
    own: &Value,
    dependency: &Value,
) -> Result<(), StageError> {
    let expression = Expression::compile(text).map_err(|error| {
        let message = format!("dependency '{name}': spec.dependsOn.readyExpr: {error}");
        StageError::stalled(reasons::INVALID_CEL_EXPRESSION, message)
    })?;
    match expression.holds([("self", own), ("dep", dependency)]) {
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
