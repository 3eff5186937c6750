//! Times and durations.

use crate::exec::methods::{NONE, TEXT};
use crate::fault::Fault;
use crate::functions::arguments::{duration, int, text, time};
use crate::functions::{Function, Parameter};
use crate::time::{self, Time};
use crate::value::{IntKind, Value};

const OTHER_TIME: &[Parameter] = &[Parameter::Time];
const OTHER_DURATION: &[Parameter] = &[Parameter::Duration];

/// Methods of a time.
pub(super) const TIME: &[Function] = &[
    Function::new("Format", TEXT, |_, a| {
        Ok(Value::text(time::format(
            &time(a, 0)?,
            &text(a, 1)?.to_str(),
        )))
    }),
    Function::new("String", NONE, |_, a| {
        Ok(Value::text(time(a, 0)?.to_string()))
    }),
    Function::new("Unix", NONE, |_, a| Ok(Value::int64(time(a, 0)?.seconds()))),
    Function::new("UnixMilli", NONE, |_, a| since_1970(a, 1_000_000)),
    Function::new("UnixMicro", NONE, |_, a| since_1970(a, 1_000)),
    Function::new("UnixNano", NONE, |_, a| since_1970(a, 1)),
    Function::new("Year", NONE, |_, a| {
        part(a, |time| time.zoned().year().into())
    }),
    Function::new("Month", NONE, |_, a| {
        let month = time(a, 0)?.zoned().month();
        Ok(Value::Int(month.into(), IntKind::Month))
    }),
    Function::new("Weekday", NONE, |_, a| {
        let weekday = time(a, 0)?.zoned().weekday().to_sunday_zero_offset();
        Ok(Value::Int(weekday.into(), IntKind::Weekday))
    }),
    Function::new("Day", NONE, |_, a| {
        part(a, |time| time.zoned().day().into())
    }),
    Function::new("YearDay", NONE, |_, a| {
        part(a, |time| time.zoned().day_of_year().into())
    }),
    Function::new("Hour", NONE, |_, a| {
        part(a, |time| time.zoned().hour().into())
    }),
    Function::new("Minute", NONE, |_, a| {
        part(a, |time| time.zoned().minute().into())
    }),
    Function::new("Second", NONE, |_, a| {
        part(a, |time| time.zoned().second().into())
    }),
    Function::new("Nanosecond", NONE, |_, a| {
        part(a, |time| time.zoned().subsec_nanosecond().into())
    }),
    Function::new("UTC", NONE, |_, a| {
        Ok(Value::Time(time(a, 0)?.in_zone("UTC")))
    }),
    Function::new("Local", NONE, |_, a| {
        Ok(Value::Time(time(a, 0)?.in_zone("Local")))
    }),
    Function::new("Add", OTHER_DURATION, |_, a| {
        Ok(Value::Time(time(a, 0)?.plus(duration(a, 1)?)))
    }),
    Function::new("Sub", OTHER_TIME, |_, a| {
        Ok(Value::Duration(time(a, 0)?.since(&time(a, 1)?)))
    }),
    Function::new("After", OTHER_TIME, |_, a| {
        let later = time(a, 0)?.timestamp() > time(a, 1)?.timestamp();
        Ok(Value::Bool(later))
    }),
    Function::new("Before", OTHER_TIME, |_, a| {
        let earlier = time(a, 0)?.timestamp() < time(a, 1)?.timestamp();
        Ok(Value::Bool(earlier))
    }),
    Function::new("Equal", OTHER_TIME, |_, a| {
        let equal = time(a, 0)?.timestamp() == time(a, 1)?.timestamp();
        Ok(Value::Bool(equal))
    }),
    Function::new(
        "AddDate",
        &[Parameter::Int, Parameter::Int, Parameter::Int],
        |_, a| {
            let (years, months, days) = (int(a, 1)?, int(a, 2)?, int(a, 3)?);
            Ok(Value::Time(time(a, 0)?.plus_date(years, months, days)))
        },
    ),
    Function::new("IsZero", NONE, |_, a| {
        let zero = time(a, 0)?.timestamp() == Time::zero().timestamp();
        Ok(Value::Bool(zero))
    }),
];

/// Methods of a duration.
pub(super) const DURATION: &[Function] = &[
    Function::new("String", NONE, |_, a| {
        Ok(Value::text(time::duration_text(duration(a, 0)?)))
    }),
    Function::new("Nanoseconds", NONE, |_, a| whole(a, 1)),
    Function::new("Microseconds", NONE, |_, a| whole(a, 1_000)),
    Function::new("Milliseconds", NONE, |_, a| whole(a, 1_000_000)),
    Function::new("Seconds", NONE, |_, a| float(a, 1_000_000_000)),
    Function::new("Minutes", NONE, |_, a| float(a, 60_000_000_000)),
    Function::new("Hours", NONE, |_, a| float(a, 3_600_000_000_000)),
    Function::new("Round", OTHER_DURATION, |_, a| {
        let rounded = time::round(duration(a, 0)?, duration(a, 1)?);
        Ok(Value::Duration(rounded))
    }),
    Function::new("Truncate", OTHER_DURATION, |_, a| {
        let truncated = time::truncate(duration(a, 0)?, duration(a, 1)?);
        Ok(Value::Duration(truncated))
    }),
    Function::new("Abs", NONE, |_, a| {
        Ok(Value::Duration(duration(a, 0)?.saturating_abs()))
    }),
];

/// Methods of months and weekdays.
pub(super) const NAMED: &[Function] = &[Function::new("String", NONE, |_, a| match a.first() {
    Some(value) => Ok(Value::text(crate::format::display(value)?)),
    None => Err(Fault::new("the method has no receiver")),
})];

fn part(arguments: &[Value], part: fn(&Time) -> i64) -> Result<Value, Fault> {
    Ok(Value::int(part(&time(arguments, 0)?)))
}

fn since_1970(arguments: &[Value], unit: i128) -> Result<Value, Fault> {
    let nanoseconds = time(arguments, 0)?.timestamp().as_nanosecond();
    Ok(Value::int64(nanoseconds.div_euclid(unit) as i64))
}

fn whole(arguments: &[Value], unit: i64) -> Result<Value, Fault> {
    Ok(Value::int64(duration(arguments, 0)? / unit))
}

fn float(arguments: &[Value], unit: i64) -> Result<Value, Fault> {
    let nanoseconds = duration(arguments, 0)?;
    let whole = (nanoseconds / unit) as f64;
    Ok(Value::Float(
        whole + (nanoseconds % unit) as f64 / unit as f64,
    ))
}
