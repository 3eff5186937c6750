//! A release as Helm keeps it in a Secret: read, written, and digested as Flux digests it
//! (helm.sh/helm/v4 pkg/release/v1 and pkg/storage, helm-controller internal/release).

mod chart;
mod digest;
mod go;
mod secret;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chart::{or_default, to_floats};
use crate::manifest::Hook;

pub use crate::record::chart::{Lock, RecordedChart, RecordedFile};
pub use crate::record::digest::{config_digest, json_digest, snapshot_digest};
pub use crate::record::go::Time;
pub use crate::record::secret::{RecordError, SECRET_TYPE, secret_name};

/// A release, one revision of it. Fields stand in the order Go writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The release's name.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// When and how it was deployed.
    #[serde(deserialize_with = "or_default")]
    pub info: Info,
    /// The chart it was made from, without the charts that one brings along: Helm keeps none.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub chart: Option<RecordedChart>,
    /// The user's values.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// The objects, as YAML.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub manifest: String,
    /// The hooks, and how they last ran.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<RecordedHook>,
    /// The number of the revision, from 1.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub version: i64,
    /// The namespace it is in.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace: String,
    /// How its objects were applied; Helm takes nothing for the client's side.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub apply_method: Option<ApplyMethod>,
    /// Labels of the Secret that are the user's.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
}

/// Who works out what an object becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplyMethod {
    /// The API server (server-side apply).
    #[serde(rename = "ssa")]
    Server,
    /// Whoever writes: the difference between old, new and found.
    #[serde(rename = "csa", other)]
    Client,
}

/// When and how a release was deployed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When its first revision was.
    #[serde(deserialize_with = "go::time", skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<Time>,
    /// When this revision was.
    #[serde(deserialize_with = "go::time", skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<Time>,
    /// When it was uninstalled.
    #[serde(deserialize_with = "go::time", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// What happened last, for people.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub description: String,
    /// Where it stands.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<Status>,
    /// The revision it took up again; zero where it is no rollback.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub rollback_revision: i64,
    /// What NOTES.txt said.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub notes: String,
}

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Its objects are in the cluster.
    Deployed,
    /// They are gone, its history is kept.
    Uninstalled,
    /// A later revision took its place.
    Superseded,
    /// It was not deployed, or not all of it.
    Failed,
    /// It is on its way out.
    Uninstalling,
    /// It is on its way in.
    PendingInstall,
    /// A later revision is on its way in.
    PendingUpgrade,
    /// An earlier revision is on its way back.
    PendingRollback,
    /// Any other word.
    #[serde(other)]
    Unknown,
}

/// A hook, and how it last ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedHook {
    /// Its name.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// Its kind.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub kind: String,
    /// The template it is from.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub path: String,
    /// Its YAML.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub manifest: String,
    /// The moments it is applied at, as words.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// How it last ran.
    #[serde(deserialize_with = "or_default")]
    pub last_run: HookRun,
    /// Its place among hooks of one moment.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When it is deleted, as written.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<String>,
    /// When its log is shown, as written.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<String>,
}

/// How a hook last ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookRun {
    /// When it was started.
    #[serde(deserialize_with = "go::time", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(deserialize_with = "go::time", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// `Running`, `Succeeded`, `Failed` or `Unknown`; empty where it never ran.
    #[serde(deserialize_with = "or_default")]
    pub phase: String,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

// === impl Status ===

impl Status {
    /// The word Helm writes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Unknown => "unknown",
        }
    }

    /// Whether somebody was at work on it; where nobody is, that one was killed.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback
        )
    }
}

// === impl Record ===

impl Record {
    /// Where it stands; a record without a status counts as unknown.
    #[must_use]
    pub fn status(&self) -> Status {
        self.info.status.unwrap_or(Status::Unknown)
    }

    /// Sets where it stands, and what happened.
    pub fn set_status(&mut self, status: Status, description: impl Into<String>) {
        self.info.status = Some(status);
        self.info.description = description.into();
    }

    /// Its JSON as Go writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        go::to_json(self)
    }

    /// Reads its JSON, numbers as floats: as Helm does.
    ///
    /// # Errors
    /// It is no JSON of a release.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        let mut record: Self =
            serde_json::from_slice(json).map_err(|error| RecordError::Json(error.to_string()))?;
        record.config.values_mut().for_each(to_floats);
        let chart = record
            .chart
            .as_mut()
            .and_then(|chart| chart.values.as_mut());
        if let Some(values) = chart {
            values.values_mut().for_each(to_floats);
        }
        Ok(record)
    }
}

// === impl RecordedHook ===

impl RecordedHook {
    /// Whether it is applied at a moment.
    #[must_use]
    pub fn is_for(&self, event: crate::manifest::HookEvent) -> bool {
        self.events.iter().any(|word| word == event.as_str())
    }
}

impl From<&Hook> for RecordedHook {
    fn from(hook: &Hook) -> Self {
        Self {
            name: hook.name.clone(),
            kind: hook.kind.clone(),
            path: hook.path.clone(),
            manifest: hook.manifest.clone(),
            events: hook
                .events
                .iter()
                .map(|event| event.as_str().to_owned())
                .collect(),
            last_run: HookRun::default(),
            weight: hook.weight,
            delete_policies: hook.delete_policies.clone(),
            output_log_policies: hook.output_log_policies.clone(),
        }
    }
}
