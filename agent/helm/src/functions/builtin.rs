//! Go's own functions (text/template/funcs.go).

use std::cmp::Ordering;

use crate::engine::Context;
use crate::fault::Fault;
use crate::format;
use crate::functions::arguments::{any, elements, text};
use crate::functions::{Body, Function, Parameter};
use crate::value::{IntKind, List, Value};

use Parameter::{Any, Reflect, Text as TextType};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "and",
        fixed: &[Reflect],
        rest: Some(Reflect),
        body: Body::And,
    },
    Function {
        name: "or",
        fixed: &[Reflect],
        rest: Some(Reflect),
        body: Body::Or,
    },
    Function::new("not", &[Reflect], |_, a| {
        Ok(Value::Bool(!any(a, 0)?.is_true()))
    }),
    Function::variadic("call", &[Reflect], Reflect, |_, a| {
        let value = any(a, 0)?;
        if value.is_nothing() {
            return Err(Fault::new("call of nil"));
        }
        let type_name = value.type_name();
        Err(Fault::new(format!("non-function of type {type_name}")))
    }),
    Function::variadic("html", &[], Any, |_, a| escaped(a, html)),
    Function::variadic("js", &[], Any, |_, a| escaped(a, js)),
    Function::variadic("urlquery", &[], Any, |_, a| {
        escaped(a, |text| crate::url::query_escape(text).into_bytes())
    }),
    Function::variadic("index", &[Reflect], Reflect, index),
    Function::new("len", &[Reflect], length),
    Function::variadic("print", &[], Any, |_, a| Ok(Value::text(format::print(a)?))),
    Function::variadic("println", &[], Any, |_, a| {
        Ok(Value::text(format::println(a)?))
    }),
    Function::variadic("printf", &[TextType], Any, |_, a| {
        let rest = a.get(1..).unwrap_or_default();
        Ok(Value::text(format::printf(text(a, 0)?.as_bytes(), rest)?))
    }),
    Function::variadic("eq", &[Reflect], Reflect, |_, a| Ok(Value::Bool(equal(a)?))),
    Function::new("ne", &[Reflect, Reflect], |_, a| {
        Ok(Value::Bool(!equal(a)?))
    }),
    Function::new("lt", &[Reflect, Reflect], |_, a| Ok(Value::Bool(less(a)?))),
    Function::new("le", &[Reflect, Reflect], |_, a| {
        Ok(Value::Bool(less(a)? || equal(a)?))
    }),
    Function::new("gt", &[Reflect, Reflect], |_, a| {
        Ok(Value::Bool(!(less(a)? || equal(a)?)))
    }),
    Function::new("ge", &[Reflect, Reflect], |_, a| Ok(Value::Bool(!less(a)?))),
];

fn escaped(arguments: &[Value], escape: fn(&[u8]) -> Vec<u8>) -> Result<Value, Fault> {
    let text = match arguments {
        [Value::Text(text)] => text.as_bytes().to_vec(),
        _ => {
            // No value prints as such here.
            let shown = arguments.iter().map(|value| match value {
                Value::Missing | Value::Nil => Value::text("<no value>"),
                other => other.clone(),
            });
            format::print(&shown.collect::<Vec<_>>())?
        }
    };
    Ok(Value::text(escape(&text)))
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        let replacement: &str = match byte {
            0 => "\u{fffd}",
            b'"' => "&#34;",
            b'\'' => "&#39;",
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => {
                escaped.push(*byte);
                continue;
            }
        };
        escaped.extend_from_slice(replacement.as_bytes());
    }
    escaped
}

fn js(text: &[u8]) -> Vec<u8> {
    let mut escaped = String::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..' ' => {
                escaped.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            _ if character.is_ascii() || format::quote::is_printable(character) => {
                escaped.push(character);
            }
            _ => escaped.push_str(&format!("\\u{:04X}", u32::from(character))),
        }
    }
    escaped.into_bytes()
}

fn index(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut item = any(arguments, 0)?.clone();
    if item.is_nothing() {
        return Err(Fault::new("index of untyped nil"));
    }
    for key in arguments.iter().skip(1) {
        item = match &item {
            Value::Nil | Value::Missing => return Err(Fault::new("index of nil pointer")),
            Value::List(list) => {
                let position = position(key, list.len())?;
                list.get(position).ok_or_else(|| out_of_range(position))?
            }
            Value::Text(text) => byte_at(text.as_bytes(), key)?,
            Value::Bytes(bytes) => byte_at(bytes, key)?,
            Value::Map(map) => match key {
                Value::Text(key) => map.get(key.as_bytes()).unwrap_or_else(|| map.zero()),
                Value::Nil | Value::Missing => {
                    return Err(Fault::new("value is nil; should be of type string"));
                }
                other => {
                    let found = other.type_name();
                    return Err(Fault::new(format!(
                        "value has type {found}; should be string"
                    )));
                }
            },
            other => {
                let found = other.type_name();
                return Err(Fault::new(format!("can't index item of type {found}")));
            }
        };
    }
    Ok(item)
}

fn byte_at(bytes: &[u8], key: &Value) -> Result<Value, Fault> {
    let position = position(key, bytes.len())?;
    let byte = bytes.get(position).ok_or_else(|| out_of_range(position))?;
    Ok(Value::Int(i64::from(*byte), IntKind::Uint8))
}

fn out_of_range(position: usize) -> Fault {
    Fault::new(format!(
        "error calling index: reflect: slice index out of range: {position}"
    ))
}

/// An index into a slice; its length is let through, as Go does.
fn position(key: &Value, length: usize) -> Result<usize, Fault> {
    match key {
        Value::Int(number, _) | Value::Duration(number) => usize::try_from(*number)
            .ok()
            .filter(|position| *position <= length)
            .ok_or_else(|| Fault::new(format!("index out of range: {number}"))),
        Value::Missing | Value::Nil => Err(Fault::new("cannot index slice/array with nil")),
        other => {
            let found = other.type_name();
            Err(Fault::new(format!(
                "cannot index slice/array with type {found}"
            )))
        }
    }
}

fn length(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let length = match any(arguments, 0)? {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.entries.borrow().len(),
        Value::Nil => return Err(Fault::new("len of nil pointer")),
        other => {
            let found = other.type_name();
            return Err(Fault::new(format!("len of type {found}")));
        }
    };
    Ok(Value::length(length))
}

/// Go's basic kinds, which alone can be compared.
#[derive(Clone, Copy, PartialEq)]
enum Basic {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Other,
}

fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value, kind) if kind.is_unsigned() => Basic::Uint(value.cast_unsigned()),
        Value::Int(value, _) | Value::Duration(value) => Basic::Int(*value),
        Value::Float(value) => Basic::Float(*value),
        _ => Basic::Other,
    }
}

fn equal(arguments: &[Value]) -> Result<bool, Fault> {
    let one = any(arguments, 0)?;
    if arguments.len() < 2 {
        return Err(Fault::new("missing argument for comparison"));
    }
    for other in arguments.iter().skip(1) {
        if equal_to(one, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_to(one: &Value, other: &Value) -> Result<bool, Fault> {
    if one.is_nothing() || other.is_nothing() {
        let nothing = |value: &Value| {
            value.is_nothing() || matches!(value, Value::List(List { nil: true, .. }))
        };
        return Ok(nothing(one) && nothing(other));
    }
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => return Ok(one == other),
        (Value::Time(one), Value::Time(other)) => return Ok(one == other),
        (Value::Version(one), Value::Version(other)) => {
            return Ok(std::rc::Rc::ptr_eq(one, other));
        }
        _ => {}
    }
    match (basic(one), basic(other)) {
        (Basic::Bool(one), Basic::Bool(other)) => Ok(one == other),
        (Basic::Int(one), Basic::Int(other)) => Ok(one == other),
        (Basic::Uint(one), Basic::Uint(other)) => Ok(one == other),
        (Basic::Float(one), Basic::Float(other)) => Ok(one == other),
        (Basic::Int(int), Basic::Uint(uint)) | (Basic::Uint(uint), Basic::Int(int)) => {
            Ok(u64::try_from(int) == Ok(uint))
        }
        (Basic::Other, Basic::Other)
            if !matches!((one, other), (Value::Text(_), _) | (_, Value::Text(_))) =>
        {
            let found = other.type_name();
            Err(Fault::new(format!("non-comparable type {found}")))
        }
        _ => Err(incompatible(one, other)),
    }
}

fn incompatible(one: &Value, other: &Value) -> Fault {
    let (one, other) = (one.type_name(), other.type_name());
    Fault::new(format!(
        "incompatible types for comparison: {one} and {other}"
    ))
}

fn less(arguments: &[Value]) -> Result<bool, Fault> {
    let (one, other) = (any(arguments, 0)?, any(arguments, 1)?);
    let order = match (one, other) {
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        _ => match (basic(one), basic(other)) {
            (Basic::Int(one), Basic::Int(other)) => one.cmp(&other),
            (Basic::Uint(one), Basic::Uint(other)) => one.cmp(&other),
            (Basic::Float(one), Basic::Float(other)) => {
                one.partial_cmp(&other).unwrap_or(Ordering::Greater)
            }
            (Basic::Int(one), Basic::Uint(other)) => match u64::try_from(one) {
                Ok(one) => one.cmp(&other),
                Err(_) => Ordering::Less,
            },
            (Basic::Uint(one), Basic::Int(other)) => match u64::try_from(other) {
                Ok(other) => one.cmp(&other),
                Err(_) => Ordering::Greater,
            },
            (Basic::Bool(_), Basic::Bool(_)) => {
                return Err(Fault::new("invalid type for comparison"));
            }
            (Basic::Other, _) if !matches!(one, Value::Text(_)) => {
                return Err(Fault::new("invalid type for comparison"));
            }
            (_, Basic::Other) if !matches!(other, Value::Text(_)) => {
                return Err(Fault::new("invalid type for comparison"));
            }
            _ => return Err(incompatible(one, other)),
        },
    };
    Ok(order == Ordering::Less)
}

/// The elements of a slice for other functions, or the error that there are none.
pub(super) fn slice_elements(value: &Value, verb: &str) -> Result<Vec<Value>, Fault> {
    elements(value).ok_or_else(|| {
        if value.is_nothing() {
            return Fault::new("runtime error: invalid memory address or nil pointer dereference");
        }
        let kind = value.kind_name();
        Fault::new(format!("{verb} type {kind}"))
    })
}
