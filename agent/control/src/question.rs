//! What can be asked, and what is answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::observed::Observed;

/// What a command asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase")]
pub enum Question {
    /// How the agent stands: cheap, to find out whether more is to be asked.
    Standing,
    /// Everything the agent has seen of the cluster.
    Sight,
    /// The chart that the node keeps for an object of the cluster.
    Chart {
        /// The kind of the object: HelmChart or OCIRepository.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// What the node accepted and refused, and where its ratchets stand.
    Trust,
    /// What a node that only observes would change.
    Observed,
    /// End, for whoever keeps the agent running to start it again.
    Restart,
    /// Take a bundle, which follows the question up to the end of what is sent.
    Import {
        /// The source that it is for, as NAMESPACE/NAME; otherwise the one whose history it goes on from.
        source: Option<String>,
    },
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "with", rename_all = "camelCase")]
pub enum Answer {
    /// To [`Question::Standing`].
    Standing(Standing),
    /// To [`Question::Sight`].
    Sight(Box<Sight>),
    /// To [`Question::Chart`].
    Chart(KeptChart),
    /// To [`Question::Trust`].
    Trust(Box<Record>),
    /// To [`Question::Observed`].
    Observed(Box<Observed>),
    /// To [`Question::Import`]: what became of it.
    Imported(String),
    /// To [`Question::Restart`]: it does.
    Restarts,
    /// Whoever asks may not know, or what was brought is not taken.
    Refused(String),
}

/// A chart that the node keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptChart {
    /// Its files: paths within the chart, and their bytes as base64.
    pub files: Vec<(String, String)>,
    /// What it is known as: the version in Chart.yaml, with the digest of the artifact that it came in, if it did.
    pub version: String,
}

/// What the node remembers of its trust, as the room `state` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The newest verdicts, newest first.
    pub history: Vec<Value>,
    /// Lines, and where each of them stands.
    pub ratchets: Vec<(Value, Value)>,
}

/// How the agent stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The node's name.
    pub node: String,
    /// The agent's version.
    pub version: String,
    /// The API server's URL, as the agent knows it.
    pub server: String,
    /// Since when the API server does not answer the agent; `None` while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Timestamp>,
    /// What the node says of itself, as annotations of its Lease.
    pub says: BTreeMap<String, String>,
}

/// What the agent has seen of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sight {
    /// How the agent stands.
    pub standing: Standing,
    /// Objects of Flux's kinds, as they were seen last.
    pub objects: Vec<Value>,
    /// Events that this node announced, the newest last.
    pub events: Vec<Value>,
}
