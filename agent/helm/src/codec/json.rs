//! JSON as encoding/json writes and reads it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fault::Fault;
use crate::format::MAX_TEXT;
use crate::format::float::json_float;
use crate::value::{IntKind, MAX_NESTING, Text, Value};

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// `<`, `>` and `&` written as they are, not as escapes.
    pub(crate) raw: bool,
    /// Two blanks per level.
    pub(crate) indented: bool,
}

/// Writes a value.
///
/// # Errors
/// It holds itself, an infinite number, or is too long.
pub(crate) fn encode(value: &Value, style: Style) -> Result<String, Fault> {
    let mut writer = Writer {
        out: String::new(),
        style,
        depth: 0,
    };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    style: Style,
    depth: usize,
}

// === impl Writer ===

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), Fault> {
        if self.depth > MAX_NESTING || self.out.len() > MAX_TEXT {
            return Err(Fault::new(
                "json: unsupported value: encountered a cycle via map[string]interface {}",
            ));
        }
        match value {
            Value::Missing | Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value, IntKind::Uint64) => {
                self.out.push_str(&value.cast_unsigned().to_string());
            }
            Value::Int(value, _) | Value::Duration(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) if value.is_finite() => self.out.push_str(&json_float(*value)),
            Value::Float(value) => {
                let shown = crate::format::float::format_float(*value, 'g', None);
                return Err(Fault::new(format!("json: unsupported value: {shown}")));
            }
            Value::Text(text) => self.text(text.as_bytes()),
            Value::Bytes(bytes) => self.text(STANDARD.encode(bytes).as_bytes()),
            Value::List(list) if list.nil => self.out.push_str("null"),
            Value::List(list) => {
                let items = list.snapshot();
                self.sequence('[', ']', items.iter(), |writer, item| writer.value(item))?;
            }
            Value::Map(map) => {
                let entries = map.snapshot();
                self.sequence('{', '}', entries.iter(), |writer, (key, value)| {
                    writer.field(key.as_bytes(), value)
                })?;
            }
            Value::Struct(structure) => {
                let fields = structure.fields.iter();
                let fields = fields.filter_map(|field| Some((field.json?, &field.value)));
                self.sequence('{', '}', fields, |writer, (name, value)| {
                    writer.field(name.as_bytes(), value)
                })?;
            }
            Value::Version(version) => self.text(version.to_string().as_bytes()),
            Value::Time(time) => self.out.push_str(&time.json()),
        }
        Ok(())
    }

    fn field(&mut self, key: &[u8], value: &Value) -> Result<(), Fault> {
        self.text(key);
        self.out.push(':');
        if self.style.indented {
            self.out.push(' ');
        }
        self.value(value)
    }

    fn sequence<T>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.out.push(open);
        self.depth += 1;
        let mut empty = true;
        for item in items {
            if !empty {
                self.out.push(',');
            }
            empty = false;
            self.new_line();
            write(self, item)?;
        }
        self.depth -= 1;
        if !empty {
            self.new_line();
        }
        self.out.push(close);
        Ok(())
    }

    fn new_line(&mut self) {
        if self.style.indented {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                self.character(character);
            }
            // Each wrong byte is replaced by itself.
            for _ in chunk.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '\x08' => self.out.push_str("\\b"),
            '\x0c' => self.out.push_str("\\f"),
            '<' | '>' | '&' if !self.style.raw => self.escape(character),
            '\0'..' ' | '\u{2028}' | '\u{2029}' => self.escape(character),
            _ => self.out.push(character),
        }
    }

    fn escape(&mut self, character: char) {
        self.out
            .push_str(&format!("\\u{:04x}", u32::from(character)));
    }
}

/// Reads JSON; every number is a float64.
///
/// # Errors
/// The text is no JSON.
pub(crate) fn decode(text: &[u8]) -> Result<Value, Fault> {
    let json: serde_json::Value =
        serde_json::from_slice(text).map_err(|error| Fault::new(format!("json: {error}")))?;
    Ok(from_json_as_floats(&json))
}

/// The value of JSON as Go reads it into an `interface{}`: every number a float64.
pub(crate) fn from_json_as_floats(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        serde_json::Value::Array(items) => {
            Value::list(items.iter().map(from_json_as_floats).collect())
        }
        serde_json::Value::Object(fields) => {
            let entries = fields
                .iter()
                .map(|(key, value)| (Text::from(key.as_str()), from_json_as_floats(value)));
            Value::map(entries.collect::<BTreeMap<_, _>>())
        }
        other => Value::from_json(other),
    }
}
