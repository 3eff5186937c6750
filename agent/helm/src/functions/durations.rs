//! Helm's own functions on durations (pkg/engine/funcs.go).

use crate::fault::Fault;
use crate::format::float::format_float;
use crate::functions::arguments::any;
use crate::functions::{Function, Parameter};
use crate::number::parse_float;
use crate::time;
use crate::value::{IntKind, Value};

use Parameter::Any;

const SECOND: i64 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("mustToDuration", &[Any], |_, a| {
        Ok(Value::Duration(read(any(a, 0)?)?))
    }),
    Function::new("durationSeconds", &[Any], |_, a| float(a, SECOND, 1.0)),
    Function::new("durationMinutes", &[Any], |_, a| float(a, 60 * SECOND, 1.0)),
    Function::new("durationHours", &[Any], |_, a| float(a, 3600 * SECOND, 1.0)),
    Function::new("durationDays", &[Any], |_, a| float(a, 3600 * SECOND, 24.0)),
    Function::new("durationWeeks", &[Any], |_, a| {
        let days = float(a, 3600 * SECOND, 24.0)?;
        Ok(match days {
            Value::Float(days) => Value::Float(days / 7.0),
            other => other,
        })
    }),
    Function::new("durationMilliseconds", &[Any], |_, a| whole(a, 1_000_000)),
    Function::new("durationMicroseconds", &[Any], |_, a| whole(a, 1_000)),
    Function::new("durationNanoseconds", &[Any], |_, a| whole(a, 1)),
    Function::new("durationRoundTo", &[Any, Any], |_, a| {
        to_multiple(a, time::round)
    }),
    Function::new("durationTruncateTo", &[Any, Any], |_, a| {
        to_multiple(a, time::truncate)
    }),
];

fn float(arguments: &[Value], unit: i64, divisor: f64) -> Result<Value, Fault> {
    let nanoseconds = read(any(arguments, 0)?).unwrap_or(0);
    let whole = (nanoseconds / unit) as f64;
    let value = whole + (nanoseconds % unit) as f64 / unit as f64;
    Ok(Value::Float(value / divisor))
}

fn whole(arguments: &[Value], unit: i64) -> Result<Value, Fault> {
    let nanoseconds = read(any(arguments, 0)?).unwrap_or(0);
    Ok(Value::int64(nanoseconds / unit))
}

fn to_multiple(arguments: &[Value], fit: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    let Ok(nanoseconds) = read(any(arguments, 0)?) else {
        return Ok(Value::Duration(0));
    };
    Ok(Value::Duration(match read(any(arguments, 1)?) {
        Ok(unit) => fit(nanoseconds, unit),
        Err(_) => nanoseconds,
    }))
}

/// A duration, a text that is one, or a number of seconds.
fn read(value: &Value) -> Result<i64, Fault> {
    match value {
        Value::Duration(nanoseconds) => Ok(*nanoseconds),
        Value::Text(text) => {
            let text = text.to_str();
            let trimmed = text.trim();
            if trimmed.is_empty() {
                return Err(Fault::new("empty duration"));
            }
            if let Ok(nanoseconds) = time::parse_duration(trimmed) {
                return Ok(nanoseconds);
            }
            match parse_float(trimmed) {
                Some(seconds) => from_float(seconds),
                None => Err(Fault::new(format!("could not parse duration {text:?}"))),
            }
        }
        Value::Missing | Value::Nil => Err(Fault::new("invalid duration")),
        Value::Int(seconds, IntKind::Uint64) if *seconds < 0 => Err(Fault::new(format!(
            "duration seconds overflow: {}",
            seconds.cast_unsigned()
        ))),
        Value::Int(seconds, _) => seconds
            .checked_mul(SECOND)
            .ok_or_else(|| Fault::new(format!("duration seconds overflow: {seconds}"))),
        Value::Float(seconds) => from_float(*seconds),
        other => {
            let found = other.type_name();
            Err(Fault::new(format!("unsupported duration type {found}")))
        }
    }
}

fn from_float(seconds: f64) -> Result<i64, Fault> {
    let shown = || format_float(seconds, 'g', None);
    if !seconds.is_finite() {
        return Err(Fault::new(format!("invalid duration seconds: {}", shown())));
    }
    if seconds.abs() > i64::MAX as f64 / SECOND as f64 {
        return Err(Fault::new(format!(
            "duration seconds overflow: {}",
            shown()
        )));
    }
    Ok((seconds * SECOND as f64) as i64)
}
