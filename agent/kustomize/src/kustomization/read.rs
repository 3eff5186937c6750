//! Reading a kustomization file: every field is known, or it is an error that names it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use windlass_object::{Map, Value};

use super::lines::top_level_lines;
use super::{BuildMetadata, Kind, Kustomization, OpenApi};
use crate::error::{BuildError, Cause, Place, Step};
use crate::load::parse_own;

const KUSTOMIZATION_VERSION: &str = "kustomize.config.k8s.io/v1beta1";
const COMPONENT_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";

/// The OpenAPI document kustomize 5.8.1 carries, and so the one version that may be asked for.
const OPENAPI_VERSION: &str = "v1.21.2";

/// A field that cannot be used.
#[derive(Debug)]
pub(crate) struct Misread {
    /// Where in the field, as `[2].target`.
    pub(crate) within: String,
    pub(crate) cause: Cause,
}

impl From<Cause> for Misread {
    fn from(cause: Cause) -> Self {
        let within = String::new();
        Misread { within, cause }
    }
}

// === impl Kustomization ===

impl Kustomization {
    /// Reads the file of a directory.
    ///
    /// # Errors
    /// It is no YAML, has more than one document, or has a field that is unknown, not supported or
    /// of the wrong type.
    pub(crate) fn read(file: &str, directory: &str, text: &[u8]) -> Result<Self, BuildError> {
        let place = Place::file(file);
        let documents = parse_own(text).map_err(|error| Place::yaml_error(file, error))?;
        let mut kustomization = Self {
            file: file.to_owned(),
            directory: directory.to_owned(),
            is_empty: true,
            lines: top_level_lines(text),
            ..Self::default()
        };
        let mut documents = documents.into_iter();
        let fields = match documents.next().map(|document| document.value) {
            None => return Ok(kustomization),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(place.error(Cause::invalid("a kustomization must be a map"))),
        };
        if let Some(second) = documents.next() {
            let place = Place::line(file, second.line);
            return Err(place.error(Cause::invalid(
                "a kustomization file holds one document; move this one to a file of its own",
            )));
        }
        kustomization.set_type(&fields)?;
        for (field, value) in fields {
            let value = without_nulls(value);
            let mut place = kustomization.place(&field);
            if !value.is_null() {
                kustomization.set(&field, value).map_err(|misread| {
                    place.field.push_str(&misread.within);
                    place.error(misread.cause)
                })?;
            }
        }
        Ok(kustomization)
    }

    fn set_type(&mut self, fields: &Map<String, Value>) -> Result<(), BuildError> {
        let text = |field: &str| {
            fields
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (kind, version) = match text("kind") {
            "" | "Kustomization" => (Kind::Kustomization, KUSTOMIZATION_VERSION),
            "Component" => (Kind::Component, COMPONENT_VERSION),
            other => {
                let message = format!("{other:?} must be Kustomization or Component");
                return Err(self.place("kind").error(Cause::invalid(message)));
            }
        };
        if !["", version].contains(&text("apiVersion")) {
            let message = format!("{:?} must be {version}", text("apiVersion"));
            return Err(self.place("apiVersion").error(Cause::invalid(message)));
        }
        self.kind = kind;
        Ok(())
    }

    fn set(&mut self, field: &str, value: Value) -> Result<(), Misread> {
        if !matches!(field, "apiVersion" | "kind") {
            self.is_empty &= says_nothing(field, &value);
        }
        match field {
            "apiVersion" | "kind" => text(value).map(drop)?,
            "metadata" => metadata(&map(value)?)?,
            "namePrefix" => self.name_prefix = text(value)?,
            "nameSuffix" => self.name_suffix = text(value)?,
            "namespace" => self.namespace = text(value)?,
            "commonLabels" => self.common_labels = typed(value)?,
            "labels" => self.labels = list(value)?,
            "commonAnnotations" => self.common_annotations = typed(value)?,
            "patchesStrategicMerge" => self.patches_strategic_merge = list(value)?,
            "patchesJson6902" => self.patches_json = list(value)?,
            "patches" => self.patches = list(value)?,
            // Fields are read in alphabetical order, so that old names come after or before new
            // ones; kustomize appends the old to the new.
            "images" => self.images.splice(0..0, list(value)?).for_each(drop),
            "imageTags" => self.images.extend(list(value)?),
            "resources" => self.resources.splice(0..0, list(value)?).for_each(drop),
            "bases" => {
                self.resources.extend(list(value)?);
                self.bases = self.resources.len();
            }
            "replicas" => self.replicas = list(value)?,
            "replacements" => self.replacements = list(value)?,
            "vars" => self.variables = list(value)?,
            "sortOptions" => self.sort_options = Some(typed(value)?),
            "components" => self.components = list(value)?,
            "configMapGenerator" => self.config_map_generator = list(value)?,
            "secretGenerator" => self.secret_generator = list(value)?,
            "generatorOptions" => self.generator_options = typed(value)?,
            "generators" => self.generators = list(value)?,
            "transformers" => self.transformers = list(value)?,
            "validators" => self.validators = list(value)?,
            "crds" => self.crds = list(value)?,
            "configurations" => self.configurations = list(value)?,
            "buildMetadata" => self.build_metadata = build_metadata(list(value)?)?,
            "openapi" => self.openapi = openapi(typed(value)?)?,
            _ => refuse(field, &value)?,
        }
        Ok(())
    }
}

/// Fields of kustomize that are not built here, unless they say nothing; and unknown ones.
fn refuse(field: &str, value: &Value) -> Step<()> {
    let instead = match field {
        "helmCharts" | "helmGlobals" | "helmChartInflationGenerator" => "use a HelmRelease",
        _ => {
            return Err(Cause::invalid(format!(
                "{field:?} is no field of a kustomization"
            )));
        }
    };
    if is_unset(value) {
        return Ok(());
    }
    Err(Cause::NotImplemented {
        what: format!("the field {field}"),
        instead,
    })
}

/// Nobody reads it, but a field of a kustomization may have slipped into it.
fn metadata(fields: &Map<String, Value>) -> Step<()> {
    let known = ["name", "namespace", "labels", "annotations"];
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Cause::invalid(format!(
            "{unknown:?} is none of {}",
            known.join(", ")
        ))),
    }
}

fn build_metadata(options: Vec<String>) -> Step<BuildMetadata> {
    let mut metadata = BuildMetadata::default();
    for option in options {
        match option.as_str() {
            "originAnnotations" => metadata.origins = true,
            "managedByLabel" => metadata.managed_by = true,
            "transformerAnnotations" => metadata.transformations = true,
            _ => {
                return Err(Cause::invalid(format!(
                    "{option:?} must be originAnnotations, transformerAnnotations or managedByLabel"
                )));
            }
        }
    }
    Ok(metadata)
}

fn openapi(openapi: BTreeMap<String, String>) -> Step<OpenApi> {
    if openapi.len() > 1 {
        return Err(Cause::invalid("version and path exclude each other"));
    }
    let mut read = OpenApi::Unset;
    for (key, value) in openapi {
        match (key.as_str(), value.as_str()) {
            ("version", OPENAPI_VERSION) => read = OpenApi::BuiltIn,
            ("version", _) => {
                return Err(Cause::invalid(format!(
                    "{value:?} must be {OPENAPI_VERSION}"
                )));
            }
            ("path", _) => read = OpenApi::Path(value),
            _ => return Err(Cause::invalid(format!("{key:?} must be version or path"))),
        }
    }
    Ok(read)
}

/// As Go's decoder: a null in a map is a field that is not there.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Whether a kustomization with this field alone counts as empty. As in Go, a list or map that is
/// there counts as something, but under the old names of lists, whose entries are moved.
fn says_nothing(field: &str, value: &Value) -> bool {
    match value {
        Value::Array(entries) if ["bases", "imageTags"].contains(&field) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        value => value.is_null(),
    }
}

/// Whether Go's decoder would leave the field at its zero value.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Reads a value; what is wrong is said with where in it.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Misread> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let within = match error.path().to_string().as_str() {
            "." => String::new(),
            path if path.starts_with('[') => path.to_owned(),
            path => format!(".{path}"),
        };
        let cause = Cause::invalid(error.into_inner().to_string());
        Misread { within, cause }
    })
}

fn text(value: Value) -> Step<String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Cause::invalid(format!(
            "{other} must be a string; quote it"
        ))),
    }
}

fn map(value: Value) -> Step<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(Cause::invalid(format!("{other} must be a map"))),
    }
}

/// A list; what is wrong with an entry is said with its number.
fn list<T: DeserializeOwned>(value: Value) -> Result<Vec<T>, Misread> {
    if !value.is_array() {
        return Err(Cause::invalid("this must be a list").into());
    }
    typed(value)
}
