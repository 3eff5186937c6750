//! The hash that kustomize (and kubectl before it) puts behind the names of generated objects.

use serde_json::json;
use sha2::{Digest, Sha256};
use windlass_object::{Map, Value};

use crate::error::{Cause, Step};
use crate::resource::Resource;

/// How many characters of the hash are used.
const LENGTH: usize = 10;

/// Puts the hash behind the names of all resources that are to have one.
///
/// # Errors
/// As [`name_suffix`].
pub(crate) fn add_suffixes(resources: &mut [Resource]) -> Step<()> {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        let suffix = name_suffix(resource)?;
        resource.remember();
        let name = format!("{}-{suffix}", resource.name());
        resource.set_name(&name);
    }
    Ok(())
}

/// The suffix for a resource as it is now.
///
/// # Errors
/// It is neither a ConfigMap nor a Secret (a patch has changed the kind).
fn name_suffix(resource: &Resource) -> Step<String> {
    let field = |name: &str| resource.value.get(name);
    let or_empty = |name: &str| field(name).cloned().unwrap_or_else(|| json!(""));
    let mut content = Map::new();
    content.insert("kind".to_owned(), json!(resource.kind()));
    // kustomize looks for a field literally called "metadata/name", so the name never counts.
    content.insert("name".to_owned(), json!(""));
    content.insert("data".to_owned(), or_empty("data"));
    let extra = match resource.kind() {
        "ConfigMap" => "binaryData",
        "Secret" => {
            content.insert("type".to_owned(), or_empty("type"));
            "stringData"
        }
        other => {
            return Err(Cause::NotImplemented {
                what: format!("the name hash of a generated object whose kind became {other}"),
                instead: "set disableNameSuffixHash",
            });
        }
    };
    if let Some(Value::Object(entries)) = field(extra) {
        content.insert(extra.to_owned(), Value::Object(entries.clone()));
    }
    Ok(encode(&hex::encode(Sha256::digest(go_json(
        &Value::Object(content),
    )))))
}

/// JSON as Go's encoder writes it: keys sorted, and some characters escaped for HTML.
fn go_json(value: &Value) -> String {
    escape_html(&value.to_string())
}

/// Escapes what Go's JSON encoder escapes and Rust's does not.
pub(crate) fn escape_html(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Vowels, and digits that look like letters, are replaced so that no word can come out.
fn encode(hex: &str) -> String {
    let replace = |character| match character {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    hex.chars().take(LENGTH).map(replace).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::go_json;

    #[test]
    fn json_is_escaped_as_go_escapes_it() {
        let value = json!({"b": "<a href='x'>&\u{2028}", "a": "\u{8}\u{c}\n\u{1}\u{7f}"});
        let expected = r#"{"a":"\b\f\n\u0001"#.to_owned()
            + "\u{7f}"
            + r#"","b":"\u003ca href='x'\u003e\u0026\u2028"}"#;
        assert_eq!(go_json(&value), expected);
    }
}
