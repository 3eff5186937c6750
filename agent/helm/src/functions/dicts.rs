//! Sprig's functions on dictionaries; what they change, every reference sees.

use std::collections::BTreeMap;

use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{any, map, string, text};
use crate::functions::defaults::is_empty;
use crate::functions::strings::to_text;
use crate::functions::{Function, Parameter};
use crate::value::{MAX_NESTING, Map, MapKind, Text as TextValue, Value};

use Parameter::{Any, Map as MapType, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[], Any, dict),
    Function::new("get", &[MapType, Text], |_, a| {
        let found = map(a, 0)?.get(text(a, 1)?.as_bytes());
        Ok(found.unwrap_or_else(|| Value::text("")))
    }),
    Function::new("set", &[MapType, Text, Any], |context, a| {
        let Some(Value::Map(dict)) = a.first() else {
            return Err(Fault::new("assignment to entry in nil map"));
        };
        context.engine.writes(dict);
        dict.insert(text(a, 1)?, any(a, 2)?.clone());
        Ok(Value::Map(dict.clone()))
    }),
    Function::new("unset", &[MapType, Text], |_, a| {
        let dict = map(a, 0)?;
        dict.entries.borrow_mut().remove(text(a, 1)?.as_bytes());
        Ok(Value::Map(dict))
    }),
    Function::new("hasKey", &[MapType, Text], |_, a| {
        Ok(Value::Bool(
            map(a, 0)?.get(text(a, 1)?.as_bytes()).is_some(),
        ))
    }),
    Function::variadic("pluck", &[Text], MapType, |_, a| {
        let key = text(a, 0)?;
        let found = (1..a.len()).filter_map(|index| map(a, index).ok()?.get(key.as_bytes()));
        Ok(Value::list(found.collect()))
    }),
    Function::variadic("keys", &[], MapType, |_, a| {
        let mut keys = Vec::new();
        for index in 0..a.len() {
            keys.extend(map(a, index)?.snapshot().into_iter().map(|(key, _)| key));
        }
        Ok(Value::texts(keys.iter().map(TextValue::as_bytes)))
    }),
    Function::new("values", &[MapType], |_, a| {
        let entries = map(a, 0)?.snapshot().into_iter();
        Ok(Value::list(entries.map(|(_, value)| value).collect()))
    }),
    Function::variadic("pick", &[MapType], Text, |_, a| chosen(a, true)),
    Function::variadic("omit", &[MapType], Text, |_, a| chosen(a, false)),
    Function::variadic("merge", &[MapType], MapType, |context, a| {
        merge_all(context, a, Overwrite::No)
    }),
    Function::variadic("mustMerge", &[MapType], MapType, |context, a| {
        merge_all(context, a, Overwrite::No)
    }),
    Function::variadic("mergeOverwrite", &[MapType], MapType, |context, a| {
        merge_all(context, a, Overwrite::Yes)
    }),
    Function::variadic("mustMergeOverwrite", &[MapType], MapType, |context, a| {
        merge_all(context, a, Overwrite::Yes)
    }),
    Function::new("deepCopy", &[Any], deep_copy),
    Function::new("mustDeepCopy", &[Any], deep_copy),
    Function::variadic("dig", &[], Any, dig),
];

fn dict(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut entries = BTreeMap::new();
    for pair in arguments.chunks(2) {
        let [key, rest @ ..] = pair else { continue };
        let value = rest.first().cloned().unwrap_or_else(|| Value::text(""));
        entries.insert(TextValue::from(to_text(key)?), value);
    }
    Ok(Value::map(entries))
}

fn chosen(arguments: &[Value], wanted: bool) -> Result<Value, Fault> {
    let mut keys = Vec::new();
    for index in 1..arguments.len() {
        keys.push(text(arguments, index)?);
    }
    let entries = map(arguments, 0)?.snapshot().into_iter();
    let entries = entries.filter(|(key, _)| keys.contains(key) == wanted);
    Ok(Value::map(entries.collect()))
}

/// Whether what is there gives way.
#[derive(Clone, Copy, PartialEq)]
enum Overwrite {
    Yes,
    No,
}

fn merge_all(
    context: &Context<'_>,
    arguments: &[Value],
    overwrite: Overwrite,
) -> Result<Value, Fault> {
    let target = map(arguments, 0)?;
    for index in 1..arguments.len() {
        merge(context, &target, &map(arguments, index)?, overwrite, 0)?;
    }
    Ok(Value::Map(target))
}

/// Merges as mergo does: maps in maps, and for the rest what is empty gives way.
fn merge(
    context: &Context<'_>,
    target: &Map,
    source: &Map,
    overwrite: Overwrite,
    depth: usize,
) -> Result<(), Fault> {
    if depth > MAX_NESTING {
        return Err(Fault::new("the maps nest too deep to be merged"));
    }
    context.engine.writes(target);
    for (key, value) in source.snapshot() {
        context.engine.budget.step()?;
        let known = target.get(key.as_bytes());
        match (known, value) {
            (Some(Value::Map(inner)), Value::Map(value)) => {
                merge(context, &inner, &value, overwrite, depth + 1)?;
            }
            (None, value) => target.insert(key, value),
            (Some(known), value) => {
                if overwrite == Overwrite::Yes || is_empty(&known) {
                    target.insert(key, value);
                }
            }
        }
    }
    Ok(())
}

fn deep_copy(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    any(arguments, 0)?.deep_copy(&context.engine.budget)
}

fn dig(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let [keys @ .., default, Value::Map(dict)] = arguments else {
        if arguments.len() < 3 {
            return Err(Fault::new("dig needs at least three arguments"));
        }
        return Err(no_map());
    };
    if dict.kind != MapKind::Any {
        return Err(no_map());
    }
    if keys.is_empty() {
        return Err(Fault::new("dig needs at least three arguments"));
    }
    let mut found = Value::Map(dict.clone());
    for index in 0..keys.len() {
        let key = string(keys, index)
            .map_err(|_| Fault::new("interface conversion: interface {} is not string"))?;
        let Value::Map(dict) = &found else {
            return Err(no_map());
        };
        match dict.get(key.as_bytes()) {
            Some(next) => found = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(found)
}

fn no_map() -> Fault {
    Fault::new("interface conversion: interface {} is not map[string]interface {}")
}
