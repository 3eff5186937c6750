//! Sprig's functions on lists.

use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{any, elements, int, like};
use crate::functions::builtin::slice_elements;
use crate::functions::defaults::is_empty;
use crate::functions::numbers::to_int64;
use crate::functions::strings::{texts, to_text};
use crate::functions::{Function, Parameter};
use crate::value::{List, ListKind, Value};

use Parameter::{Any, Int};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", &[], Any, |_, a| Ok(list(a))),
    Function::variadic("tuple", &[], Any, |_, a| Ok(list(a))),
    Function::new("append", &[Any, Any], push),
    Function::new("push", &[Any, Any], push),
    Function::new("mustAppend", &[Any, Any], push),
    Function::new("mustPush", &[Any, Any], push),
    Function::new("prepend", &[Any, Any], prepend),
    Function::new("mustPrepend", &[Any, Any], prepend),
    Function::new("first", &[Any], first),
    Function::new("mustFirst", &[Any], first),
    Function::new("last", &[Any], last),
    Function::new("mustLast", &[Any], last),
    Function::new("rest", &[Any], rest),
    Function::new("mustRest", &[Any], rest),
    Function::new("initial", &[Any], initial),
    Function::new("mustInitial", &[Any], initial),
    Function::new("reverse", &[Any], reverse),
    Function::new("mustReverse", &[Any], reverse),
    Function::new("uniq", &[Any], unique),
    Function::new("mustUniq", &[Any], unique),
    Function::new("compact", &[Any], compact),
    Function::new("mustCompact", &[Any], compact),
    Function::variadic("without", &[Any], Any, without),
    Function::variadic("mustWithout", &[Any], Any, without),
    Function::new("has", &[Any, Any], has),
    Function::new("mustHas", &[Any, Any], has),
    Function::variadic("slice", &[Any], Any, slice),
    Function::variadic("mustSlice", &[Any], Any, slice),
    Function::variadic("concat", &[], Any, concat),
    Function::new("chunk", &[Int, Any], chunk),
    Function::new("mustChunk", &[Int, Any], chunk),
    Function::new("sortAlpha", &[Any], sort_alpha),
];

fn list(arguments: &[Value]) -> Value {
    Value::list(arguments.to_vec())
}

fn push(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot push on")?;
    context.engine.budget.steps(items.len())?;
    items.push(any(arguments, 1)?.clone());
    Ok(Value::list(items))
}

fn prepend(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot prepend on")?;
    context.engine.budget.steps(items.len())?;
    items.insert(0, any(arguments, 1)?.clone());
    Ok(Value::list(items))
}

fn first(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let items = slice_elements(any(arguments, 0)?, "Cannot find first on")?;
    Ok(items.into_iter().next().unwrap_or(Value::Nil))
}

fn last(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot find last on")?;
    Ok(items.pop().unwrap_or(Value::Nil))
}

fn rest(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot find rest on")?;
    if items.is_empty() {
        return Ok(Value::List(List::nil(ListKind::Any)));
    }
    items.remove(0);
    Ok(Value::list(items))
}

fn initial(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot find initial on")?;
    if items.pop().is_none() {
        return Ok(Value::List(List::nil(ListKind::Any)));
    }
    Ok(Value::list(items))
}

fn reverse(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot find reverse on")?;
    items.reverse();
    Ok(Value::list(items))
}

fn contains(context: &Context<'_>, items: &[Value], wanted: &Value) -> Result<bool, Fault> {
    for item in items {
        if wanted.deep_equal(item, &context.engine.budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unique(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut kept: Vec<Value> = Vec::new();
    for item in slice_elements(any(arguments, 0)?, "Cannot find uniq on")? {
        if !contains(context, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn compact(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut items = slice_elements(any(arguments, 0)?, "Cannot compact on")?;
    items.retain(|item| !is_empty(item));
    Ok(Value::list(items))
}

fn without(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let omitted = arguments.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in slice_elements(any(arguments, 0)?, "Cannot find without on")? {
        if !contains(context, omitted, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn has(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let haystack = any(arguments, 1)?;
    if haystack.is_nothing() {
        return Ok(Value::Bool(false));
    }
    let items = slice_elements(haystack, "Cannot find has on")?;
    Ok(Value::Bool(contains(context, &items, any(arguments, 0)?)?))
}

fn slice(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let list = any(arguments, 0)?;
    let Some(items) = elements(list) else {
        let kind = list.kind_name();
        return Err(Fault::new(format!(
            "list should be type of slice or array but {kind}"
        )));
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = arguments.get(1).map_or(0, to_int64);
    let end = match arguments.get(2) {
        Some(end) => to_int64(end),
        None => i64::try_from(items.len()).unwrap_or(i64::MAX),
    };
    let part = match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => items.get(start..end),
        _ => None,
    };
    match part {
        Some(part) => Ok(like(list, part.to_vec())),
        None => Err(Fault::new("reflect.Value.Slice: slice index out of bounds")),
    }
}

fn concat(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut all = Vec::new();
    for list in arguments {
        let Some(items) = elements(list) else {
            if list.is_nothing() {
                return Err(slice_elements(list, "").err().unwrap_or(Fault::new("")));
            }
            let kind = list.kind_name();
            return Err(Fault::new(format!("Cannot concat type {kind} as list")));
        };
        context.engine.budget.steps(items.len())?;
        all.extend(items);
    }
    if all.is_empty() {
        return Ok(Value::List(List::nil(ListKind::Any)));
    }
    Ok(Value::list(all))
}

fn chunk(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let items = slice_elements(any(arguments, 1)?, "Cannot chunk")?;
    let size = usize::try_from(int(arguments, 0)?)
        .ok()
        .filter(|size| *size > 0);
    let Some(size) = size else {
        return Err(Fault::new("runtime error: makeslice: len out of range"));
    };
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec()));
    Ok(Value::List(List::new(ListKind::Lists, chunks.collect())))
}

/// Sorts as texts; a list of texts is sorted itself, as Sprig does.
fn sort_alpha(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let value = any(arguments, 0)?;
    if let Value::List(list) = value
        && list.kind == ListKind::Text
    {
        let mut items = list.snapshot();
        items.sort_by_cached_key(|item| to_text(item).unwrap_or_default());
        *list.items.borrow_mut() = items;
        return Ok(value.clone());
    }
    let mut sorted = texts(value)?;
    if elements(value).is_some() {
        sorted.sort();
    } else if value.is_nothing() {
        sorted = vec![to_text(value)?];
    }
    Ok(Value::texts(sorted))
}
