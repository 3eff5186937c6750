//! Whether two values are deeply equal, and deep copies.

use std::rc::Rc;

use crate::engine::Budget;
use crate::fault::Fault;
use crate::value::{List, Map, Value};

/// How deep a value may nest where it is walked: what Go's JSON reader allows is 10000, and a value that
/// holds itself must end somewhere.
pub(crate) const MAX_NESTING: usize = 1000;

impl Value {
    /// Whether Go's `reflect.DeepEqual` holds.
    ///
    /// # Errors
    /// The values nest too deep, or the budget is used up.
    pub(crate) fn deep_equal(&self, other: &Self, budget: &Budget) -> Result<bool, Fault> {
        equal(self, other, budget, 0)
    }

    /// A copy that shares no map and no list.
    ///
    /// # Errors
    /// The value nests too deep, or the budget is used up.
    pub(crate) fn deep_copy(&self, budget: &Budget) -> Result<Self, Fault> {
        copy(self, budget, 0)
    }
}

fn too_deep() -> Fault {
    Fault::new(format!(
        "the value nests deeper than {MAX_NESTING} levels; does it hold itself?"
    ))
}

fn equal(one: &Value, other: &Value, budget: &Budget, depth: usize) -> Result<bool, Fault> {
    budget.step()?;
    if depth > MAX_NESTING {
        return Err(too_deep());
    }
    let equal = match (one, other) {
        (Value::Missing | Value::Nil, Value::Missing | Value::Nil) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Int(one, kind), Value::Int(other, other_kind)) => {
            one == other && kind == other_kind
        }
        (Value::Float(one), Value::Float(other)) => one == other,
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Bytes(one), Value::Bytes(other)) => one == other,
        (Value::Duration(one), Value::Duration(other)) => one == other,
        (Value::Time(one), Value::Time(other)) => one == other,
        (Value::Version(one), Value::Version(other)) => one == other,
        (Value::Struct(one), Value::Struct(other)) => {
            if one.type_name != other.type_name {
                return Ok(false);
            }
            for (one, other) in one.fields.iter().zip(&other.fields) {
                if !self::equal(&one.value, &other.value, budget, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::List(one), Value::List(other)) => return lists(one, other, budget, depth),
        (Value::Map(one), Value::Map(other)) => return maps(one, other, budget, depth),
        _ => false,
    };
    Ok(equal)
}

fn lists(one: &List, other: &List, budget: &Budget, depth: usize) -> Result<bool, Fault> {
    if one.kind != other.kind || one.nil != other.nil || one.len() != other.len() {
        return Ok(false);
    }
    if Rc::ptr_eq(&one.items, &other.items) {
        return Ok(true);
    }
    for (one, other) in one.items.borrow().iter().zip(other.items.borrow().iter()) {
        if !equal(one, other, budget, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps(one: &Map, other: &Map, budget: &Budget, depth: usize) -> Result<bool, Fault> {
    if one.kind != other.kind {
        return Ok(false);
    }
    if Rc::ptr_eq(&one.entries, &other.entries) {
        return Ok(true);
    }
    let (one, other) = (one.entries.borrow(), other.entries.borrow());
    if one.len() != other.len() {
        return Ok(false);
    }
    for ((key, one), (other_key, other)) in one.iter().zip(other.iter()) {
        if key != other_key || !equal(one, other, budget, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn copy(value: &Value, budget: &Budget, depth: usize) -> Result<Value, Fault> {
    budget.step()?;
    if depth > MAX_NESTING {
        return Err(too_deep());
    }
    match value {
        Value::List(list) => {
            let items = list.items.borrow();
            let items = items.iter().map(|item| copy(item, budget, depth + 1));
            let copied = List::new(list.kind, items.collect::<Result<_, _>>()?);
            Ok(Value::List(List {
                nil: list.nil,
                ..copied
            }))
        }
        Value::Map(map) => {
            let entries = map.entries.borrow();
            let entries = entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), copy(value, budget, depth + 1)?)));
            let copied = entries.collect::<Result<_, Fault>>()?;
            Ok(Value::Map(Map::new(map.kind, copied)))
        }
        other => Ok(other.clone()),
    }
}
