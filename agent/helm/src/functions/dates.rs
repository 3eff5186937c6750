//! Sprig's dates, and Helm's durations.

use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{any, string, time};
use crate::functions::{Function, Parameter};
use crate::time::{self, Time};
use crate::value::{IntKind, Value};

use Parameter::{Any, Text, Time as TimeType};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[], |context, _| Ok(Value::Time(now(context)))),
    Function::new("date", &[Text, Any], |context, a| {
        let layout = string(a, 0)?;
        Ok(shown(&instant(context, any(a, 1)?), "Local", &layout))
    }),
    Function::new("date_in_zone", &[Text, Any, Text], in_zone),
    Function::new("dateInZone", &[Text, Any, Text], in_zone),
    Function::new("htmlDate", &[Any], |context, a| {
        Ok(shown(&instant(context, any(a, 0)?), "Local", "2006-01-02"))
    }),
    Function::new("htmlDateInZone", &[Any, Text], |context, a| {
        let zone = string(a, 1)?;
        Ok(shown(&instant(context, any(a, 0)?), &zone, "2006-01-02"))
    }),
    Function::new("date_modify", &[Text, TimeType], |_, a| {
        let moved = modified(a);
        moved.or_else(|_| Ok(any(a, 1)?.clone()))
    }),
    Function::new("dateModify", &[Text, TimeType], |_, a| {
        let moved = modified(a);
        moved.or_else(|_| Ok(any(a, 1)?.clone()))
    }),
    Function::new("must_date_modify", &[Text, TimeType], |_, a| modified(a)),
    Function::new("mustDateModify", &[Text, TimeType], |_, a| modified(a)),
    Function::new("toDate", &[Text, Text], |_, a| {
        let read = time::parse(&string(a, 0)?, &string(a, 1)?);
        Ok(Value::Time(read.unwrap_or_else(|_| Time::zero())))
    }),
    Function::new("mustToDate", &[Text, Text], |_, a| {
        let read = time::parse(&string(a, 0)?, &string(a, 1)?);
        read.map(Value::Time).map_err(Fault::new)
    }),
    Function::new("unixEpoch", &[TimeType], |_, a| {
        Ok(Value::text(time(a, 0)?.seconds().to_string()))
    }),
    Function::new("ago", &[Any], |context, a| {
        let then = instant(context, any(a, 0)?);
        let age = time::round(now(context).since(&then), SECOND);
        Ok(Value::text(time::duration_text(age)))
    }),
    Function::new("duration", &[Any], |_, a| {
        let seconds = match any(a, 0)? {
            Value::Text(text) => crate::number::parse_integer(&text.to_str(), 10).unwrap_or(0),
            Value::Int(seconds, IntKind::Int64) => *seconds,
            _ => 0,
        };
        Ok(Value::text(time::duration_text(
            seconds.wrapping_mul(SECOND),
        )))
    }),
    Function::new("durationRound", &[Any], duration_round),
];

const SECOND: i64 = 1_000_000_000;

fn now(context: &Context<'_>) -> Time {
    Time::new(context.engine.surroundings.now())
}

/// A time or seconds since 1970; now for anything else.
fn instant(context: &Context<'_>, value: &Value) -> Time {
    match value {
        Value::Time(time) => time.clone(),
        Value::Int(seconds, IntKind::Int | IntKind::Int64) => {
            Time::from_seconds(*seconds).unwrap_or_else(|| now(context))
        }
        _ => now(context),
    }
}

fn shown(time: &Time, zone: &str, layout: &str) -> Value {
    Value::text(time::format(&time.in_zone(zone), layout))
}

fn in_zone(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let (layout, zone) = (string(arguments, 0)?, string(arguments, 2)?);
    Ok(shown(&instant(context, any(arguments, 1)?), &zone, &layout))
}

fn modified(arguments: &[Value]) -> Result<Value, Fault> {
    let duration = time::parse_duration(&string(arguments, 0)?).map_err(Fault::new)?;
    Ok(Value::Time(time(arguments, 1)?.plus(duration)))
}

/// The largest unit that fits, whole.
fn duration_round(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let nanoseconds = match any(arguments, 0)? {
        Value::Text(text) => time::parse_duration(&text.to_str()).unwrap_or(0),
        Value::Int(value, IntKind::Int64) => *value,
        Value::Time(time) => now(context).since(time),
        _ => 0,
    };
    let magnitude = nanoseconds.unsigned_abs();
    let second = SECOND.unsigned_abs();
    let units = [
        (365 * 24 * 3600, "y"),
        (30 * 24 * 3600, "mo"),
        (24 * 3600, "d"),
        (3600, "h"),
        (60, "m"),
        (1, "s"),
    ];
    let found = units
        .iter()
        .find(|(seconds, _)| magnitude > seconds * second);
    Ok(Value::text(match found {
        Some((seconds, name)) => format!("{}{name}", magnitude / (seconds * second)),
        None => "0s".to_owned(),
    }))
}
