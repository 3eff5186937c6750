//! The values of a HelmRelease: what its references hold, and its own (fluxcd/pkg chartutil).

use serde_json::{Map, Value};
use windlass_object::yaml::{self, Dialect, Limits};

use crate::chart::{merge_values, to_floats};
use crate::strvals::{Setting, set};

/// What one reference may cost; as a manifest.
const LIMITS: Limits = Limits::DEFAULT;

/// What a reference to a ConfigMap or Secret leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesPart {
    /// The text found there.
    pub data: Vec<u8>,
    /// Where the text goes as one value; as YAML to the top where there is none.
    pub target: Option<Target>,
}

/// Where one value goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path, as `--set` has it.
    pub path: String,
    /// Whether the text is taken as it is.
    pub literal: bool,
}

/// Why values do not come together; `part` counts from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ComposeError {
    /// The part.
    pub part: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Puts parts together, later ones over earlier ones, and the release's own values over all. A part with a target is
/// put over what is there by then, its own values among it, and stays over them only inside of maps and lists that
/// no earlier part has given: so it is in Flux, where those are shared.
///
/// # Errors
/// A part is no YAML map, or does not fit where it goes.
pub fn compose_values(
    parts: &[ValuesPart],
    own: &Map<String, Value>,
) -> Result<Map<String, Value>, ComposeError> {
    let mut own = own.clone();
    own.values_mut().for_each(to_floats);
    let mut values = Map::new();
    for (index, part) in parts.iter().enumerate() {
        let fail = |message| ComposeError {
            part: index,
            message,
        };
        match &part.target {
            None => merge_values(&mut values, read(&part.data).map_err(fail)?),
            Some(target) => {
                let before = values.clone();
                merge_values(&mut values, own.clone());
                place(&mut values, target, &String::from_utf8_lossy(&part.data)).map_err(fail)?;
                let lists = target.path.contains('[');
                carry(&before, &mut own, &values, lists);
            }
        }
    }
    merge_values(&mut values, own);
    Ok(values)
}

/// The first document; nothing where there is none.
fn read(data: &[u8]) -> Result<Map<String, Value>, String> {
    let documents = yaml::parse_documents_as(Dialect::Lenient, data, &LIMITS)
        .map_err(|error| error.to_string())?;
    match documents.into_iter().next().map(|document| document.value) {
        None => Ok(Map::new()),
        Some(Value::Object(mut fields)) => {
            fields.values_mut().for_each(to_floats);
            Ok(fields)
        }
        Some(_) => Err("the YAML is no map".to_owned()),
    }
}

/// Puts one value where it goes; between quotes it is text.
fn place(values: &mut Map<String, Value>, target: &Target, text: &str) -> Result<(), String> {
    let path = &target.path;
    if target.literal {
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            if matches!(character, '\\' | ',' | '[' | ']' | '{' | '}') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        return set(values, Setting::Text, &format!("{path}={escaped}"));
    }
    let quoted = |quote: char| text.starts_with(quote) && text.ends_with(quote);
    if quoted('\'') || quoted('"') {
        let text = text.trim_matches(['\'', '"']);
        return set(values, Setting::Text, &format!("{path}={text}"));
    }
    set(values, Setting::Typed, &format!("{path}={text}"))
}

/// Brings what was put into values back into those of the release that shared the map or list it was put into:
/// those that were not there before the release's own came in.
fn carry(
    before: &Map<String, Value>,
    own: &mut Map<String, Value>,
    after: &Map<String, Value>,
    lists: bool,
) {
    for (key, value) in own {
        match (value, before.get(key), after.get(key)) {
            (Value::Object(own), Some(Value::Object(before)), Some(Value::Object(after))) => {
                carry(before, own, after, lists);
            }
            (Value::Object(own), _, Some(Value::Object(after))) => own.clone_from(after),
            // A list that had to grow is another list.
            (Value::Array(own), _, Some(Value::Array(after)))
                if lists && own.len() == after.len() =>
            {
                own.clone_from(after);
            }
            _ => {}
        }
    }
}
