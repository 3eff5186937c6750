//! A chart as a release keeps it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chart::{Chart, Dependency, File, Metadata, or_default};
use crate::record::go::{self, Time};

/// A chart without the charts it brings along.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedChart {
    /// Chart.yaml.
    pub metadata: Option<Metadata>,
    /// Chart.lock.
    pub lock: Option<Lock>,
    /// The templates.
    pub templates: Option<Vec<RecordedFile>>,
    /// values.yaml, with what the dependencies gave.
    pub values: Option<Map<String, Value>>,
    /// values.schema.json.
    #[serde(with = "bytes")]
    pub schema: Option<Arc<[u8]>>,
    /// When the schema was last changed.
    #[serde(
        rename = "schemamodtime",
        deserialize_with = "go::time",
        serialize_with = "go::required"
    )]
    pub schema_modified: Option<Time>,
    /// All other files.
    pub files: Option<Vec<RecordedFile>>,
    /// When the chart was last changed.
    #[serde(
        rename = "modtime",
        deserialize_with = "go::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub modified: Option<Time>,
}

/// A file of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedFile {
    /// Its path in the chart.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Its content.
    #[serde(with = "bytes")]
    pub data: Option<Arc<[u8]>>,
    /// When it was last changed.
    #[serde(
        rename = "modtime",
        deserialize_with = "go::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub modified: Option<Time>,
}

/// Chart.lock: which versions the dependencies were fetched in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lock {
    /// When it was written.
    #[serde(deserialize_with = "go::time", serialize_with = "go::required")]
    pub generated: Option<Time>,
    /// The digest of what it was written for.
    #[serde(deserialize_with = "or_default")]
    pub digest: String,
    /// The dependencies.
    pub dependencies: Option<Vec<Option<Dependency>>>,
}

/// Go's `[]byte` in JSON: base64, null where there is none.
mod bytes {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        data: &Option<Arc<[u8]>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match data {
            None => serializer.serialize_none(),
            Some(data) => serializer.serialize_str(&STANDARD.encode(data)),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<[u8]>>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let decoded = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Some(decoded.into()))
    }
}

// === impl RecordedChart ===

impl From<&Chart> for RecordedChart {
    fn from(chart: &Chart) -> Self {
        let files = |files: &[File]| Some(files.iter().map(RecordedFile::from).collect());
        Self {
            metadata: Some(chart.metadata.clone()),
            // A lock that is none says nothing; Helm has refused the chart by then.
            lock: chart
                .lock
                .as_ref()
                .and_then(|lock| serde_json::from_value(lock.clone()).ok()),
            templates: files(&chart.templates),
            values: Some(chart.values.clone()),
            schema: chart.schema.clone(),
            schema_modified: None,
            files: files(&chart.files),
            modified: None,
        }
    }
}

// === impl RecordedFile ===

impl From<&File> for RecordedFile {
    fn from(file: &File) -> Self {
        Self {
            name: file.name.clone(),
            data: Some(Arc::clone(&file.data)),
            modified: None,
        }
    }
}
