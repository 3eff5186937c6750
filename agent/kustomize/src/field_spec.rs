//! Field specifications: a partial type and a path, and the walk that finds the fields they name.
//!
//! Paths are kustomize's: segments separated by `/` (`\/` for a slash in a name), lists are walked
//! through without a segment of their own, and `name[]` says that the field is a list.

use serde::Deserialize;
use windlass_object::{GroupVersionKind, Map, Value};

use crate::identity::is_selected;
use crate::shared::descend;

/// Which fields of which objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    /// Empty parts fit all.
    pub(crate) gvk: GroupVersionKind,
    pub(crate) path: String,
    /// Whether missing maps on the way, and the field itself, are made.
    pub(crate) create: bool,
    segments: Vec<Segment>,
}

/// How a field specification is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WrittenFieldSpec {
    group: String,
    version: String,
    kind: String,
    path: String,
    create: bool,
}

/// What a missing last field becomes before it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It stays missing, whatever the specification says.
    Skip,
    /// A scalar (null until it is set).
    Scalar,
    /// An empty map.
    Map,
}

/// Why a field could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {path}: {message}")]
pub struct FieldError {
    /// The path of the field specification.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    name: String,
    is_list: bool,
}

/// The change made to each field that is found; an `Err` says why it cannot be made.
pub(crate) type Change<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), String>;

// === impl FieldSpec ===

impl FieldSpec {
    pub(crate) fn new(gvk: GroupVersionKind, path: &str, create: bool) -> Self {
        Self {
            gvk,
            path: path.to_owned(),
            create,
            segments: segments(path),
        }
    }

    /// Fields of one kind, in whatever group and version.
    pub(crate) fn of_kind(kind: &str, path: &str) -> Self {
        Self::new(partial("", "", kind), path, false)
    }

    pub(crate) fn creating(mut self) -> Self {
        self.create = true;
        self
    }

    pub(crate) fn applies_to(&self, gvk: &GroupVersionKind) -> bool {
        is_selected(gvk, &self.gvk)
    }

    /// Changes every field of the object that the path leads to; the caller has looked at the type.
    pub(crate) fn change(
        &self,
        object: &mut Value,
        missing: Missing,
        change: Change<'_>,
    ) -> Result<(), FieldError> {
        let missing = if self.create { missing } else { Missing::Skip };
        walk(object, &self.segments, missing, change).map_err(|message| FieldError {
            path: self.path.clone(),
            message,
        })
    }
}

impl FieldSpec {
    /// The JSON pointers of the fields of the object that the path leads to.
    pub(crate) fn places(&self, object: &Value) -> Vec<String> {
        let mut places = Vec::new();
        collect_places(object, &self.segments, &mut String::new(), &mut places);
        places
    }
}

/// Follows the path to its end, through the items of every list on it.
fn collect_places(
    value: &Value,
    segments: &[Segment],
    pointer: &mut String,
    places: &mut Vec<String>,
) {
    let length = pointer.len();
    if let Value::Array(items) = value {
        for (index, item) in items.iter().enumerate() {
            descend(pointer, &index.to_string());
            collect_places(item, segments, pointer, places);
            pointer.truncate(length);
        }
        return;
    }
    let Some((segment, rest)) = segments.split_first() else {
        places.push(pointer.clone());
        return;
    };
    if let Some(field) = value.get(&segment.name) {
        descend(pointer, &segment.name);
        collect_places(field, rest, pointer, places);
        pointer.truncate(length);
    }
}

impl From<WrittenFieldSpec> for FieldSpec {
    fn from(written: WrittenFieldSpec) -> Self {
        let gvk = partial(&written.group, &written.version, &written.kind);
        Self::new(gvk, &written.path, written.create)
    }
}

/// A type with parts left empty.
pub(crate) fn partial(group: &str, version: &str, kind: &str) -> GroupVersionKind {
    GroupVersionKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    }
}

/// Adds specifications that are not there yet.
///
/// # Errors
/// One that is there says otherwise about creating the field (kustomize refuses that, too).
pub(crate) fn merge_all(into: &mut Vec<FieldSpec>, others: &[FieldSpec]) -> Result<(), String> {
    for other in others {
        let known = into
            .iter()
            .find(|known| is_selected(&known.gvk, &other.gvk) && known.path == other.path);
        match known {
            None => into.push(other.clone()),
            Some(known) if known.create == other.create => {}
            Some(known) => {
                return Err(format!(
                    "field specifications for {} differ in `create`; make them agree",
                    known.path
                ));
            }
        }
    }
    Ok(())
}

/// Splits at a delimiter that no backslash stands before; one leading delimiter is dropped.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut continued = false;
    let trimmed = path.strip_prefix(delimiter).unwrap_or(path);
    for part in trimmed.split(delimiter) {
        match parts.last_mut() {
            Some(last) if continued => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
        continued = part.ends_with('\\');
    }
    parts
}

fn segments(path: &str) -> Vec<Segment> {
    split_path(path, '/')
        .into_iter()
        .map(|part| match part.strip_suffix("[]") {
            Some(name) => Segment {
                name: name.to_owned(),
                is_list: true,
            },
            None => Segment {
                name: part,
                is_list: false,
            },
        })
        .collect()
}

fn walk(
    value: &mut Value,
    segments: &[Segment],
    missing: Missing,
    change: Change<'_>,
) -> Result<(), String> {
    let Some((segment, rest)) = segments.split_first() else {
        return change(value);
    };
    match value {
        Value::Null => Ok(()),
        Value::Array(elements) => elements
            .iter_mut()
            .try_for_each(|element| walk(element, segments, missing, change)),
        Value::Object(fields) => match find(fields, segment, rest.is_empty(), missing) {
            Some(field) => walk(field, rest, missing, change),
            None => Ok(()),
        },
        _ => Err(format!(
            "a map or list was expected where {:?} is looked for",
            segment.name
        )),
    }
}

/// The field a segment names; made when it is missing or null and may be made.
fn find<'a>(
    fields: &'a mut Map<String, Value>,
    segment: &Segment,
    is_last: bool,
    missing: Missing,
) -> Option<&'a mut Value> {
    let made = match missing {
        Missing::Skip => None,
        _ if segment.is_list => None,
        Missing::Scalar if is_last => Some(Value::Null),
        Missing::Scalar | Missing::Map => Some(Value::Object(Map::new())),
    };
    let absent = fields.get(&segment.name).is_none_or(Value::is_null);
    match made {
        Some(made) if absent => {
            fields.insert(segment.name.clone(), made);
        }
        None if absent => return None,
        _ => {}
    }
    fields.get_mut(&segment.name)
}
