//! Arguments by index, as the types that the call has checked already.

use crate::fault::Fault;
use crate::value::{List, ListKind, Map, MapKind, Text, Value};

/// A call that got past the check of its arguments without one; it cannot happen, and is no panic.
fn missing(index: usize, expected: &str) -> Fault {
    Fault::new(format!("argument {index} is no {expected}"))
}

pub(crate) fn any(arguments: &[Value], index: usize) -> Result<&Value, Fault> {
    arguments
        .get(index)
        .ok_or_else(|| missing(index, "interface {}"))
}

pub(crate) fn text(arguments: &[Value], index: usize) -> Result<Text, Fault> {
    match arguments.get(index) {
        Some(Value::Text(text)) => Ok(text.clone()),
        _ => Err(missing(index, "string")),
    }
}

/// Text as Rust knows it; what is no UTF-8 is replaced.
pub(crate) fn string(arguments: &[Value], index: usize) -> Result<String, Fault> {
    Ok(text(arguments, index)?.to_str().into_owned())
}

pub(crate) fn int(arguments: &[Value], index: usize) -> Result<i64, Fault> {
    match arguments.get(index) {
        Some(Value::Int(value, _)) => Ok(*value),
        _ => Err(missing(index, "int")),
    }
}

pub(crate) fn boolean(arguments: &[Value], index: usize) -> Result<bool, Fault> {
    match arguments.get(index) {
        Some(Value::Bool(value)) => Ok(*value),
        _ => Err(missing(index, "bool")),
    }
}

/// A map; an empty one where Go has a nil map.
pub(crate) fn map(arguments: &[Value], index: usize) -> Result<Map, Fault> {
    match arguments.get(index) {
        Some(Value::Map(map)) => Ok(map.clone()),
        Some(Value::Nil) => Ok(Map::new(MapKind::Any, Default::default())),
        _ => Err(missing(index, "map")),
    }
}

pub(crate) fn time(arguments: &[Value], index: usize) -> Result<crate::time::Time, Fault> {
    match arguments.get(index) {
        Some(Value::Time(time)) => Ok(time.clone()),
        _ => Err(missing(index, "time.Time")),
    }
}

pub(crate) fn duration(arguments: &[Value], index: usize) -> Result<i64, Fault> {
    match arguments.get(index) {
        Some(Value::Duration(duration)) => Ok(*duration),
        Some(Value::Int(value, _)) => Ok(*value),
        _ => Err(missing(index, "time.Duration")),
    }
}

/// The elements of a slice; none for anything else.
pub(crate) fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.snapshot()),
        Value::Bytes(bytes) => {
            let bytes = bytes
                .iter()
                .map(|byte| Value::Int(i64::from(*byte), crate::value::IntKind::Uint8));
            Some(bytes.collect())
        }
        _ => None,
    }
}

/// Elements as a slice of the kind of another.
pub(crate) fn like(list: &Value, items: Vec<Value>) -> Value {
    let kind = match list {
        Value::List(list) => list.kind,
        _ => ListKind::Any,
    };
    Value::List(List::new(kind, items))
}
