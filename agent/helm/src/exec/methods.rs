//! Methods of the values Helm hands to templates.

mod files;
mod times;
mod versions;

use crate::functions::{Function, Parameter};
use crate::value::{IntKind, ListKind, MapKind, Struct, Value};

/// The type of `.Capabilities.KubeVersion`.
pub(crate) const KUBE_VERSION: &str = "common.KubeVersion";

/// The method of a value by its name.
pub(super) fn find(receiver: &Value, name: &str) -> Option<&'static Function> {
    let table: &'static [Function] = match receiver {
        Value::Map(map) => match map.kind {
            MapKind::Files => files::FILES,
            MapKind::Values => files::VALUES,
            _ => return None,
        },
        Value::List(list) if list.kind == ListKind::Versions => versions::VERSION_SET,
        Value::Struct(structure) if structure.type_name == KUBE_VERSION => versions::KUBE,
        Value::Version(_) => versions::VERSION,
        Value::Time(_) => times::TIME,
        Value::Duration(_) => times::DURATION,
        Value::Int(_, IntKind::Month | IntKind::Weekday) => times::NAMED,
        _ => return None,
    };
    table.iter().find(|method| method.name == name)
}

/// What `.Capabilities.KubeVersion` prints: the version without what a vendor added.
pub(super) fn kube_version_text(structure: &Struct) -> Value {
    let normalized = structure.field("normalizedVersion");
    match normalized {
        Some(Value::Text(text)) if !text.is_empty() => Value::Text(text.clone()),
        _ => structure.field("Version").cloned().unwrap_or(Value::Nil),
    }
}

const NONE: &[Parameter] = &[];
const TEXT: &[Parameter] = &[Parameter::Text];
