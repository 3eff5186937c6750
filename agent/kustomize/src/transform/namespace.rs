//! `namespace`.

use std::collections::HashMap;

use windlass_object::{GroupVersionKind, Value};

use super::change_fields;
use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing, partial};
use crate::identity::Identity;
use crate::resource::{Resource, map_of};

const METADATA_NAMESPACE: &str = "metadata/namespace";
const METADATA_NAME: &str = "metadata/name";
const SUBJECTS_NAMESPACE: &str = "subjects/namespace";

/// Puts all resources into a namespace, one after the other.
///
/// Role bindings get it on the subject named `default` only; other service accounts follow when
/// references are fixed. The name of a `v1` Namespace becomes the namespace.
///
/// # Errors
/// Two resources have one identity at some step.
pub(crate) fn set_namespace(
    resources: &mut [Resource],
    namespace: &str,
    specs: &[FieldSpec],
) -> Step<()> {
    let mut counts: HashMap<Identity, usize> = HashMap::new();
    for resource in resources.iter() {
        *counts.entry(resource.identity().canonical()).or_default() += 1;
    }
    for index in 0..resources.len() {
        let Some(resource) = resources.get_mut(index) else {
            break;
        };
        let before = resource.identity().canonical();
        resource.remember();
        set_one(resource, namespace, specs)?;
        let after = resource.identity().canonical();
        if let Some(count) = counts.get_mut(&before) {
            *count -= 1;
        }
        let count = counts.entry(after.clone()).or_default();
        *count += 1;
        if *count > 1 {
            return Err(conflict(resources, index, &after));
        }
    }
    Ok(())
}

fn conflict(resources: &[Resource], index: usize, identity: &Identity) -> Cause {
    let describe = |found: Option<&Resource>| found.map(Resource::describe).unwrap_or_default();
    let other = resources.iter().enumerate().find(|(position, resource)| {
        *position != index && resource.identity().canonical() == *identity
    });
    Cause::Duplicate {
        identity: identity.to_string(),
        first: describe(other.map(|(_, resource)| resource)),
        second: describe(resources.get(index)),
    }
}

fn set_one(resource: &mut Resource, namespace: &str, specs: &[FieldSpec]) -> Step<()> {
    let identity = resource.identity();
    let mut set = |field: &mut Value| {
        if field.is_object() || field.is_array() {
            return Err("a namespace is a single value".to_owned());
        }
        *field = Value::String(namespace.to_owned());
        Ok(())
    };
    if !identity.cluster_scoped {
        let spec = FieldSpec::new(partial("", "", ""), METADATA_NAMESPACE, true);
        change_fields(resource, &[spec], Missing::Scalar, &mut set)?;
    }
    let is_role_binding = ["RoleBinding", "ClusterRoleBinding"].contains(&resource.kind());
    if is_role_binding {
        set_default_subject(resource, namespace);
    }
    let api_version = resource.api_version().to_owned();
    let specs: Vec<FieldSpec> = specs
        .iter()
        .filter(|spec| is_followed(spec, &api_version, is_role_binding))
        .cloned()
        .collect();
    change_fields(resource, &specs, Missing::Scalar, &mut set)
}

/// Some fields have rules of their own, whatever the configuration says.
fn is_followed(spec: &FieldSpec, api_version: &str, is_role_binding: bool) -> bool {
    let GroupVersionKind { kind, .. } = &spec.gvk;
    let is_subject = ["RoleBinding", "ClusterRoleBinding"].contains(&kind.as_str())
        && spec.path == SUBJECTS_NAMESPACE;
    spec.path != METADATA_NAMESPACE
        && (spec.path != METADATA_NAME || api_version == "v1")
        && !(is_role_binding && is_subject)
}

fn set_default_subject(resource: &mut Resource, namespace: &str) {
    let subjects = resource
        .value
        .get_mut("subjects")
        .and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        if subject.get("name").and_then(Value::as_str) == Some("default") {
            map_of(subject).insert("namespace".to_owned(), Value::from(namespace));
        }
    }
}
