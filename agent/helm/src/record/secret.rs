//! The Secret a release is kept in (helm.sh/helm/v4 pkg/storage/driver).

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::record::Record;

/// The type of the Secrets.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";

/// Labels that are not the user's.
const SYSTEM_LABELS: [&str; 6] = [
    "name",
    "owner",
    "status",
    "version",
    "createdAt",
    "modifiedAt",
];

/// Bytes of a record once unpacked: a Secret holds 1 MiB, and the largest charts pack to a tenth.
const MAX_BYTES: u64 = 64 << 20;

/// How packed bytes start; records from before Helm packed them start otherwise.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Why a Secret holds no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It has no data of that name.
    #[error("it has no data `release`")]
    Absent,
    /// The data is not what Helm makes of JSON.
    #[error("its data `release` is not packed as Helm packs it: {0}")]
    Packing(String),
    /// It unpacks to too much.
    #[error("its data `release` unpacks to more than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is no JSON of a release.
    #[error("its data `release` is no release: {0}")]
    Json(String),
}

/// The name of the Secret that holds a revision of a release.
#[must_use]
pub fn secret_name(release: &str, version: i64) -> String {
    format!("sh.helm.release.v1.{release}.v{version}")
}

// === impl Record ===

impl Record {
    /// The Secret in a namespace that holds it; `modified` tells a change from a new one.
    #[must_use]
    pub fn to_secret(&self, storage_namespace: &str, now: Timestamp, modified: bool) -> Value {
        let mut labels = self.labels.clone();
        let when = if modified { "modifiedAt" } else { "createdAt" };
        for (name, value) in [
            (when, now.as_second().to_string()),
            ("name", self.name.clone()),
            ("owner", "helm".to_owned()),
            ("status", self.status().as_str().to_owned()),
            ("version", self.version.to_string()),
        ] {
            labels.insert(name.to_owned(), value);
        }
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": secret_name(&self.name, self.version),
                "namespace": storage_namespace,
                "labels": labels,
            },
            "type": SECRET_TYPE,
            "data": {"release": STANDARD.encode(self.pack())},
        })
    }

    /// Reads the Secret that holds it.
    ///
    /// # Errors
    /// It holds none, or one that cannot be read.
    pub fn from_secret(secret: &Value) -> Result<Self, RecordError> {
        let data = secret.pointer("/data/release").and_then(Value::as_str);
        let data = STANDARD
            .decode(data.ok_or(RecordError::Absent)?)
            .map_err(|error| RecordError::Packing(error.to_string()))?;
        let mut record = Self::unpack(&data)?;
        let labels = secret
            .pointer("/metadata/labels")
            .and_then(Value::as_object);
        record.labels = labels.map(user_labels).unwrap_or_default();
        Ok(record)
    }

    /// What Helm keeps as data: packed JSON as base64.
    fn pack(&self) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(&self.to_json());
        debug_assert!(written.is_ok(), "a Vec takes all bytes");
        STANDARD.encode(encoder.finish().unwrap_or_default())
    }

    fn unpack(data: &[u8]) -> Result<Self, RecordError> {
        let bytes = STANDARD
            .decode(data)
            .map_err(|error| RecordError::Packing(error.to_string()))?;
        if !bytes.starts_with(&GZIP) {
            return Self::from_json(&bytes);
        }
        let mut json = Vec::new();
        GzDecoder::new(bytes.as_slice())
            .take(MAX_BYTES + 1)
            .read_to_end(&mut json)
            .map_err(|error| RecordError::Packing(error.to_string()))?;
        if u64::try_from(json.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(RecordError::TooLarge);
        }
        Self::from_json(&json)
    }
}

fn user_labels(labels: &Map<String, Value>) -> BTreeMap<String, String> {
    labels
        .iter()
        .filter(|(name, _)| !SYSTEM_LABELS.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
