//! What the operators do.

use super::glob;

/// Applies an operator to a value. One that does not exist leaves the value alone, as in Flux.
pub(super) fn apply(operator: &str, value: &str, arguments: &[String]) -> String {
    match (operator, arguments) {
        ("#", []) => value.len().to_string(),
        (",", _) => change_first(value, |first| first.to_lowercase().collect()),
        (",,", _) => value.to_lowercase(),
        ("^", _) => change_first(value, |first| first.to_uppercase().collect()),
        ("^^", _) => value.to_uppercase(),
        (":", arguments) => substring(value, arguments),
        ("#", [pattern]) => without_prefix(value, pattern, Length::Shortest),
        ("##", [pattern]) => without_prefix(value, pattern, Length::Longest),
        ("%", [pattern]) => without_suffix(value, pattern, Length::Shortest),
        ("%%", [pattern]) => without_suffix(value, pattern, Length::Longest),
        ("/", [from, rest @ ..]) => value.replacen(from.as_str(), first(rest), 1),
        ("//", [from, rest @ ..]) => value.replace(from.as_str(), first(rest)),
        ("/#", [from, to]) => match value.strip_prefix(from.as_str()) {
            Some(rest) => format!("{to}{rest}"),
            None => value.to_owned(),
        },
        ("/%", [from, to]) => match value.strip_suffix(from.as_str()) {
            Some(rest) => format!("{rest}{to}"),
            None => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

/// Which of several matches counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Shortest,
    Longest,
}

fn first(arguments: &[String]) -> &str {
    arguments.first().map_or("", String::as_str)
}

fn change_first(value: &str, change: impl Fn(char) -> String) -> String {
    let mut characters = value.chars();
    match characters.next() {
        Some(first) => change(first) + characters.as_str(),
        None => String::new(),
    }
}

/// Offsets count bytes; a negative offset counts from the end, a negative length ends there. What is
/// no number, or would cut a character in two, leaves the value alone.
fn substring(value: &str, arguments: &[String]) -> String {
    let number = |index: usize| {
        arguments
            .get(index)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let total = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let Some(offset) = number(0) else {
        return value.to_owned();
    };
    let start = if offset < 0 {
        (total.saturating_add(offset)).max(0)
    } else {
        offset
    };
    let end = match (arguments.len(), number(1)) {
        (1, _) => total,
        (_, None) => return value.to_owned(),
        (_, Some(length)) if length < 0 => total.saturating_add(length),
        (_, Some(length)) => start.saturating_add(length).min(total),
    };
    if start >= end {
        return String::new();
    }
    let bounds = (usize::try_from(start), usize::try_from(end));
    let (Ok(start), Ok(end)) = bounds else {
        return String::new();
    };
    value.get(start..end).unwrap_or(value).to_owned()
}

/// The empty prefix is never looked at, as in Flux.
fn without_prefix(value: &str, pattern: &str, length: Length) -> String {
    let ends = value
        .char_indices()
        .map(|(start, character)| start + character.len_utf8());
    let matching = ends.filter(|end| {
        value
            .get(..*end)
            .is_some_and(|prefix| glob::matches(pattern, prefix) == Some(true))
    });
    let end = match length {
        Length::Shortest => matching.min(),
        Length::Longest => matching.max(),
    };
    value.get(end.unwrap_or(0)..).unwrap_or(value).to_owned()
}

/// Flux reverses value and pattern and takes a prefix off.
fn without_suffix(value: &str, pattern: &str, length: Length) -> String {
    let reverse = |text: &str| text.chars().rev().collect::<String>();
    reverse(&without_prefix(&reverse(value), &reverse(pattern), length))
}
