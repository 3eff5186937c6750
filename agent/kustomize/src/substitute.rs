//! Flux's post-build substitution: `${VAR}` in the YAML text of each object.
//!
//! The language is that of fluxcd/pkg envsubst 1.9 (a shell's parameter expansion, in part), the
//! rules around it those of fluxcd/pkg kustomize (`kustomize_varsub.go`).

mod expression;
mod functions;
mod glob;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_object::yaml::{Limits, YamlError, parse_documents, to_string};
use windlass_object::{Object, Value};

use crate::build::Built;

pub use expression::ExpressionError;

/// The label or annotation that keeps an object as it is when its value is `disabled`.
const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// When there is anything to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Only if there are variables: `spec.postBuild.substituteStrategy: WithVariables`.
    #[default]
    WithVariables,
    /// Always, for defaults in the text: `Always`.
    Always,
}

/// What happens to a variable that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unset {
    /// It is an error, unless a default is written: Flux since kustomize-controller 1.9.
    #[default]
    Error,
    /// It is empty: Flux with the feature gate StrictPostBuildSubstitutions off.
    Empty,
}

/// How to substitute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// When there is anything to do.
    pub strategy: Strategy,
    /// What happens to a variable that is not there.
    pub unset: Unset,
}

/// Why variables cannot be substituted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubstituteError {
    /// A variable's name is not one that can be written.
    #[error(
        "the variable name {name:?} is not valid; use letters, digits and underscores, and no digit first"
    )]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The text of an object has an expression that cannot be evaluated.
    #[error("{origin}:{line}: {object}: {source}")]
    Expression {
        /// The file the object was written in.
        origin: String,
        /// The line it starts on.
        line: usize,
        /// The object, as `Kind/namespace/name`.
        object: String,
        /// What is wrong.
        #[source]
        source: ExpressionError,
    },
    /// With the values in it, the text of an object is no YAML.
    #[error(
        "{origin}:{line}: {object}: after substitution the object is no YAML ({source}); quote the expression"
    )]
    Yaml {
        /// The file the object was written in.
        origin: String,
        /// The line it starts on.
        line: usize,
        /// The object, as `Kind/namespace/name`.
        object: String,
        /// What is wrong, with line and column in the object's own text.
        #[source]
        source: YamlError,
    },
    /// With the values in it, the text is no Kubernetes object.
    #[error(
        "{origin}:{line}: {object}: after substitution this is no Kubernetes object: {message}"
    )]
    NotAnObject {
        /// The file the object was written in.
        origin: String,
        /// The line it starts on.
        line: usize,
        /// The object, as `Kind/namespace/name`.
        object: String,
        /// What is missing.
        message: String,
    },
}

/// The variables that a ConfigMap or a Secret holds, as `substituteFrom` reads them: text only, and each
/// on one line.
#[must_use]
pub fn values_of(object: &Object) -> BTreeMap<String, String> {
    let fields = object.pointer("/data").and_then(Value::as_object);
    let value = |(name, value): (&String, &Value)| {
        let text = value.as_str()?;
        let text = if object.kind() == "Secret" {
            String::from_utf8(STANDARD.decode(text).ok()?).ok()?
        } else {
            text.to_owned()
        };
        Some((name.clone(), text.replace('\n', "")))
    };
    fields.into_iter().flatten().filter_map(value).collect()
}

/// Substitutes variables in the YAML text of each object, which is then read again as Flux does, with
/// sigs.k8s.io/yaml (so that a value may become a number, or `yes` a boolean). Line breaks in values are dropped, as in Flux.
///
/// # Errors
/// A name is not valid, even if it is not used; an expression cannot be evaluated; or the text is no
/// object any more. No value is in the message.
pub fn substitute(
    objects: &mut [Built],
    variables: &BTreeMap<String, String>,
    options: Options,
) -> Result<(), SubstituteError> {
    if variables.is_empty() && options.strategy == Strategy::WithVariables {
        return Ok(());
    }
    if let Some(name) = variables.keys().find(|name| !is_name(name)) {
        return Err(SubstituteError::InvalidName { name: name.clone() });
    }
    let values: BTreeMap<&str, String> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.replace('\n', "")))
        .collect();
    let lookup = |name: &str| match values.get(name) {
        Some(value) => Some(value.clone()),
        None if options.unset == Unset::Empty => Some(String::new()),
        None => None,
    };
    objects
        .iter_mut()
        .filter(|built| !is_disabled(&built.object))
        .try_for_each(|built| substitute_one(built, &lookup))
}

/// Substitutes variables in a text that is no object, as `flux envsubst` does line by line.
///
/// # Errors
/// An expression cannot be evaluated. No value is in the message.
pub fn evaluate(
    text: &str,
    unset: Unset,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ExpressionError> {
    let empty = || (unset == Unset::Empty).then(String::new);
    expression::evaluate(text, &|name| variable(name).or_else(empty))
}

fn substitute_one(
    built: &mut Built,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), SubstituteError> {
    let text = to_string(built.object.as_value());
    if !text.contains('$') {
        return Ok(());
    }
    let place = || {
        (
            built.origin.clone(),
            built.line,
            built.object.key().to_string(),
        )
    };
    let text = expression::evaluate(&text, lookup).map_err(|source| {
        let (origin, line, object) = place();
        SubstituteError::Expression {
            origin,
            line,
            object,
            source,
        }
    })?;
    let mut documents = parse_documents(text.as_bytes(), &Limits::DEFAULT).map_err(|source| {
        let (origin, line, object) = place();
        SubstituteError::Yaml {
            origin,
            line,
            object,
            source,
        }
    })?;
    let not_an_object = |message: String| {
        let (origin, line, object) = place();
        SubstituteError::NotAnObject {
            origin,
            line,
            object,
            message,
        }
    };
    let document = match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => document,
        _ => return Err(not_an_object("it must be one document".to_owned())),
    };
    let object = Object::from_value(document.value);
    built.object = object.map_err(|error| not_an_object(error.to_string()))?;
    Ok(())
}

fn is_disabled(object: &Object) -> bool {
    [object.label(SWITCH), object.annotation(SWITCH)].contains(&Some("disabled"))
}

fn is_name(name: &str) -> bool {
    let starts = |first: char| first.is_ascii_alphabetic() || first == '_';
    name.starts_with(starts)
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests;
