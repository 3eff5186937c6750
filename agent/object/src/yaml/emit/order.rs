//! The order go-yaml writes keys in: letters after signs and digits, numbers by their value.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::yaml::emit::Form;

/// The fields of a map in the order of a form.
pub(super) fn sorted(fields: &Map<String, Value>, form: Form) -> Vec<(&str, &Value)> {
    let mut fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    match form {
        Form::Text => merge_sort(fields),
        Form::Digest => {
            fields.sort_unstable_by_key(|(key, _)| *key);
            fields
        }
    }
}

/// Sorts by [`compare`]. The standard sort may panic when an order is not total, and nobody
/// promises that this one is.
fn merge_sort<'v>(mut fields: Vec<(&'v str, &'v Value)>) -> Vec<(&'v str, &'v Value)> {
    if fields.is_sorted_by(|left, right| compare(left.0, right.0) != Ordering::Greater) {
        return fields;
    }
    let right = fields.split_off(fields.len() / 2);
    let mut sorted = Vec::with_capacity(fields.len() + right.len());
    let mut left = merge_sort(fields).into_iter().peekable();
    let mut right = merge_sort(right).into_iter().peekable();
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        let from = if compare(second.0, first.0) == Ordering::Less {
            &mut right
        } else {
            &mut left
        };
        sorted.extend(from.next());
    }
    sorted.extend(left);
    sorted.extend(right);
    sorted
}

/// go-yaml v2's `keyList.Less` for two strings.
fn compare(left: &str, right: &str) -> Ordering {
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(one, other)| one == other);
    let bytes: usize = same.map(|(character, _)| character.len_utf8()).sum();
    let (before, left_rest) = left.split_at_checked(bytes).unwrap_or((left, ""));
    let right_rest = right.get(bytes..).unwrap_or_default();
    let (Some(one), Some(other)) = (left_rest.chars().next(), right_rest.chars().next()) else {
        return left_rest.len().cmp(&right_rest.len());
    };
    match (one.is_alphabetic(), other.is_alphabetic()) {
        (true, true) => return one.cmp(&other),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let start = i64::from((one == '0' || other == '0') && ends_in_a_number(before));
    let (left_number, left_digits) = number(start, left_rest);
    let (right_number, right_digits) = number(start, right_rest);
    left_number
        .cmp(&right_number)
        .then(left_digits.cmp(&right_digits))
        .then(one.cmp(&other))
}

/// Whether the digits at the end of the text are more than zeros.
fn ends_in_a_number(text: &str) -> bool {
    text.bytes()
        .rev()
        .take_while(u8::is_ascii_digit)
        .any(|digit| digit != b'0')
}

/// The number at the start of a text, behind the digits read before, and how long it is.
fn number(start: i64, text: &str) -> (i64, usize) {
    text.bytes()
        .take_while(u8::is_ascii_digit)
        .fold((start, 0), |(number, digits), digit| {
            let number = number
                .wrapping_mul(10)
                .wrapping_add(i64::from(digit - b'0'));
            (number, digits + 1)
        })
}
