//! What is wrong with values, worded as Helm's validator words it: one line each, causes indented below.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::Location;
use jsonschema::{JsonType, ValidationError};
use serde_json::Value as Json;

use crate::format::float::format_float;
use crate::format::quote::quote;

/// How many lines a report has at most: nobody reads more, and a chart can make millions.
const MAX_LINES: usize = 200;

/// Every error with its causes.
pub(super) fn lines(errors: &[ValidationError<'_>]) -> String {
    let mut report = Report::default();
    report.group(errors, 0);
    if report.left_out {
        report
            .text
            .push_str(&format!("and more than these {MAX_LINES}\n"));
    }
    report.text
}

#[derive(Default)]
struct Report {
    text: String,
    count: usize,
    left_out: bool,
}

// === impl Report ===

impl Report {
    fn group(&mut self, errors: &[ValidationError<'_>], indent: usize) {
        let mut rest = errors;
        while let Some((first, after)) = rest.split_first() {
            let same = missing(first).map_or(0, |_| {
                let same = |error: &&ValidationError<'_>| {
                    missing(error).is_some()
                        && error.instance_path() == first.instance_path()
                        && error.schema_path() == first.schema_path()
                };
                after.iter().take_while(same).count()
            });
            let (same, after) = after.split_at(same);
            if same.is_empty() {
                self.error(first, indent);
            } else {
                let names = std::iter::once(first).chain(same).filter_map(missing);
                let message = format!(
                    "missing properties {}",
                    names.collect::<Vec<_>>().join(", ")
                );
                self.line(first, indent, &message);
            }
            rest = after;
        }
    }

    fn error(&mut self, error: &ValidationError<'_>, indent: usize) {
        if let Kind::UnevaluatedProperties { unexpected } = error.kind() {
            for name in unexpected {
                self.line_at(&error.instance_path().join(name), indent, "false schema");
            }
            return;
        }
        self.line(error, indent, &message(error));
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                for errors in context {
                    match errors.as_slice() {
                        [one] => self.error(one, indent + 1),
                        several => {
                            self.line(error, indent + 1, "validation failed");
                            self.group(several, indent + 2);
                        }
                    }
                }
            }
            Kind::PropertyNames { error } => self.error(error, indent + 1),
            _ => {}
        }
    }

    fn line(&mut self, error: &ValidationError<'_>, indent: usize, message: &str) {
        self.line_at(error.instance_path(), indent, message);
    }

    fn line_at(&mut self, path: &Location, indent: usize, message: &str) {
        if self.count == MAX_LINES {
            self.left_out = true;
            return;
        }
        self.count += 1;
        let blanks = "  ".repeat(indent);
        let path = shown(path.as_str());
        self.text
            .push_str(&format!("{blanks}- at {path}: {message}\n"));
    }
}

/// The name of a property that is missing, where that is the error.
fn missing(error: &ValidationError<'_>) -> Option<String> {
    match error.kind() {
        Kind::Required { property } => Some(display(property)),
        _ => None,
    }
}

fn message(error: &ValidationError<'_>) -> String {
    let instance = error.instance();
    let length = || match instance.as_ref() {
        Json::String(text) => text.chars().count(),
        Json::Array(items) => items.len(),
        Json::Object(fields) => fields.len(),
        _ => 0,
    };
    let count = |name: &str, limit: &u64| format!("{name}: got {}, want {limit}", length());
    let bound = |name: &str, limit: f64| {
        let got = instance.as_f64().unwrap_or_default();
        format!("{name}: got {}, want {}", float(got), float(limit))
    };
    let limit = |limit: &Json| limit.as_f64().unwrap_or_default();
    match error.kind() {
        Kind::Type { kind } => format!("got {}, want {}", type_of(instance), wanted(kind)),
        Kind::Required { property } => format!("missing property {}", display(property)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().map(|name| shown(name)).collect();
            format!("additional properties {} not allowed", names.join(", "))
        }
        Kind::AdditionalItems { limit } => format!(
            "last {} additionalItem(s) not allowed",
            length().saturating_sub(*limit)
        ),
        Kind::Enum { options } => values(options),
        Kind::Constant { expected_value } => match expected_value.as_ref() {
            Json::Array(_) | Json::Object(_) => "'const' failed".to_owned(),
            value => format!("value must be {}", display(value)),
        },
        Kind::Pattern { pattern } => format!(
            "{} does not match pattern {}",
            display(instance),
            shown(pattern)
        ),
        Kind::Format { format } => format!("{} is not valid {format}", display(instance)),
        Kind::MinLength { limit } => count("minLength", limit),
        Kind::MaxLength { limit } => count("maxLength", limit),
        Kind::MinItems { limit } => count("minItems", limit),
        Kind::MaxItems { limit } => count("maxItems", limit),
        Kind::MinProperties { limit } => count("minProperties", limit),
        Kind::MaxProperties { limit } => count("maxProperties", limit),
        Kind::Minimum { limit: wanted } => bound("minimum", limit(wanted)),
        Kind::Maximum { limit: wanted } => bound("maximum", limit(wanted)),
        Kind::ExclusiveMinimum { limit: wanted } => bound("exclusiveMinimum", limit(wanted)),
        Kind::ExclusiveMaximum { limit: wanted } => bound("exclusiveMaximum", limit(wanted)),
        Kind::MultipleOf { multiple_of } => bound("multipleOf", *multiple_of),
        Kind::AnyOf { .. } => "'anyOf' failed".to_owned(),
        Kind::OneOfNotValid { .. } => "'oneOf' failed, none matched".to_owned(),
        Kind::OneOfMultipleValid { .. } => "'oneOf' failed, more than one matched".to_owned(),
        Kind::Not { .. } => "'not' failed".to_owned(),
        Kind::FalseSchema => "false schema".to_owned(),
        Kind::Contains => "no items match contains schema".to_owned(),
        Kind::PropertyNames { error } => {
            format!("invalid propertyName {}", display(error.instance()))
        }
        other => format!("{} failed", shown(other.keyword())),
    }
}

fn values(options: &Json) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let plain = |value: &Json| !value.is_array() && !value.is_object();
    if !options.iter().all(plain) {
        return "'enum' failed".to_owned();
    }
    let shown: Vec<String> = options.iter().map(display).collect();
    let among = if shown.len() == 1 { "" } else { "one of " };
    format!("value must be {among}{}", shown.join(", "))
}

fn wanted(kind: &TypeKind) -> String {
    // The order Helm's validator has them in.
    let order = [
        JsonType::Null,
        JsonType::Boolean,
        JsonType::Number,
        JsonType::Integer,
        JsonType::String,
        JsonType::Array,
        JsonType::Object,
    ];
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(set) => {
            let names = order.into_iter().filter(|one| set.contains(*one));
            names
                .map(|one| one.to_string())
                .collect::<Vec<_>>()
                .join(" or ")
        }
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn display(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".to_owned(),
        Json::String(text) => shown(text),
        Json::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or_default()),
        Json::Array(_) | Json::Object(_) => "value".to_owned(),
        other => other.to_string(),
    }
}

fn float(value: f64) -> String {
    format_float(value, 'g', None)
}

/// In single quotes, with Go's escapes.
fn shown(text: &str) -> String {
    let quoted = quote(text.as_bytes(), false);
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}
