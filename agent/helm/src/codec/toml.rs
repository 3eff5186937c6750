//! TOML as BurntSushi/toml writes and reads it.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::format::MAX_TEXT;
use crate::format::float::format_float;
use crate::time::Time;
use crate::value::{MAX_NESTING, Map, Text, Value};

/// Writes a map.
///
/// # Errors
/// It is no map, or holds what TOML cannot.
pub(crate) fn encode(value: &Value) -> Result<String, Fault> {
    let Value::Map(map) = value else {
        if value.is_nothing() {
            return Err(Fault::new("toml: cannot encode nil"));
        }
        let mut writer = Writer::default();
        writer.element(value, 0)?;
        return Ok(writer.out);
    };
    let mut writer = Writer::default();
    writer.table(&mut Vec::new(), map)?;
    Ok(writer.out)
}

#[derive(Default)]
struct Writer {
    out: String,
}

// === impl Writer ===

impl Writer {
    /// Plain values first, then tables, each sorted by key.
    fn table(&mut self, path: &mut Vec<Text>, map: &Map) -> Result<(), Fault> {
        if path.len() > MAX_NESTING || self.out.len() > MAX_TEXT {
            return Err(Fault::new(
                "toml: the value nests too deep; does it hold itself?",
            ));
        }
        let entries = map.snapshot();
        for (key, value) in &entries {
            if value.is_nothing() || tables(value).is_some() || matches!(value, Value::Map(_)) {
                continue;
            }
            self.indent(path.len());
            self.out.push_str(&quoted_key(key));
            self.out.push_str(" = ");
            self.element(value, 0)?;
            self.out.push('\n');
        }
        for (key, value) in &entries {
            path.push(key.clone());
            if let Value::Map(inner) = value {
                self.header(path, "[", "]");
                self.table(path, inner)?;
            } else if let Some(tables) = tables(value) {
                for inner in tables {
                    self.header(path, "[[", "]]");
                    self.table(path, &inner)?;
                }
            }
            path.pop();
        }
        Ok(())
    }

    fn header(&mut self, path: &[Text], open: &str, close: &str) {
        let keys: Vec<String> = path.iter().map(quoted_key).collect();
        // A table of the top stands apart; so does each of a list.
        if !self.out.is_empty() && (path.len() == 1 || open == "[[") {
            self.out.push('\n');
        }
        self.indent(path.len() - 1);
        self.out
            .push_str(&format!("{open}{}{close}\n", keys.join(".")));
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.out.push_str("  ");
        }
    }

    fn element(&mut self, value: &Value, depth: usize) -> Result<(), Fault> {
        if depth > MAX_NESTING || self.out.len() > MAX_TEXT {
            return Err(Fault::new(
                "toml: the value nests too deep; does it hold itself?",
            ));
        }
        match value {
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value, _) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)),
            Value::Text(text) => self.out.push_str(&quoted(&text.to_str())),
            Value::Time(time) => {
                self.out.push_str(time.json().trim_matches('"'));
            }
            Value::Duration(value) => {
                let text = crate::time::duration_text(*value);
                self.out.push_str(&quoted(&text));
            }
            Value::Version(version) => self.out.push_str(&quoted(&version.to_string())),
            Value::List(list) => {
                self.out.push('[');
                for (index, item) in list.snapshot().iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.element(item, depth + 1)?;
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                let entries = map.snapshot();
                let entries = entries.iter().filter(|(_, value)| !value.is_nothing());
                for (index, (key, value)) in entries.enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.out.push_str(&quoted_key(key));
                    self.out.push_str(" = ");
                    self.element(value, depth + 1)?;
                }
                self.out.push('}');
            }
            Value::Bytes(bytes) => {
                let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                self.out.push_str(&format!("[{}]", numbers.join(", ")));
            }
            Value::Missing | Value::Nil => {
                return Err(Fault::new("toml: cannot encode array with nil element"));
            }
            Value::Struct(_) => {
                return Err(Fault::new(format!(
                    "unsupported type for key '': {}",
                    value.kind_name()
                )));
            }
        }
        Ok(())
    }
}

/// The maps of a list of nothing but maps.
fn tables(value: &Value) -> Option<Vec<Map>> {
    let Value::List(list) = value else {
        return None;
    };
    let items = list.snapshot();
    let tables: Option<Vec<Map>> = items
        .into_iter()
        .map(|item| match item {
            Value::Map(map) => Some(map),
            _ => None,
        })
        .collect();
    tables.filter(|tables| !tables.is_empty())
}

fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format_float(value, 'g', None);
    if text.contains(['.', 'e']) {
        text
    } else {
        format!("{text}.0")
    }
}

fn quoted_key(key: &Text) -> String {
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let text = key.to_str();
    if !key.is_empty() && key.as_bytes().iter().all(bare) {
        return text.into_owned();
    }
    quoted(&text)
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\0'..' ' | '\x7f' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads a map.
///
/// # Errors
/// The text is no TOML.
pub(crate) fn decode(text: &str) -> Result<Value, Fault> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| Fault::new(format!("toml: {}", error.message())))?;
    Ok(from_table(&table))
}

fn from_table(table: &toml::Table) -> Value {
    let entries: BTreeMap<Text, Value> = table
        .iter()
        .map(|(key, value)| (Text::from(key.as_str()), from_toml(value)))
        .collect();
    Value::map(entries)
}

fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::text(text),
        toml::Value::Integer(value) => Value::int64(*value),
        toml::Value::Float(value) => Value::Float(*value),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(value) => from_datetime(value),
        toml::Value::Array(items) => Value::list(items.iter().map(from_toml).collect()),
        toml::Value::Table(table) => from_table(table),
    }
}

fn from_datetime(value: &toml::value::Datetime) -> Value {
    let text = value.to_string();
    let layouts = [
        "2006-01-02T15:04:05Z07:00",
        "2006-01-02T15:04:05",
        "2006-01-02",
        "15:04:05",
    ];
    let read = layouts
        .iter()
        .find_map(|layout| crate::time::parse(layout, &text).ok());
    Value::Time(read.unwrap_or_else(Time::zero))
}
