//! `dependsOn`: what has to be ready first.

use std::time::Duration;

use serde_json::Value;
use windlass_api::kustomization::DependencyReference;
use windlass_api::meta::Condition;
use windlass_api::{conditions, names, reasons};
use windlass_plan::cel::Expression;

use super::error::StageError;
use crate::named::Named;
use crate::seen::Meta;

/// A dependency that becomes ready wakes its dependents; this is only for what no event tells.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// An object that another one waits for, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// As people read it.
    pub(crate) name: String,
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

/// The kinds that wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiter {
    Kustomization,
    HelmRelease,
}

/// An object that waits, or is waited for.
pub(crate) type Node = (Waiter, Named);

/// What one waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) node: Node,
    pub(crate) ready_expr: Option<String>,
}

/// What an object waits for: the objects of its own kind in `spec.dependsOn`, and those of either kind that its annotation names.
///
/// # Errors
/// The annotation cannot be read; a person is told why.
pub(crate) fn needs(
    (kind, meta): (Waiter, &Meta),
    depends_on: &[DependencyReference],
) -> Result<Vec<Need>, String> {
    let own_namespace = &meta.name.namespace;
    let in_spec = depends_on.iter().map(|dependency| {
        let namespace = dependency
            .namespace
            .as_deref()
            .filter(|text| !text.is_empty());
        let name = Named::new(namespace.unwrap_or(own_namespace), &dependency.name);
        Ok(Need {
            node: (kind, name),
            ready_expr: dependency
                .ready_expr
                .clone()
                .filter(|text| !text.is_empty()),
        })
    });
    let text = meta.annotation(names::DEPENDS_ON).unwrap_or_default();
    let entries = text
        .split([',', ' ', '\n'])
        .filter(|entry| !entry.is_empty());
    let annotated = entries.map(|entry| {
        Ok(Need {
            node: node(own_namespace, entry)?,
            ready_expr: None,
        })
    });
    in_spec.chain(annotated).collect()
}

/// Reads `KIND/NAME` or `KIND/NAMESPACE/NAME`.
fn node(own_namespace: &str, entry: &str) -> Result<Node, String> {
    let parts: Vec<&str> = entry.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, name] => (*kind, own_namespace, *name),
        [kind, namespace, name] => (*kind, *namespace, *name),
        _ => ("", "", ""),
    };
    let kind = match kind {
        names::KUSTOMIZATION => Waiter::Kustomization,
        names::HELM_RELEASE => Waiter::HelmRelease,
        _ => {
            return Err(format!(
                "the annotation {} cannot be used: {entry:?} is neither Kustomization/NAME nor HelmRelease/NAME, with a namespace \
                 before the name or without",
                names::DEPENDS_ON
            ));
        }
    };
    Ok((kind, Named::new(namespace, name)))
}

/// What one of `waiting` calls a dependency: with its kind where that is another one.
pub(crate) fn shown(waiting: Waiter, (kind, name): &Node) -> String {
    match kind {
        kind if *kind == waiting => name.to_string(),
        Waiter::Kustomization => format!("{}/{name}", names::KUSTOMIZATION),
        Waiter::HelmRelease => format!("{}/{name}", names::HELM_RELEASE),
    }
}

/// The built-in test of what is ready.
pub(crate) fn is_ready(meta: &Meta, observed: Option<i64>, conditions: &[Condition]) -> bool {
    observed == Some(meta.generation) && conditions::is_true(conditions, conditions::READY)
}

/// Fails with the first dependency that is not ready; `own` gives the object that waits, as expressions see it. `unmet` is why no
/// waiting helps.
pub(crate) fn check(
    unmet: Option<&str>,
    dependencies: &[Dependency],
    own: impl Fn() -> Value,
) -> Result<(), StageError> {
    if let Some(why) = unmet {
        return Err(StageError::stalled(
            reasons::DEPENDENCY_NOT_READY,
            why.to_owned(),
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
    name: &str,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meta(annotation: &str) -> Meta {
        let annotations = json!({ names::DEPENDS_ON: annotation });
        let object =
            json!({"metadata": {"name": "app", "namespace": "apps", "annotations": annotations}});
        Meta::parse(&object).unwrap()
    }

    #[test]
    fn the_annotation_names_objects_of_either_kind() {
        let own = DependencyReference {
            name: "db".to_owned(),
            namespace: None,
            ready_expr: None,
        };
        let meta = meta("HelmRelease/cert-manager/cert-manager,\n Kustomization/crds");
        let needs = needs((Waiter::Kustomization, &meta), &[own]).unwrap();
        let shown = needs
            .iter()
            .map(|need| shown(Waiter::Kustomization, &need.node));
        let shown: Vec<String> = shown.collect();
        assert_eq!(
            shown,
            [
                "apps/db",
                "HelmRelease/cert-manager/cert-manager",
                "apps/crds"
            ]
        );
    }

    #[test]
    fn an_entry_that_is_none_is_named() {
        for entry in [
            "crds",
            "Deployment/web",
            "Kustomization/a/b/c",
            "helmrelease/x",
        ] {
            let why = needs((Waiter::HelmRelease, &meta(entry)), &[]).unwrap_err();
            assert!(why.contains(entry), "{why}");
        }
        assert_eq!(
            needs((Waiter::HelmRelease, &meta(" ,")), &[]),
            Ok(Vec::new())
        );
    }
}
