//! `vars`: `$(NAME)` in some fields becomes the value of a field of another object.

use std::collections::BTreeMap;

use serde::Deserialize;
use windlass_object::{GroupVersionKind, Value};

use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing, partial};
use crate::identity::Identity;
use crate::object_path::ObjectPath;
use crate::resource::{Resource, scalar_text};
use crate::resource_map::ResourceMap;

/// The field that is read when none is named.
const DEFAULT_FIELD: &str = "metadata.name";

/// An entry of `vars`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Variable {
    name: String,
    objref: ObjectReference,
    fieldref: FieldReference,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct ObjectReference {
    api_version: String,
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct FieldReference {
    /// kustomize's own documents write it in small letters, which Go does not mind.
    #[serde(alias = "fieldpath")]
    field_path: String,
}

/// Adds variables to those of other kustomizations.
///
/// # Errors
/// A name is there already.
pub(crate) fn merge(into: &mut Vec<Variable>, others: Vec<Variable>) -> Step<()> {
    for other in others {
        if into.iter().any(|known| known.name == other.name) {
            return Err(Cause::invalid(format!(
                "the variable {:?} is there twice",
                other.name
            )));
        }
        into.push(other);
    }
    Ok(())
}

/// Marks the object a variable reads: later its name may be another.
///
/// # Errors
/// Several objects fit.
pub(crate) fn mark(resources: &mut ResourceMap, variable: &Variable) -> Step<()> {
    let wanted = variable.objref.identity();
    // kustomize does not look whether the kind has namespaces.
    let exact = !wanted.namespace.is_empty();
    let positions = resources.matching(|identity| {
        if exact {
            wanted.same_as(identity)
        } else {
            wanted.same_type_and_name(identity)
        }
    });
    match positions.as_slice() {
        [] => {}
        [position] => {
            if let Some(resource) = resources.list_mut().get_mut(*position) {
                resource.variables.push(variable.name.clone());
            }
        }
        many => {
            let objects = many
                .iter()
                .filter_map(|position| resources.list().get(*position));
            return Err(Cause::ManyTargets {
                target: format!("the variable {:?}", variable.name),
                objects: objects.map(Resource::describe).collect(),
            });
        }
    }
    Ok(())
}

/// Puts the values into all fields that may hold variables.
///
/// # Errors
/// A variable reads no object or a field that is not there, or a field has a shape without text.
pub(crate) fn resolve(
    resources: &mut [Resource],
    variables: &[Variable],
    specs: &[FieldSpec],
) -> Step<()> {
    let mut values = BTreeMap::new();
    for variable in variables {
        values.insert(variable.name.as_str(), variable.read(resources)?);
    }
    if values.is_empty() {
        return Ok(());
    }
    let mut change = |field: &mut Value| set(field, &values);
    for resource in resources {
        let gvk = resource.gvk();
        for spec in specs.iter().filter(|spec| spec.applies_to(&gvk)) {
            spec.change(&mut resource.value, Missing::Skip, &mut change)
                .map_err(|source| Cause::Field {
                    object: resource.describe(),
                    source,
                })?;
        }
        resource.settle();
    }
    Ok(())
}

// === impl ObjectReference ===

impl ObjectReference {
    fn identity(&self) -> Identity {
        let mut gvk = partial(&self.group, &self.version, &self.kind);
        if !self.api_version.is_empty() {
            let written = GroupVersionKind::new(&self.api_version, &self.kind);
            if !written.group.is_empty() {
                gvk.group = written.group;
            }
            gvk.version = written.version;
        }
        Identity {
            cluster_scoped: false,
            ..Identity::new(gvk, &self.name, &self.namespace)
        }
    }
}

// === impl Variable ===

impl Variable {
    fn read(&self, resources: &[Resource]) -> Step<Value> {
        let marked = |resource: &&Resource| resource.variables.contains(&self.name);
        let Some(resource) = resources.iter().find(marked) else {
            return Err(Cause::NoTarget {
                target: format!("the variable {:?}", self.name),
            });
        };
        let path = match self.fieldref.field_path.as_str() {
            "" => DEFAULT_FIELD,
            path => path,
        };
        let found = ObjectPath::parse(path)
            .with_indices_apart()
            .look_up(&resource.value);
        match found {
            Ok(Some(value)) => Ok(value.clone()),
            _ => Err(Cause::invalid(format!(
                "the variable {:?} reads {path}, which {} does not have",
                self.name,
                resource.describe()
            ))),
        }
    }
}

fn set(field: &mut Value, values: &BTreeMap<&str, Value>) -> Result<(), String> {
    match field {
        Value::String(text) => *field = expanded(text, values),
        Value::Object(fields) => {
            for value in fields.values_mut() {
                if let Value::String(text) = value {
                    *value = expanded(text, values);
                }
            }
        }
        Value::Array(elements) => {
            for value in elements {
                let Value::String(text) = value else {
                    return Err("a list with variables must hold strings".to_owned());
                };
                *value = expanded(text, values);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// A text that is nothing but one variable takes the type of its value; `$$` is one `$`, and a
/// variable that is not known stays as it is.
fn expanded(text: &str, values: &BTreeMap<&str, Value>) -> Value {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        output.push_str(before);
        let name = after
            .strip_prefix('(')
            .and_then(|after| after.split_once(')'));
        if let Some((name, after)) = name {
            match values
                .get(name)
                .filter(|value| !value.is_object() && !value.is_array())
            {
                Some(value) if before.is_empty() && output.is_empty() && after.is_empty() => {
                    return value.clone();
                }
                Some(value) => output.push_str(&scalar_text(value)),
                None => output.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            output.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    output.push_str(rest);
    Value::from(output)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::expanded;

    #[test]
    fn variables_are_expanded_and_escapes_undone() {
        let values: BTreeMap<&str, Value> =
            BTreeMap::from([("A", json!("a")), ("N", json!(8)), ("M", json!({"x": 1}))]);
        for (text, expected) in [
            ("$(A)", json!("a")),
            ("$(N)", json!(8)),
            ("x-$(A)-$(N)", json!("x-a-8")),
            ("$(A)$(N)", json!("a8")),
            ("$(B) $(M)", json!("$(B) $(M)")),
            ("$$(A)", json!("$(A)")),
            ("$A $", json!("$A $")),
            ("$(A", json!("$(A")),
            ("plain", json!("plain")),
        ] {
            assert_eq!(expanded(text, &values), expected, "{text}");
        }
    }
}
