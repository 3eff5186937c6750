//! Keeps the values of a Secret out of what the server says about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Shortest value that is looked for by itself: shorter ones would blank out ordinary words.
const SHORTEST: usize = 3;
/// The words after which the server quotes what it was sent.
const QUOTES: [&str; 4] = ["invalid value:", "value:", "got &value", "error decoding"];

/// What must not appear in a message: nothing for ordinary objects, every value for a Secret.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    secret: bool,
    values: Vec<String>,
}

impl Redactor {
    /// For a request that carries no Secret.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Takes the body of a request on a Secret and gives what hides its values.
    pub(crate) fn for_secret(body: &Value) -> Self {
        let mut values = Vec::new();
        for field in ["data", "stringData"] {
            collect(body.get(field).unwrap_or(&Value::Null), &mut values);
        }
        if let Some(annotations) = body.pointer("/metadata/annotations") {
            collect(annotations, &mut values);
        }
        if body.is_array() {
            collect(body, &mut values);
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self {
            secret: true,
            values,
        }
    }

    /// Takes a message and gives it without the values.
    pub(crate) fn clean(&self, message: &str) -> String {
        if !self.secret {
            return message.to_owned();
        }
        let mut cleaned = message.to_owned();
        for value in &self.values {
            cleaned = cleaned.replace(value.as_str(), "***");
        }
        cut_quotes(&cleaned)
    }
}

/// Cuts a message where the server begins to quote the object: its quoting escapes in ways a search
/// does not see.
fn cut_quotes(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let cut = QUOTES
        .iter()
        .filter_map(|quote| lower.find(quote).map(|start| start + quote.len()))
        .min();
    match cut.and_then(|end| message.get(..end)) {
        Some(kept) => format!("{kept} ***"),
        None => message.to_owned(),
    }
}

fn collect(value: &Value, values: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            push(text.clone(), values);
            push(text.trim().to_owned(), values);
            if let Some(decoded) = STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
            {
                push(decoded.trim().to_owned(), values);
            }
            push(STANDARD.encode(text), values);
        }
        Value::Number(number) => push(number.to_string(), values),
        Value::Array(items) => items.iter().for_each(|item| collect(item, values)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, values)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn push(text: String, values: &mut Vec<String>) {
    if text.len() >= SHORTEST {
        values.push(text);
    }
}

#[cfg(test)]
mod tests;
