//! Files to a chart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_object::yaml::{self, Dialect, Limits};

use crate::chart::archive::read_archive;
use crate::chart::{Chart, File, Metadata};
use crate::codec::yaml::as_text;

/// What one YAML file of a chart may cost; as a manifest's.
const LIMITS: Limits = Limits::DEFAULT;

/// How deep charts may lie in charts: two or three levels are usual, and each takes stack.
const MAX_NESTED_CHARTS: usize = 32;

/// Why files are no chart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no Chart.yaml.
    #[error("Chart.yaml file is missing")]
    NoChart,
    /// A file cannot be read as what it should be.
    #[error("cannot load {file}: {message}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// Chart.yaml says something Helm refuses.
    #[error("validation: {0}")]
    Invalid(String),
    /// A chart in `charts/` is none.
    #[error("error unpacking subchart {name} in {parent}: {cause}")]
    Dependency {
        /// The folder or archive.
        name: String,
        /// The chart it is in.
        parent: String,
        /// What is wrong with it.
        cause: Box<LoadError>,
    },
    /// The archive is damaged, too large, or reaches out of its folder.
    #[error("{0}")]
    Archive(String),
    /// Charts lie in charts too deep.
    #[error("charts lie in charts more than {MAX_NESTED_CHARTS} levels deep")]
    TooDeep,
}

/// Reads a chart from a packaged archive (`.tgz`).
///
/// # Errors
/// The archive is damaged, too large, reaches out of its folder, or holds no chart.
pub fn load_archive(bytes: &[u8]) -> Result<Chart, LoadError> {
    load(read_archive(bytes)?, 0)
}

/// The files of a packaged archive (`.tgz`), without the folder that all are in.
///
/// # Errors
/// The archive is damaged, too large, or reaches out of its folder.
pub fn archive_files(bytes: &[u8]) -> Result<Vec<File>, LoadError> {
    read_archive(bytes)
}

/// Reads a chart from its files.
///
/// # Errors
/// They are no chart.
pub fn load_files(files: Vec<File>) -> Result<Chart, LoadError> {
    load(files, 0)
}

/// Reads values: the documents of a YAML text, later ones over earlier ones; every number is a float.
///
/// # Errors
/// The text is no YAML, or a document is no map.
pub fn read_values(text: &[u8]) -> Result<Map<String, Value>, String> {
    let documents = yaml::parse_documents_as(Dialect::Lenient, text, &LIMITS)
        .map_err(|error| error.to_string())?;
    let mut values = Map::new();
    for document in documents {
        match document.value {
            Value::Object(fields) => merge_values(&mut values, fields),
            other => {
                let found = json_type(&other);
                return Err(format!(
                    "cannot unmarshal yaml document: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
                ));
            }
        }
    }
    values.values_mut().for_each(to_floats);
    Ok(values)
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Lays values over others, maps over maps.
pub fn merge_values(values: &mut Map<String, Value>, later: Map<String, Value>) {
    for (key, value) in later {
        match (values.get_mut(&key), value) {
            (Some(Value::Object(inner)), Value::Object(later)) => merge_values(inner, later),
            (_, value) => {
                values.insert(key, value);
            }
        }
    }
}

/// Makes every number a float, as Go's JSON reader does.
pub(crate) fn to_floats(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_f64() => {
            let float = number.as_f64().and_then(serde_json::Number::from_f64);
            if let Some(float) = float {
                *number = float;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(to_floats),
        Value::Object(fields) => fields.values_mut().for_each(to_floats),
        _ => {}
    }
}

fn load(files: Vec<File>, depth: usize) -> Result<Chart, LoadError> {
    if depth > MAX_NESTED_CHARTS {
        return Err(LoadError::TooDeep);
    }
    let mut chart = Chart {
        metadata: metadata(&files)?,
        ..Chart::default()
    };
    let mut nested: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in files {
        place(&mut chart, &mut nested, file)?;
    }
    chart.metadata.validate().map_err(LoadError::Invalid)?;
    for (name, files) in nested {
        if name.starts_with(['_', '.']) {
            continue;
        }
        match dependency(&name, files, depth) {
            Ok(dependency) => chart.dependencies.push(dependency),
            Err(cause) => {
                return Err(LoadError::Dependency {
                    name,
                    parent: chart.metadata.name,
                    cause: Box::new(cause),
                });
            }
        }
    }
    Ok(chart)
}

fn metadata(files: &[File]) -> Result<Metadata, LoadError> {
    let find = |name: &str| files.iter().find(|file| file.name == name);
    let main = find("Chart.yaml").ok_or(LoadError::NoChart)?;
    let mut fields = yaml_map(main)?;
    if let Some(Value::String(version)) = fields.get("apiVersion")
        && version.is_empty()
    {
        fields.remove("apiVersion");
    }
    fields.entry("apiVersion").or_insert_with(|| "v1".into());
    if let Some(requirements) = find("requirements.yaml") {
        fields.extend(yaml_map(requirements)?);
    }
    if let Some(Value::Object(annotations)) = fields.get_mut("annotations") {
        annotations.values_mut().for_each(to_texts);
    }
    let mut fields = Value::Object(fields);
    to_texts(&mut fields);
    serde_json::from_value(fields).map_err(|error| LoadError::File {
        file: main.name.clone(),
        message: error.to_string(),
    })
}

/// Makes every scalar a text, as it is read where a field holds text; all but these do.
fn to_texts(value: &mut Value) {
    match value {
        Value::Bool(_) | Value::Number(_) => {
            if let Some(text) = as_text(value) {
                *value = text.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(to_texts),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !matches!(name.as_str(), "deprecated" | "enabled" | "import-values") {
                    to_texts(value);
                }
            }
        }
        _ => {}
    }
}

fn yaml_map(file: &File) -> Result<Map<String, Value>, LoadError> {
    let fail = |message: String| LoadError::File {
        file: file.name.clone(),
        message,
    };
    let documents = yaml::parse_documents_as(Dialect::Lenient, &file.data, &LIMITS)
        .map_err(|error| fail(error.to_string()))?;
    match documents.into_iter().next().map(|document| document.value) {
        None => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(_) => Err(fail("it is no map".to_owned())),
    }
}

fn place(
    chart: &mut Chart,
    nested: &mut BTreeMap<String, Vec<File>>,
    file: File,
) -> Result<(), LoadError> {
    let is_v1 = chart.metadata.api_version == "v1";
    match file.name.as_str() {
        "Chart.yaml" => {}
        "Chart.lock" => chart.lock = Some(Value::Object(yaml_map(&file)?)),
        "values.yaml" => {
            chart.values = read_values(&file.data).map_err(|message| LoadError::File {
                file: file.name,
                message,
            })?;
        }
        "values.schema.json" => chart.schema = Some(file.data),
        "requirements.yaml" if is_v1 => chart.files.push(file),
        "requirements.yaml" => {}
        "requirements.lock" => {
            chart.lock = Some(Value::Object(yaml_map(&file)?));
            if is_v1 {
                chart.files.push(file);
            }
        }
        name if name.starts_with("templates/") => chart.templates.push(file),
        name => match name.strip_prefix("charts/") {
            Some(rest) if !rest.ends_with(".prov") => {
                let folder = rest.split('/').next().unwrap_or_default().to_owned();
                let file = File {
                    name: rest.to_owned(),
                    data: Arc::clone(&file.data),
                };
                nested.entry(folder).or_default().push(file);
            }
            _ => chart.files.push(file),
        },
    }
    Ok(())
}

fn dependency(name: &str, files: Vec<File>, depth: usize) -> Result<Chart, LoadError> {
    if name.ends_with(".tgz") {
        let archive = files.first().filter(|file| file.name == name);
        let Some(archive) = archive else {
            return Err(LoadError::Archive(format!(
                "expected the archive {name}, got a folder of that name"
            )));
        };
        return load(read_archive(&archive.data)?, depth + 1);
    }
    // A file right below charts/ is no chart.
    let files = files.into_iter().filter_map(|file| {
        let (_, rest) = file.name.split_once('/')?;
        Some(File {
            name: rest.to_owned(),
            data: file.data,
        })
    });
    load(files.collect(), depth + 1)
}
