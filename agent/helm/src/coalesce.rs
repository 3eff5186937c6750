//! The values of a chart and of those it brings along, laid over each other as Helm does
//! (pkg/chart/common/util/coalesce.go). What Helm shares between charts is shared here.

use std::collections::BTreeSet;

use crate::chart::Chart;
use crate::value::{Map, MapKind, Text, Value};

/// Whether a null removes a key or is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    Remove,
    Keep,
}

/// How deep tables are laid over each other; YAML and JSON in are bounded far below.
const MAX_DEPTH: usize = 1000;

const GLOBAL: &[u8] = b"global";

/// Lays the user's values over the chart's.
///
/// # Errors
/// The values of a dependency are no table.
pub(crate) fn coalesce(
    chart: &Chart,
    values: &serde_json::Map<String, serde_json::Value>,
    nulls: Nulls,
) -> Result<Map, String> {
    let values = table(values);
    coalesce_chart(chart, &values, nulls)?;
    Ok(values)
}

/// What an upgrade is made of that keeps what the last revision was given (`helm upgrade --reuse-values`).
#[derive(Clone, Debug, PartialEq)]
pub struct Reused {
    /// The user's values: the new ones over those of the last revision. A null takes one away.
    pub values: Json,
    /// The chart's values: those of the last revision's chart, with what the user had set.
    pub defaults: Json,
}

type Json = serde_json::Map<String, serde_json::Value>;

/// Lays new values over those of the last revision, of whose chart only the values count.
#[must_use]
pub fn reuse(values: &Json, last: &Json, last_defaults: &Json) -> Reused {
    let over = table(values);
    coalesce_tables(&over, &table(last), Nulls::Remove, 0);
    let chart = Chart {
        values: last_defaults.clone(),
        ..Chart::default()
    };
    let defaults = table(last);
    coalesce_values(&chart, &defaults, Nulls::Remove);
    Reused {
        values: to_json(&over),
        defaults: to_json(&defaults),
    }
}

/// A table of JSON as a map of its own.
pub(crate) fn table(values: &serde_json::Map<String, serde_json::Value>) -> Map {
    let entries = values
        .iter()
        .map(|(key, value)| (Text::from(key.as_str()), Value::from_json(value)));
    Map::new(MapKind::Any, entries.collect())
}

fn coalesce_chart(chart: &Chart, values: &Map, nulls: Nulls) -> Result<(), String> {
    coalesce_values(chart, values, nulls);
    for dependency in &chart.dependencies {
        let name = dependency.name().as_bytes();
        let inner = match values.get(name) {
            None => {
                let inner = Map::new(MapKind::Any, Default::default());
                values.insert(Text::from(name), Value::Map(inner.clone()));
                inner
            }
            Some(Value::Map(inner)) => inner,
            Some(_) => {
                return Err(format!(
                    "the values of the dependency {:?} are no table; write a map below that key",
                    dependency.name()
                ));
            }
        };
        coalesce_globals(&inner, values);
        coalesce_chart(dependency, &inner, nulls)?;
    }
    Ok(())
}

/// Hands the parent's globals down.
fn coalesce_globals(values: &Map, parent: &Map) {
    let own = match values.get(GLOBAL) {
        None => Map::new(MapKind::Any, Default::default()),
        Some(Value::Map(own)) => own,
        Some(_) => return,
    };
    let given = match parent.get(GLOBAL) {
        None => Vec::new(),
        Some(Value::Map(given)) => given.snapshot(),
        Some(_) => return,
    };
    for (key, value) in given {
        let known = own.get(key.as_bytes());
        match (value, known) {
            (Value::Map(given), known) => {
                let copy = Map::new(MapKind::Any, given.snapshot().into_iter().collect());
                match known {
                    None => own.insert(key, Value::Map(copy)),
                    Some(Value::Map(known)) => {
                        // The parent's wins here.
                        coalesce_tables(&copy, &known, Nulls::Keep, 0);
                        own.insert(key, Value::Map(copy));
                    }
                    Some(_) => {}
                }
            }
            (_, Some(Value::Map(_))) => {}
            (value, _) => own.insert(key, value),
        }
    }
    values.insert(Text::from(GLOBAL), Value::Map(own));
}

fn coalesce_values(chart: &Chart, values: &Map, nulls: Nulls) {
    for (key, default) in table(&chart.values).snapshot() {
        match values.get(key.as_bytes()) {
            Some(Value::Nil) if nulls == Nulls::Remove => {
                values.entries.borrow_mut().remove(key.as_bytes());
            }
            Some(Value::Map(given)) => {
                if let Value::Map(default) = default {
                    let is_dependency = chart
                        .dependencies
                        .iter()
                        .any(|dependency| dependency.name().as_bytes() == key.as_bytes());
                    let nulls = if is_dependency { Nulls::Keep } else { nulls };
                    if nulls == Nulls::Remove {
                        remove_nulls(&default, 0);
                    }
                    coalesce_tables(&given, &default, nulls, 0);
                }
            }
            Some(_) => {}
            None => {
                if nulls == Nulls::Remove {
                    match &default {
                        Value::Nil => continue,
                        Value::Map(default) => remove_nulls(default, 0),
                        _ => {}
                    }
                }
                values.insert(key, default);
            }
        }
    }
}

/// Lays one table over another, whose tables it takes over.
pub(crate) fn coalesce_tables(over: &Map, under: &Map, nulls: Nulls, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    let said: BTreeSet<Text> = under
        .snapshot()
        .into_iter()
        .filter(|(_, value)| !value.is_nothing())
        .map(|(key, _)| key)
        .collect();
    for (key, value) in over.snapshot() {
        if value.is_nothing() {
            under.insert(key, Value::Nil);
        }
    }
    for (key, value) in under.snapshot() {
        match (over.get(key.as_bytes()), value) {
            (Some(Value::Nil), _) if nulls == Nulls::Remove && said.contains(&key) => {
                over.entries.borrow_mut().remove(key.as_bytes());
            }
            (None, value) => over.insert(key, value),
            (Some(Value::Map(over)), Value::Map(under)) => {
                coalesce_tables(&over, &under, nulls, depth + 1);
            }
            _ => {}
        }
    }
}

fn remove_nulls(map: &Map, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for (key, value) in map.snapshot() {
        match value {
            Value::Nil | Value::Missing => {
                map.entries.borrow_mut().remove(key.as_bytes());
            }
            Value::Map(inner) => remove_nulls(&inner, depth + 1),
            _ => {}
        }
    }
}

/// A table as JSON again; integers stay integers.
pub(crate) fn to_json(map: &Map) -> serde_json::Map<String, serde_json::Value> {
    let entries = map.snapshot().into_iter();
    entries
        .map(|(key, value)| (key.to_str().into_owned(), json(&value)))
        .collect()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value, _) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.to_str().into_owned().into(),
        Value::List(list) => list.snapshot().iter().map(json).collect(),
        Value::Map(map) => to_json(map).into(),
        // Values come from JSON, which has nothing else.
        _ => serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: serde_json::Value) -> Json {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_the_last_revision_was_given_stays_where_nothing_new_is_said() {
        let reused = reuse(
            &map(json!({"b": {"y": 3}, "gone": null})),
            &map(json!({"a": 1, "b": {"x": 1, "y": 2}, "gone": 1})),
            &map(json!({"a": 0, "c": 7, "gone": 0})),
        );
        assert_eq!(reused.values, map(json!({"a": 1, "b": {"x": 1, "y": 3}})));
        let defaults = json!({"a": 1, "b": {"x": 1, "y": 2}, "c": 7, "gone": 1});
        assert_eq!(reused.defaults, map(defaults));
    }
}
