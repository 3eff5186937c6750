//! Sprig's arithmetic.

use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{any, int, text};
use crate::functions::{Function, Parameter, decimal};
use crate::number::{parse_float, parse_integer};
use crate::value::{IntKind, List, ListKind, Value};

use Parameter::{Any, Float, Int, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("atoi", &[Text], |_, a| {
        let number = parse_integer(&text(a, 0)?.to_str(), 10);
        Ok(Value::int(number.unwrap_or(0)))
    }),
    Function::new("int64", &[Any], |_, a| {
        Ok(Value::int64(to_int64(any(a, 0)?)))
    }),
    Function::new("int", &[Any], |_, a| Ok(Value::int(to_int64(any(a, 0)?)))),
    Function::new("float64", &[Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)?)))
    }),
    Function::new("toDecimal", &[Any], |_, a| {
        let shown = crate::format::display(any(a, 0)?)?;
        let number = parse_integer(&String::from_utf8_lossy(&shown), 8);
        Ok(Value::int64(number.unwrap_or(0)))
    }),
    Function::new("add1", &[Any], |_, a| {
        Ok(Value::int64(to_int64(any(a, 0)?).wrapping_add(1)))
    }),
    Function::variadic("add", &[], Any, |_, a| {
        let sum = a.iter().map(to_int64).fold(0i64, i64::wrapping_add);
        Ok(Value::int64(sum))
    }),
    Function::new("sub", &[Any, Any], |_, a| {
        Ok(Value::int64(
            to_int64(any(a, 0)?).wrapping_sub(to_int64(any(a, 1)?)),
        ))
    }),
    Function::new("div", &[Any, Any], |_, a| divided(a, i64::wrapping_div)),
    Function::new("mod", &[Any, Any], |_, a| divided(a, i64::wrapping_rem)),
    Function::variadic("mul", &[Any], Any, |_, a| {
        let product = a.iter().map(to_int64).fold(1i64, i64::wrapping_mul);
        Ok(Value::int64(product))
    }),
    Function::new("add1f", &[Any], |_, a| {
        decimal::fold(
            to_float(any(a, 0)?),
            &[Value::int(1)],
            decimal::Operation::Add,
        )
    }),
    Function::variadic("addf", &[], Any, |_, a| {
        decimal::fold(0.0, a, decimal::Operation::Add)
    }),
    Function::variadic("subf", &[Any], Any, |_, a| {
        let rest = a.get(1..).unwrap_or_default();
        decimal::fold(to_float(any(a, 0)?), rest, decimal::Operation::Subtract)
    }),
    Function::variadic("divf", &[Any], Any, |_, a| {
        let rest = a.get(1..).unwrap_or_default();
        decimal::fold(to_float(any(a, 0)?), rest, decimal::Operation::Divide)
    }),
    Function::variadic("mulf", &[Any], Any, |_, a| {
        let rest = a.get(1..).unwrap_or_default();
        decimal::fold(to_float(any(a, 0)?), rest, decimal::Operation::Multiply)
    }),
    Function::variadic("biggest", &[Any], Any, biggest),
    Function::variadic("max", &[Any], Any, biggest),
    Function::variadic("min", &[Any], Any, |_, a| {
        Ok(Value::int64(a.iter().map(to_int64).min().unwrap_or(0)))
    }),
    Function::variadic("maxf", &[Any], Any, |_, a| {
        let numbers = a.iter().map(to_float);
        Ok(Value::Float(numbers.reduce(larger).unwrap_or(0.0)))
    }),
    Function::variadic("minf", &[Any], Any, |_, a| {
        let numbers = a.iter().map(to_float);
        let least = numbers.map(|number| -number).reduce(larger);
        Ok(Value::Float(-least.unwrap_or(0.0)))
    }),
    Function::new("ceil", &[Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)?).ceil()))
    }),
    Function::new("floor", &[Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)?).floor()))
    }),
    Function::variadic("round", &[Any, Int], Float, round),
    Function::new("until", &[Int], |context, a| {
        let count = int(a, 0)?;
        numbers(context, 0, count, if count < 0 { -1 } else { 1 })
    }),
    Function::new("untilStep", &[Int, Int, Int], |context, a| {
        numbers(context, int(a, 0)?, int(a, 1)?, int(a, 2)?)
    }),
    Function::variadic("seq", &[], Int, sequence),
];

/// spf13/cast's `ToInt64`: what is no number is 0.
pub(super) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Int(value, _) => *value,
        // Go's conversion of a float too large gives the smallest integer on the platforms that matter.
        Value::Float(value) if value.is_nan() || value.abs() >= 9_223_372_036_854_775_808.0 => {
            i64::MIN
        }
        Value::Float(value) => *value as i64,
        Value::Text(text) => parse_integer(without_zero_decimals(&text.to_str()), 0).unwrap_or(0),
        Value::Bool(value) => i64::from(*value),
        _ => 0,
    }
}

/// spf13/cast's `ToFloat64`: what is no number is 0.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(value, IntKind::Uint64) => value.cast_unsigned() as f64,
        Value::Int(value, _) => *value as f64,
        Value::Float(value) => *value,
        Value::Text(text) => parse_float(&text.to_str()).unwrap_or(0.0),
        Value::Bool(value) => f64::from(u8::from(*value)),
        _ => 0.0,
    }
}

/// `1.00` is read as `1`.
fn without_zero_decimals(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        _ => text,
    }
}

fn divided(arguments: &[Value], divide: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    let (one, other) = (to_int64(any(arguments, 0)?), to_int64(any(arguments, 1)?));
    if other == 0 {
        return Err(Fault::new("runtime error: integer divide by zero"));
    }
    Ok(Value::int64(divide(one, other)))
}

fn biggest(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    Ok(Value::int64(
        arguments.iter().map(to_int64).max().unwrap_or(0),
    ))
}

/// Go's `math.Max`: NaN wins.
fn larger(one: f64, other: f64) -> f64 {
    if one.is_nan() || other.is_nan() {
        f64::NAN
    } else {
        one.max(other)
    }
}

fn round(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let value = to_float(any(arguments, 0)?);
    let threshold = match arguments.get(2) {
        Some(threshold) => to_float(threshold),
        None => 0.5,
    };
    let power = 10f64.powf(int(arguments, 1)? as f64);
    let digit = power * value;
    let rounded = if digit.fract() >= threshold {
        digit.ceil()
    } else {
        digit.floor()
    };
    Ok(Value::Float(rounded / power))
}

/// Sprig's `untilStep`.
fn steps(context: &Context<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fault> {
    let mut found = Vec::new();
    let down = stop < start;
    if down && step >= 0 || !down && step <= 0 {
        return Ok(found);
    }
    let mut number = start;
    while if down { number > stop } else { number < stop } {
        context.engine.budget.step()?;
        found.push(number);
        let Some(next) = number.checked_add(step) else {
            break;
        };
        number = next;
    }
    Ok(found)
}

fn numbers(context: &Context<'_>, start: i64, stop: i64, step: i64) -> Result<Value, Fault> {
    let found = steps(context, start, stop, step)?;
    let items = found.into_iter().map(Value::int).collect();
    Ok(Value::List(List::new(ListKind::Int, items)))
}

fn sequence(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut bounds = Vec::new();
    for index in 0..arguments.len() {
        bounds.push(int(arguments, index)?);
    }
    let found = match bounds.as_slice() {
        [end] => {
            let step = if *end < 1 { -1 } else { 1 };
            steps(context, 1, end.saturating_add(step), step)?
        }
        [start, end] => {
            let step = if end < start { -1 } else { 1 };
            steps(context, *start, end.saturating_add(step), step)?
        }
        [start, step, end] => {
            if end < start && *step > 0 {
                return Ok(Value::text(""));
            }
            let past = if end < start { -1 } else { 1 };
            steps(context, *start, end.saturating_add(past), *step)?
        }
        _ => return Ok(Value::text("")),
    };
    let shown: Vec<String> = found.iter().map(i64::to_string).collect();
    Ok(Value::text(shown.join(" ")))
}
