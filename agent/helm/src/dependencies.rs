//! Which of its dependencies a chart uses, and the values it takes from them
//! (pkg/chart/v2/util/dependencies.go).

use std::collections::BTreeSet;

use serde_json::{Map as Json, Value as JsonValue};

use crate::chart::{Chart, Dependency};
use crate::coalesce::{Nulls, coalesce, coalesce_tables, to_json};
use crate::semver::{Constraint, Version};
use crate::value::{Map, MapKind, Text, Value};

/// Whether a version meets a constraint; not when either is malformed.
pub(crate) fn is_compatible(constraint: &str, version: &str) -> bool {
    match (Constraint::parse(constraint), Version::parse(version)) {
        (Ok(constraint), Ok(version)) => constraint.allows(&version),
        _ => false,
    }
}

/// The dependencies that Chart.yaml names and `charts/` does not hold, on or off (pkg/action, `CheckDependencies`).
#[must_use]
pub fn missing(chart: &Chart) -> Vec<&str> {
    let wanted = chart.metadata.dependencies.iter();
    let is_there = |name: &str| chart.dependencies.iter().any(|one| one.name() == name);
    let missing = wanted.filter(|wanted| !is_there(&wanted.name));
    missing.map(|wanted| wanted.name.as_str()).collect()
}

/// Drops dependencies that are off, gives those with an alias their name, and imports values.
///
/// # Errors
/// The values of a dependency are no table.
pub(crate) fn process(chart: &mut Chart, values: &Json<String, JsonValue>) -> Result<(), String> {
    enable(chart, values, "")?;
    import(chart)
}

fn enable(chart: &mut Chart, values: &Json<String, JsonValue>, path: &str) -> Result<(), String> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let wanted = &chart.metadata.dependencies;
    let mut used: Vec<Chart> = Vec::new();
    // What Chart.yaml does not name is used as it is.
    let unnamed = chart.dependencies.iter().filter(|existing| {
        !wanted.iter().any(|wanted| {
            existing.name() == wanted.name
                && is_compatible(&wanted.version, &existing.metadata.version)
        })
    });
    used.extend(unnamed.cloned());
    for wanted in &mut chart.metadata.dependencies {
        let found = chart.dependencies.iter().find(|existing| {
            existing.name() == wanted.name
                && is_compatible(&wanted.version, &existing.metadata.version)
        });
        if let Some(found) = found {
            let mut found = found.clone();
            if !wanted.alias.is_empty() {
                found.metadata.name.clone_from(&wanted.alias);
            }
            used.push(found);
        }
        if !wanted.alias.is_empty() {
            wanted.name.clone_from(&wanted.alias);
        }
        wanted.enabled = true;
    }
    chart.dependencies = used;
    let coalesced = coalesce(chart, values, Nulls::Remove)?;
    for wanted in &mut chart.metadata.dependencies {
        apply_tags(wanted, &coalesced);
        apply_conditions(wanted, &coalesced, path);
    }
    let off: BTreeSet<String> = chart
        .metadata
        .dependencies
        .iter()
        .filter(|wanted| !wanted.enabled)
        .map(|wanted| wanted.name.clone())
        .collect();
    chart
        .dependencies
        .retain(|dependency| !off.contains(dependency.name()));
    chart
        .metadata
        .dependencies
        .retain(|wanted| !off.contains(&wanted.name));
    let coalesced = to_json(&coalesced);
    for dependency in &mut chart.dependencies {
        let path = format!("{path}{}.", dependency.name());
        enable(dependency, &coalesced, &path)?;
    }
    Ok(())
}

fn apply_tags(wanted: &mut Dependency, values: &Map) {
    let Some(Value::Map(tags)) = values.get(b"tags") else {
        return;
    };
    let said = wanted.tags.iter().filter_map(|tag| {
        let value = tags.get(tag.as_bytes())?;
        matches!(value, Value::Bool(_)).then(|| value.is_true())
    });
    let said: Vec<bool> = said.collect();
    wanted.enabled = said.is_empty() || said.contains(&true);
}

fn apply_conditions(wanted: &mut Dependency, values: &Map, path: &str) {
    for condition in wanted.condition.trim().split(',') {
        if condition.is_empty() {
            continue;
        }
        let full = format!("{path}{condition}");
        if let Some(Value::Bool(on)) = path_value(values, &full) {
            wanted.enabled = on;
            return;
        }
    }
}

/// What lies at a path of keys with points, unless it is a table.
fn path_value(values: &Map, path: &str) -> Option<Value> {
    let (parent, key) = match path.rsplit_once('.') {
        Some((parent, key)) => (find_table(values, parent)?, key),
        None => (values.clone(), path),
    };
    let value = parent.get(key.as_bytes())?;
    (!matches!(value, Value::Map(_))).then_some(value)
}

fn find_table(values: &Map, path: &str) -> Option<Map> {
    let mut table = values.clone();
    for key in path.split('.') {
        match table.get(key.as_bytes()) {
            Some(Value::Map(inner)) => table = inner,
            _ => return None,
        }
    }
    Some(table)
}

fn import(chart: &mut Chart) -> Result<(), String> {
    for dependency in &mut chart.dependencies {
        import(dependency)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let values = coalesce(chart, &Json::new(), Nulls::Keep)?;
    let imported = Map::new(MapKind::Any, Default::default());
    for dependency in &mut chart.metadata.dependencies {
        let name = dependency.name.clone();
        let mut recorded = Vec::new();
        for import in &dependency.import_values {
            let (child, parent) = match import {
                JsonValue::String(child) => (format!("exports.{child}"), ".".to_owned()),
                JsonValue::Object(fields) => (shown(fields, "child"), shown(fields, "parent")),
                _ => continue,
            };
            recorded.push(serde_json::json!({"child": child, "parent": parent}));
            let Some(found) = find_table(&values, &format!("{name}.{child}")) else {
                continue;
            };
            coalesce_tables(&imported, &below(&parent, found), Nulls::Keep, 0);
        }
        dependency.import_values = recorded;
    }
    // The chart's own values win over what it imports; a copy, because tables are shared.
    let own = crate::coalesce::table(&to_json(&values));
    coalesce_tables(&own, &imported, Nulls::Keep, 0);
    chart.values = to_json(&own);
    Ok(())
}

fn shown(fields: &Json<String, JsonValue>, key: &str) -> String {
    match fields.get(key) {
        Some(JsonValue::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "<nil>".to_owned(),
    }
}

/// A table below a path of keys with points; `.` is the top.
fn below(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.split('.').rev().fold(table, |inner, key| {
        let entries = [(Text::from(key), Value::Map(inner))];
        Map::new(MapKind::Any, entries.into_iter().collect())
    })
}
