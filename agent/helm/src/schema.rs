//! values.schema.json, checked as Helm does, but from what the chart holds alone and within bounds.

mod cost;
mod report;

use jsonschema::{PatternOptions, Retrieve, Uri};
use serde_json::Value as Json;

use crate::chart::Chart;
use crate::value::{Map, Value};

/// Where Helm says the schema lies; relative references are resolved against it.
const BASE: &str = "file:///values.schema.json";

/// What the program of one regular expression may take: Unicode classes in large repetitions fit, and a chart
/// with hundreds of them stays small.
const MAX_PATTERN: usize = 1 << 20;

/// Checks the values of a chart and of those it brings along; the error names each chart and what is wrong.
pub(crate) fn check(chart: &Chart, values: &Map) -> Result<(), String> {
    let mut report = String::new();
    collect(chart, values, &mut report);
    if report.is_empty() {
        Ok(())
    } else {
        Err(report)
    }
}

fn collect(chart: &Chart, values: &Map, report: &mut String) {
    if let Some(schema) = &chart.schema {
        let mut values = Json::Object(crate::coalesce::to_json(values));
        to_integers(&mut values);
        if let Err(wrong) = check_one(schema, &values) {
            report.push_str(&format!("{}:\n{wrong}", chart.name()));
        }
    }
    for dependency in &chart.dependencies {
        let name = dependency.name();
        match values.get(name.as_bytes()) {
            None | Some(Value::Nil | Value::Missing) => {}
            Some(Value::Map(inner)) => collect(dependency, &inner, report),
            Some(other) => report.push_str(&format!(
                "{name}:\ninvalid type for values: expected object (map), got {}\n",
                other.type_name()
            )),
        }
    }
}

/// Floats without a fraction are integers in every draft, as Helm's validator has it.
fn to_integers(value: &mut Json) {
    match value {
        Json::Number(number) => {
            let float = number.as_f64().filter(|float| float.fract() == 0.0);
            if let Some(integer) = float.and_then(|float| format!("{float:.0}").parse::<i64>().ok())
            {
                *number = integer.into();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(to_integers),
        Json::Object(fields) => fields.values_mut().for_each(to_integers),
        _ => {}
    }
}

fn check_one(schema: &[u8], values: &Json) -> Result<(), String> {
    let schema: Json = serde_json::from_slice(schema)
        .map_err(|error| format!("values.schema.json is no JSON: {error}\n"))?;
    cost::check(&schema, values)?;
    let options = jsonschema::options()
        .with_base_uri(BASE)
        .with_retriever(Nothing)
        // Remarks for Helm's validator.
        .without_content_encoding_support("base64")
        .without_content_media_type_support("application/json")
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN));
    let validator = options
        .build(&schema)
        .map_err(|error| format!("values.schema.json cannot be used: {error}\n"))?;
    let errors: Vec<_> = validator.iter_errors(values).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(report::lines(&errors))
    }
}

/// Answers every reference out of the schema.
#[derive(Debug)]
struct Nothing;

// === impl Nothing ===

impl Retrieve for Nothing {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        // Helm takes a URN for a schema that allows everything.
        if uri.scheme().as_str() == "urn" {
            return Ok(Json::Bool(true));
        }
        Err(format!(
            "{uri} lies outside of the chart, and no schema is fetched or read from a file; \
             copy it below `$defs` in values.schema.json"
        )
        .into())
    }
}
