//! What a node that only observes found: what it would write if it led.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that a node found out by looking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Every Kustomization and HelmRelease that was looked at, and where the root pair is not as the node's config has it.
    pub owners: Vec<Owner>,
    /// The commits that it refused, newest first.
    pub refused: Vec<RefusedCommit>,
}

/// A Kustomization or HelmRelease, and what would become of its objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Kustomization or HelmRelease.
    pub kind: String,
    /// Where it is.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// The revision that was looked at; `None` where there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The revision that Flux applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// When it was looked at.
    pub looked_at: Timestamp,
    /// How many objects there are.
    pub objects: u64,
    /// Why it would not be worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The objects that would change.
    pub changes: Vec<Change>,
}

/// An object that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The object, as messages name it.
    pub object: String,
    /// What would happen to it.
    pub what: What,
    /// The fields, as far as they are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// It is not there.
    Create,
    /// Fields of it would be others.
    Change,
    /// Git does not have it any more.
    Delete,
    /// A release would get another revision.
    Release,
}

/// A field that would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Where it is.
    pub path: String,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// What would be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
}

/// A commit that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedCommit {
    /// When, in seconds since 1970.
    pub at: i64,
    /// The commit.
    pub commit: String,
    /// Why.
    pub reason: String,
}

// === impl Observed ===

impl Observed {
    /// How many objects would change.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.owners.iter().map(|owner| owner.changes.len()).sum()
    }

    /// How many owners would not be worked on.
    #[must_use]
    pub fn problems(&self) -> usize {
        let owners = self.owners.iter();
        owners.filter(|owner| owner.problem.is_some()).count()
    }
}
