//! Regular expressions: RE2's meaning, which the regex crate shares.

use regex::bytes::Regex;
use windlass_object::go_regex;

use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{int, text};
use crate::functions::{Function, Parameter};
use crate::value::{List, ListKind, Value};

use Parameter::{Int, Text};

/// The most expressions of one rendering that are kept compiled.
const MAX_KEPT: usize = 1000;

/// The most bytes one compiled expression may take: Go has no such bound, but refuses to repeat more than
/// a thousand times.
const MAX_COMPILED: usize = 10 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", &[Text, Text], |context, a| {
        let found = compile(context, a).map(|regex| is_match(&regex, a));
        Ok(Value::Bool(found.unwrap_or(false)))
    }),
    Function::new("mustRegexMatch", &[Text, Text], |context, a| {
        Ok(Value::Bool(is_match(&compile(context, a)?, a)))
    }),
    Function::new("regexFind", &[Text, Text], find),
    Function::new("mustRegexFind", &[Text, Text], find),
    Function::new("regexFindAll", &[Text, Text, Int], find_all),
    Function::new("mustRegexFindAll", &[Text, Text, Int], find_all),
    Function::new("regexReplaceAll", &[Text, Text, Text], replace),
    Function::new("mustRegexReplaceAll", &[Text, Text, Text], replace),
    Function::new(
        "regexReplaceAllLiteral",
        &[Text, Text, Text],
        replace_literal,
    ),
    Function::new(
        "mustRegexReplaceAllLiteral",
        &[Text, Text, Text],
        replace_literal,
    ),
    Function::new("regexSplit", &[Text, Text, Int], split),
    Function::new("mustRegexSplit", &[Text, Text, Int], split),
    Function::new("regexQuoteMeta", &[Text], |_, a| {
        let mut quoted = Vec::new();
        for byte in text(a, 0)?.as_bytes() {
            if b"\\.+*?()|[]{}^$".contains(byte) {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        Ok(Value::text(quoted))
    }),
];

fn compile(context: &Context<'_>, arguments: &[Value]) -> Result<Regex, Fault> {
    let pattern = text(arguments, 0)?.to_str().into_owned();
    let mut kept = context.engine.regexes.borrow_mut();
    if let Some(regex) = kept.get(&pattern) {
        return Ok(regex.clone());
    }
    let built = regex::bytes::RegexBuilder::new(&go_regex::translate(&pattern))
        .size_limit(MAX_COMPILED)
        .build();
    let regex = built.map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().to_owned();
        Fault::new(format!(
            "error parsing regexp: {}: `{pattern}`",
            reason.trim_start_matches("error: ")
        ))
    })?;
    if kept.len() < MAX_KEPT {
        kept.insert(pattern, regex.clone());
    }
    Ok(regex)
}

fn is_match(regex: &Regex, arguments: &[Value]) -> bool {
    text(arguments, 1).is_ok_and(|subject| regex.is_match(subject.as_bytes()))
}

fn find(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let subject = text(arguments, 1)?;
    let regex = compile(context, arguments)?;
    let found = regex.find(subject.as_bytes());
    Ok(Value::text(
        found.map_or(&b""[..], |found| found.as_bytes()),
    ))
}

/// A count below zero means no limit.
fn limit(arguments: &[Value]) -> Result<usize, Fault> {
    Ok(usize::try_from(int(arguments, 2)?).unwrap_or(usize::MAX))
}

fn find_all(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let subject = text(arguments, 1)?;
    let regex = compile(context, arguments)?;
    let found = regex.find_iter(subject.as_bytes());
    let found: Vec<&[u8]> = found
        .take(limit(arguments)?)
        .map(|found| found.as_bytes())
        .collect();
    if found.is_empty() {
        return Ok(Value::List(List::nil(ListKind::Text)));
    }
    Ok(Value::texts(found))
}

fn replace(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let (subject, with) = (text(arguments, 1)?, text(arguments, 2)?);
    let regex = compile(context, arguments)?;
    let count = regex.find_iter(subject.as_bytes()).count();
    context
        .engine
        .budget
        .bytes(with.len().saturating_mul(count))?;
    let replaced = regex.replace_all(subject.as_bytes(), with.as_bytes());
    Ok(Value::text(replaced))
}

fn replace_literal(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let (subject, with) = (text(arguments, 1)?, text(arguments, 2)?);
    let regex = compile(context, arguments)?;
    let count = regex.find_iter(subject.as_bytes()).count();
    context
        .engine
        .budget
        .bytes(with.len().saturating_mul(count))?;
    let literal = regex::bytes::NoExpand(with.as_bytes());
    Ok(Value::text(regex.replace_all(subject.as_bytes(), literal)))
}

/// Go's `Regexp.Split`.
fn split(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let subject = text(arguments, 1)?;
    let regex = compile(context, arguments)?;
    let limit = limit(arguments)?;
    if limit == 0 {
        return Ok(Value::List(List::nil(ListKind::Text)));
    }
    let subject = subject.as_bytes();
    if subject.is_empty() {
        return Ok(Value::texts([""]));
    }
    let (mut start, mut end) = (0, 0);
    let mut parts: Vec<&[u8]> = Vec::new();
    for found in regex.find_iter(subject) {
        if parts.len() + 1 >= limit {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(subject.get(start..end).unwrap_or_default());
        }
        start = found.end();
    }
    if end != subject.len() {
        parts.push(subject.get(start..).unwrap_or_default());
    }
    Ok(Value::texts(parts))
}
