//! Values that must not be told: what a pass decrypted, and what Secrets gave its variables.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use windlass_sops::is_ciphertext;
use zeroize::Zeroizing;

/// Shorter values would blank out ordinary words, and are no secrets.
const SHORTEST: usize = 3;

/// The values of one work. The API server quotes what it refuses, whatever kind of object it is in.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Arc<Mutex<Vec<Zeroizing<String>>>>);

// === impl Hidden ===

impl Hidden {
    /// Adds a value, each of its lines, and both as a server quotes them.
    pub(crate) fn add(&self, value: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for part in std::iter::once(value).chain(value.lines()) {
            let part = part.trim();
            let quoted = Zeroizing::new(format!("{part:?}"));
            // Only the two that quoting added: the value may end in one of its own.
            let inner = quoted
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'));
            let inner = inner.unwrap_or(&quoted);
            for text in [part, inner] {
                if text.len() >= SHORTEST && !known.iter().any(|known| known.as_str() == text) {
                    known.push(Zeroizing::new(text.to_owned()));
                }
            }
        }
        // A value may be part of a longer one, which then goes as a whole.
        known.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// Adds every text that was a ciphertext before.
    pub(crate) fn add_decrypted(&self, before: &Value, after: &Value) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (key, value) in before {
                    if let Some(plain) = after.get(key) {
                        self.add_decrypted(value, plain);
                    }
                }
            }
            (Value::Array(before), Value::Array(after)) => {
                for (value, plain) in before.iter().zip(after) {
                    self.add_decrypted(value, plain);
                }
            }
            (Value::String(text), Value::String(plain)) if is_ciphertext(text) => self.add(plain),
            (Value::String(text), Value::Number(plain)) if is_ciphertext(text) => {
                self.add(&plain.to_string());
            }
            _ => {}
        }
    }

    /// A message without the values.
    pub(crate) fn clean(&self, message: &str) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cleaned = message.to_owned();
        for value in known
            .iter()
            .filter(|value| message.contains(value.as_str()))
        {
            cleaned = cleaned.replace(value.as_str(), "***");
        }
        cleaned
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_do_not_come_through_in_any_form() {
        let hidden = Hidden::default();
        hidden.add("canary");
        hidden.add("canary-longer");
        hidden.add("two\nlines \"quoted\"");
        hidden.add("no");
        for (message, expected) in [
            ("nothing here", "nothing here"),
            ("no: canary!", "no: ***!"),
            ("canary-longer and canary", "*** and ***"),
            ("got two\nlines \"quoted\"", "got ***"),
            ("got \"two\\nlines \\\"quoted\\\"\"", "got \"***\""),
            ("only lines \"quoted\" of it", "only *** of it"),
        ] {
            assert_eq!(hidden.clean(message), expected);
        }
        assert_eq!(format!("{hidden:?}"), "***");
    }

    #[test]
    fn only_what_was_encrypted_is_hidden() {
        let hidden = Hidden::default();
        let before =
            json!({"a": ["ENC[AES256_GCM,data:x"], "b": "visible", "c": "ENC[AES256_GCM,data:y"});
        let after = json!({"a": ["secret"], "b": "visible", "c": 12345});
        hidden.add_decrypted(&before, &after);
        assert_eq!(hidden.clean("visible secret 12345"), "visible *** ***");
    }
}
