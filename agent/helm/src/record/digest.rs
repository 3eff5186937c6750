//! Digests as helm-controller has them in a HelmRelease's history: a release that is as Flux left it is
//! known by them, and taken over without an upgrade.

use rsa_new::sha2::{Digest as _, Sha256};
use serde::Serialize;
use serde_json::{Map, Value};
use windlass_object::yaml::to_digest_text;

use crate::chart::Metadata;
use crate::manifest::HookEvent;
use crate::record::go::{Time, to_json};
use crate::record::{Info, Record, RecordedHook, Status};

/// What helm-controller observes of a release, in the order it writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Observation<'r> {
    name: &'r str,
    version: i64,
    info: ObservedInfo<'r>,
    chart_metadata: Metadata,
    config: Option<&'r Map<String, Value>>,
    manifest: &'r str,
    hooks: Option<Vec<&'r RecordedHook>>,
    namespace: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    oci_digest: &'r str,
}

/// Its part of [`Info`]: the Helm in helm-controller knows no rollback revision.
#[derive(Serialize)]
struct ObservedInfo<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_deployed: Option<&'r Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_deployed: Option<&'r Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<&'r Time>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "str::is_empty")]
    notes: &'r str,
}

// === impl ObservedInfo ===

impl<'r> From<&'r Info> for ObservedInfo<'r> {
    fn from(info: &'r Info) -> Self {
        Self {
            first_deployed: info.first_deployed.as_ref(),
            last_deployed: info.last_deployed.as_ref(),
            deleted: info.deleted.as_ref(),
            description: &info.description,
            status: info.status,
            notes: &info.notes,
        }
    }
}

/// The digest of a release, test hooks left out; `oci_digest` is that of the artefact its chart came in, empty
/// for other charts.
#[must_use]
pub fn snapshot_digest(record: &Record, oci_digest: &str) -> String {
    let chart = record.chart.as_ref();
    let metadata = chart.and_then(|chart| chart.metadata.clone());
    let hooks: Vec<_> = record.hooks.iter().collect();
    let kept: Vec<_> = hooks
        .into_iter()
        .filter(|hook| !hook.is_for(HookEvent::Test))
        .collect();
    json_digest(&Observation {
        name: &record.name,
        version: record.version,
        info: ObservedInfo::from(&record.info),
        chart_metadata: metadata.unwrap_or_default(),
        config: (!record.config.is_empty()).then_some(&record.config),
        manifest: &record.manifest,
        hooks: (!kept.is_empty()).then_some(kept),
        namespace: &record.namespace,
        oci_digest,
    })
}

/// The digest of the user's values: of their YAML with sorted keys, of nothing where there are none.
#[must_use]
pub fn config_digest(values: &Map<String, Value>) -> String {
    if values.is_empty() {
        return digest(b"");
    }
    let text = to_digest_text(&Value::Object(values.clone()));
    digest(text.as_bytes())
}

/// The digest of anything's JSON and a line's end, as Go's encoder writes it.
#[must_use]
pub fn json_digest<T: Serialize>(value: &T) -> String {
    let mut json = to_json(value);
    json.push(b'\n');
    digest(&json)
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
