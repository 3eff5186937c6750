//! Values that must not be told: what a pass decrypted, and what Secrets gave its variables.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use windlass_object::yaml::{Limits, parse_documents};
use windlass_sops::{Format, is_ciphertext};
use zeroize::Zeroizing;

/// Shorter values would blank out ordinary words, and are no secrets.
const SHORTEST: usize = 3;

/// The values of one work. The API server quotes what it refuses, whatever kind of object it is in.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Arc<Mutex<BTreeSet<Text>>>);

/// Longer texts come first: a value may be part of a longer one, which then goes as a whole.
#[derive(PartialEq, Eq)]
struct Text(Zeroizing<String>);

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
                if text.len() >= SHORTEST {
                    known.insert(Text(Zeroizing::new(text.to_owned())));
                }
            }
        }
    }

    /// Adds the values of a file that was decrypted before a build, also as a Secret would hold them: a patch may put
    /// them into any object, and a replacement copy them there.
    pub(crate) fn add_file(&self, format: Format, encrypted: &[u8], plain: &[u8]) {
        self.add(&STANDARD.encode(plain));
        let text = String::from_utf8_lossy(plain);
        match format {
            Format::Binary => self.add(&text),
            Format::Dotenv | Format::Ini => {
                let values = text
                    .lines()
                    .filter_map(|line| Some(line.split_once('=')?.1));
                for value in values {
                    self.add(value);
                    self.add(&STANDARD.encode(value));
                }
            }
            Format::Json | Format::Yaml => {
                let documents =
                    |bytes| parse_documents(bytes, &Limits::DEFAULT).unwrap_or_default();
                for (before, after) in documents(encrypted).iter().zip(&documents(plain)) {
                    self.add_decrypted(&before.value, &after.value);
                }
            }
        }
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
            .filter(|Text(value)| message.contains(value.as_str()))
        {
            cleaned = cleaned.replace(value.0.as_str(), "***");
        }
        cleaned
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

// === impl Text ===

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |Text(text): &Self| Reverse(text.len());
        key(self)
            .cmp(&key(other))
            .then_with(|| self.0.as_str().cmp(other.0.as_str()))
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
    fn what_a_file_held_is_hidden_in_each_form_that_a_build_gives_it() {
        let hides = |name: &str, format, message: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/sops");
            let read = |half: &str| std::fs::read(format!("{folder}/{half}/{name}")).unwrap();
            let hidden = Hidden::default();
            hidden.add_file(format, &read("encrypted"), &read("plain"));
            hidden.clean(message)
        };
        for (name, format, value) in [
            ("patch.yaml", Format::Yaml, "canary-patch-7f3a91"),
            ("app.env", Format::Dotenv, "canary-env-7f3a91"),
            ("values.yaml", Format::Yaml, "canary-values-7f3a91"),
        ] {
            let message = format!("spec.type: Unsupported value: {value:?}");
            let expected = "spec.type: Unsupported value: \"***\"";
            assert_eq!(hides(name, format, &message), expected, "{name}");
        }
        let encoded = STANDARD.encode("canary-env-7f3a91");
        let message = format!("{encoded:?} has no part 9");
        let cleaned = hides("app.env", Format::Dotenv, &message);
        assert_eq!(cleaned, "\"***\" has no part 9");
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
