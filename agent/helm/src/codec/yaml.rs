//! YAML as sigs.k8s.io/yaml writes and reads it: through JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_object::yaml::{self, Dialect, Limits};

use crate::codec::json::from_json_as_floats;
use crate::fault::Fault;
use crate::format::float::format_float;
use crate::value::{IntKind, MAX_NESTING, Value};

/// What YAML in a template may cost; as a manifest's.
const LIMITS: Limits = Limits::DEFAULT;

/// Writes a value, with a line's end at the end.
///
/// # Errors
/// It holds itself, or a number that JSON cannot hold.
pub(crate) fn encode(value: &Value) -> Result<String, Fault> {
    let mut left = LIMITS.nodes;
    Ok(yaml::to_string(&to_json(value, 0, &mut left)?))
}

/// Reads the first document; null where there is none. Every number is a float64.
///
/// # Errors
/// The text is no YAML.
pub(crate) fn decode(text: &[u8]) -> Result<Value, Fault> {
    let documents = yaml::parse_documents_as(Dialect::Lenient, text, &LIMITS)
        .map_err(|error| Fault::new(format!("error converting YAML to JSON: yaml: {error}")))?;
    let first = documents.first();
    Ok(first.map_or(Value::Nil, |first| from_json_as_floats(&first.value)))
}

/// The JSON of a value, as encoding/json would write and a YAML reader read it.
fn to_json(value: &Value, depth: usize, left: &mut usize) -> Result<serde_json::Value, Fault> {
    let Some(rest) = left.checked_sub(1) else {
        return Err(Fault::new("the value is too large to be written as YAML"));
    };
    *left = rest;
    if depth > MAX_NESTING {
        return Err(Fault::new(
            "json: unsupported value: encountered a cycle via map[string]interface {}",
        ));
    }
    Ok(match value {
        Value::Missing | Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value, IntKind::Uint64) => value.cast_unsigned().into(),
        Value::Int(value, _) | Value::Duration(value) => (*value).into(),
        Value::Float(value) => float(*value)?,
        Value::Text(text) => text.to_str().into_owned().into(),
        Value::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Value::List(list) if list.nil => serde_json::Value::Null,
        Value::List(list) => {
            let items = list.snapshot();
            let items = items.iter().map(|item| to_json(item, depth + 1, left));
            serde_json::Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => {
            let mut fields = serde_json::Map::new();
            for (key, value) in map.snapshot() {
                let value = to_json(&value, depth + 1, left)?;
                fields.insert(key.to_str().into_owned(), value);
            }
            serde_json::Value::Object(fields)
        }
        Value::Struct(structure) => {
            let mut fields = serde_json::Map::new();
            for field in &structure.fields {
                if let Some(name) = field.json {
                    fields.insert(name.to_owned(), to_json(&field.value, depth + 1, left)?);
                }
            }
            serde_json::Value::Object(fields)
        }
        Value::Version(version) => version.to_string().into(),
        Value::Time(time) => time.json().trim_matches('"').to_owned().into(),
    })
}

/// What a scalar is where Go expects text (sigs.k8s.io/yaml looks at what it reads into); none for lists and maps.
pub(crate) fn as_text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => Some(String::new()),
        serde_json::Value::Bool(value) => Some(value.to_string()),
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() => Some(format_float(value, 'g', None)),
            _ => Some(number.to_string()),
        },
        serde_json::Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// A float; the emitter writes it as the number that JSON has for it.
fn float(value: f64) -> Result<serde_json::Value, Fault> {
    if value == 0.0 {
        // JSON's -0 is YAML's 0.
        return Ok(0.into());
    }
    match serde_json::Number::from_f64(value) {
        Some(number) => Ok(number.into()),
        None => Err(Fault::new(format!(
            "json: unsupported value: {}",
            format_float(value, 'g', None)
        ))),
    }
}
