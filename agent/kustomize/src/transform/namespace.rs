//! `namespace`.

use std::collections::HashMap;

use serde::Deserialize;
use windlass_object::{GroupVersionKind, Value};

use super::change_fields;
use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing, partial};
use crate::identity::Identity;
use crate::resource::{Resource, map_of};

const METADATA_NAMESPACE: &str = "metadata/namespace";
const METADATA_NAME: &str = "metadata/name";
const SUBJECTS_NAMESPACE: &str = "subjects/namespace";

/// Which subjects of role bindings get the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Subjects {
    /// The one named `default` only; other service accounts follow when references are fixed.
    #[default]
    #[serde(alias = "")]
    DefaultOnly,
    AllServiceAccounts,
    None,
}

/// How a namespace is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NamespaceOptions {
    /// Only fields that are empty are set.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
}

/// Puts all resources into a namespace, one after the other. The name of a `v1` Namespace becomes the
/// namespace.
///
/// # Errors
/// Two resources have one identity at some step.
pub(crate) fn set_namespace(
    resources: &mut [Resource],
    namespace: &str,
    specs: &[FieldSpec],
    options: NamespaceOptions,
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
        put_into_namespace(resource, namespace, specs, options)?;
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

/// Sets the namespace of one resource, and the fields that hold it.
///
/// # Errors
/// A field is no single value.
pub(crate) fn put_into_namespace(
    resource: &mut Resource,
    namespace: &str,
    specs: &[FieldSpec],
    options: NamespaceOptions,
) -> Step<()> {
    let identity = resource.identity();
    let mut set = |field: &mut Value| {
        if field.is_object() || field.is_array() {
            return Err("a namespace is a single value".to_owned());
        }
        if !options.unset_only || is_unset(field) {
            *field = Value::String(namespace.to_owned());
        }
        Ok(())
    };
    if !identity.cluster_scoped {
        let spec = FieldSpec::new(partial("", "", ""), METADATA_NAMESPACE, true);
        change_fields(resource, [&spec], Missing::Scalar, &mut set)?;
    }
    let is_role_binding = ["RoleBinding", "ClusterRoleBinding"].contains(&resource.kind());
    if is_role_binding {
        set_subjects(resource, namespace, options);
    }
    let api_version = resource.api_version().to_owned();
    let specs = specs
        .iter()
        .filter(|spec| is_followed(spec, &api_version, is_role_binding));
    change_fields(resource, specs, Missing::Scalar, &mut set)
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

fn is_unset(field: &Value) -> bool {
    field.is_null() || field.as_str() == Some("")
}

fn set_subjects(resource: &mut Resource, namespace: &str, options: NamespaceOptions) {
    let is_meant = |subject: &Value| {
        let is =
            |field: &str, value: &str| subject.get(field).and_then(Value::as_str) == Some(value);
        let is_open = !options.unset_only || subject.get("namespace").is_none_or(is_unset);
        is_open
            && match options.subjects {
                Subjects::DefaultOnly => is("name", "default"),
                Subjects::AllServiceAccounts => is("kind", "ServiceAccount"),
                Subjects::None => false,
            }
    };
    let subjects = resource
        .value
        .get_mut("subjects")
        .and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        if is_meant(subject) {
            map_of(subject).insert("namespace".to_owned(), Value::from(namespace));
        }
    }
}
