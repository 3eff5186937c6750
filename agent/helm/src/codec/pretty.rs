//! YAML as go-yaml v3 writes it, lists indented: `toYamlPretty`.

use windlass_object::yaml;

use crate::fault::Fault;
use crate::format::MAX_TEXT;
use crate::format::float::format_float;
use crate::format::quote::quote;
use crate::value::{MAX_NESTING, Map, Value};

/// Writes a value.
///
/// # Errors
/// It holds itself, or is too long.
pub(crate) fn encode(value: &Value) -> Result<String, Fault> {
    let mut writer = Writer::default();
    writer.value(value, 0, Place::Top)?;
    Ok(writer.out)
}

#[derive(Default)]
struct Writer {
    out: String,
}

/// What a value stands behind.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Top,
    Key,
    Dash,
}

// === impl Writer ===

impl Writer {
    fn value(&mut self, value: &Value, depth: usize, place: Place) -> Result<(), Fault> {
        if depth > MAX_NESTING || self.out.len() > MAX_TEXT {
            return Err(Fault::new(
                "yaml: the value nests too deep; does it hold itself?",
            ));
        }
        match value {
            Value::Map(map) if !map.entries.borrow().is_empty() => self.map(map, depth, place),
            Value::List(list) if list.len() > 0 => self.list(&list.snapshot(), depth, place),
            other => {
                let text = scalar(other, depth)?;
                if place != Place::Top {
                    self.out.push(' ');
                }
                self.out.push_str(&text);
                self.out.push('\n');
                Ok(())
            }
        }
    }

    fn map(&mut self, map: &Map, depth: usize, place: Place) -> Result<(), Fault> {
        if place == Place::Key {
            self.out.push('\n');
        }
        for (index, (key, value)) in sorted(map).iter().enumerate() {
            if place == Place::Dash && index == 0 {
                self.out.push(' ');
            } else {
                self.indent(depth);
            }
            self.out.push_str(&scalar(&Value::text(key), depth)?);
            self.out.push(':');
            self.value(value, depth + 1, Place::Key)?;
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], depth: usize, place: Place) -> Result<(), Fault> {
        if place == Place::Key {
            self.out.push('\n');
        }
        for (index, item) in items.iter().enumerate() {
            if place == Place::Dash && index == 0 {
                self.out.push(' ');
            } else {
                self.indent(depth);
            }
            self.out.push('-');
            self.value(item, depth + 1, Place::Dash)?;
        }
        Ok(())
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.out.push_str("  ");
        }
    }
}

/// The entries in go-yaml's order, which the emitter of manifests knows.
fn sorted(map: &Map) -> Vec<(String, Value)> {
    let entries = map.snapshot();
    let keys: serde_json::Map<String, serde_json::Value> = entries
        .iter()
        .map(|(key, _)| (key.to_str().into_owned(), serde_json::Value::Null))
        .collect();
    yaml::sorted_keys(&keys)
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), map.get(key.as_bytes())?)))
        .collect()
}

fn scalar(value: &Value, depth: usize) -> Result<String, Fault> {
    Ok(match value {
        Value::Float(value) if value.is_nan() => ".nan".to_owned(),
        Value::Float(value) if value.is_infinite() => {
            if *value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
        }
        Value::Float(value) => format_float(*value, 'g', None),
        Value::Text(text) => self::text(&text.to_str(), depth),
        Value::Duration(value) => crate::time::duration_text(*value),
        other => {
            let text = crate::codec::yaml::encode(other)?;
            text.trim_end().to_owned()
        }
    })
}

/// A text in the style that the emitter of manifests chooses, but never folded.
fn text(text: &str, depth: usize) -> String {
    let written = yaml::to_string(&text.into());
    match written.chars().next() {
        Some('\'') => format!("'{}'", text.replace('\'', "''")),
        Some('"') => quote(text.as_bytes(), false),
        Some('|') => {
            let (header, _) = written.split_once('\n').unwrap_or((&written, ""));
            let indent = "  ".repeat(depth.max(1));
            let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
            let lines = lines.map(|line| {
                if line.is_empty() {
                    String::new()
                } else {
                    format!("{indent}{line}")
                }
            });
            let lines: Vec<String> = lines.collect();
            format!("{header}\n{}", lines.join("\n"))
        }
        _ => text.to_owned(),
    }
}
