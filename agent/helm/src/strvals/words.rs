//! Values that are one word.

use serde_json::Value;

/// The number or word that a text starts with, and the rest, which may follow at once.
pub(super) fn scalar(text: &str) -> Option<(&str, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = usize::from(text.starts_with('-'));
    let words = ["true", "false", "null"];
    if let Some(word) = words.into_iter().find(|word| text.starts_with(word)) {
        return text.split_at_checked(word.len());
    }
    let whole = text.get(end..)?;
    if end == 0 && !whole.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    end += if whole.starts_with('0') {
        1
    } else {
        digits(whole)
    };
    if text.get(end..)?.starts_with('.') {
        end += 1;
        end += digits(text.get(end..)?);
    }
    if text.get(end..)?.starts_with(['e', 'E']) {
        end += 1;
        end += usize::from(text.get(end..)?.starts_with(['+', '-']));
        end += digits(text.get(end..)?);
    }
    text.split_at_checked(end)
}

/// What a word stands for in `--set`.
pub(super) fn typed(text: String) -> Value {
    for (word, value) in [
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("null", Value::Null),
    ] {
        if text.eq_ignore_ascii_case(word) {
            return value;
        }
    }
    if text == "0" {
        return 0.into();
    }
    let integer = if text.starts_with('0') {
        None
    } else {
        crate::number::parse_integer(&text, 10)
    };
    integer.map_or_else(|| text.into(), Value::from)
}
