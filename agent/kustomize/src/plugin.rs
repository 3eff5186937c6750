//! `generators`, `transformers` and `validators`: kustomize's built-in plugins, each configured by an
//! object of its own. Plugins that would start a program are refused by name.

mod gather;
mod generator;
mod transformer;
mod value_add;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use windlass_object::{Map, Value};

pub(crate) use self::generator::Generator;
pub(crate) use self::transformer::Transformer;

use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, WrittenFieldSpec};
use crate::kustomization::without_nulls;
use crate::resource::Resource;

/// The `apiVersion` of built-in plugins.
const BUILT_IN: &str = "builtin";

/// Annotations that make an object the configuration of a container or a program.
const FUNCTIONS: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// Fields of every object, which configure nothing.
const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Field specifications, which some plugins have.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Specs(Vec<WrittenFieldSpec>);

// === impl Specs ===

impl Specs {
    fn into_specs(self) -> Vec<FieldSpec> {
        self.0.into_iter().map(Into::into).collect()
    }
}

/// The kind of a built-in plugin.
///
/// # Errors
/// The object configures a plugin that is not built in.
fn built_in(configuration: &Resource) -> Step<&str> {
    let annotations = configuration.annotations();
    if FUNCTIONS.iter().any(|name| annotations.contains_key(*name)) {
        return Err(Cause::NotImplemented {
            what: format!("{}: a function", configuration.describe()),
            instead: "windlass starts no program and no container; run it before the commit",
        });
    }
    if configuration.api_version() != BUILT_IN {
        return Err(Cause::NotImplemented {
            what: format!("{}: an external plugin", configuration.describe()),
            instead: "windlass starts no program; only plugins with apiVersion: builtin are there",
        });
    }
    Ok(configuration.kind())
}

/// The error for a kind that is not there, or is of the other sort.
fn unknown(configuration: &Resource, wanted: &str) -> Cause {
    let instead = match configuration.kind() {
        "HelmChartInflationGenerator" => Some("use a HelmRelease"),
        // kustomize refuses it, too.
        "SortOrderTransformer" => Some("use the field sortOptions"),
        _ => None,
    };
    if let Some(instead) = instead {
        return Cause::NotImplemented {
            what: configuration.describe(),
            instead,
        };
    }
    Cause::invalid(format!(
        "{} is no built-in {wanted} of kustomize",
        configuration.describe()
    ))
}

/// Reads what an object configures; its metadata is left out.
///
/// # Errors
/// A field is unknown or of the wrong type.
fn settings<T: DeserializeOwned>(configuration: &Resource) -> Step<T> {
    let fields: Map<String, Value> = match &configuration.value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(field, _)| !OBJECT_FIELDS.contains(&field.as_str()))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect(),
        _ => Map::new(),
    };
    serde_json::from_value(without_nulls(Value::Object(fields)))
        .map_err(|error| Cause::invalid(format!("{}: {error}", configuration.describe())))
}
