//! What is remembered of an applied object, so that its metadata alone tells whether anybody
//! changed what we set (decision 11).
//!
//! A foreign change or removal of a field that we own takes it out of our entry in
//! `managedFields`; status writes and fields added by others leave our entry alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use windlass_object::Object;

use crate::applier::Applier;
use crate::fields;
use crate::metadata::{self, ManagerEntry};

/// Most fields that a drift names; an event is read by people.
const MAX_NAMED_FIELDS: usize = 10;

/// What is remembered of one applied object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Which incarnation it is.
    uid: String,
    /// The digest of what was applied.
    desired: [u8; 32],
    /// The digest of our entries in `managedFields`, without their time.
    owned: [u8; 32],
    /// The labels and annotations that we set, with digests of their values.
    set: Vec<SetEntry>,
    /// Who applied it.
    by: Applier,
}

/// One label or annotation that we set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SetEntry {
    map: SetMap,
    key: String,
    /// Half of a SHA-256: enough to notice, and half the memory.
    value: [u8; 16],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SetMap {
    Labels,
    Annotations,
}

/// How an object drifted from what was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What happened.
    pub cause: DriftCause,
    /// The field managers that did it, as far as the metadata shows.
    pub managers: Vec<String>,
    /// The fields, as far as the metadata shows; at most ten.
    pub fields: Vec<String>,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftCause {
    /// It was deleted and made again by somebody else.
    Replaced,
    /// It is being deleted.
    Deleting,
    /// A manager whose fields Flux takes over (`kubectl*`) wrote to it.
    TakenOver,
    /// A field that we set was changed or removed.
    FieldChanged,
    /// A label or annotation that we set was changed or removed.
    MetadataChanged,
}

// === impl Fingerprint ===

impl Fingerprint {
    /// The digest of what was applied, to compare with [`digest`] of what Git says now.
    pub fn desired(&self) -> &[u8; 32] {
        &self.desired
    }

    /// The uid of the object that was applied.
    pub fn uid(&self) -> &str {
        &self.uid
    }
}

/// Makes the fingerprint of an object from the API server's answer to the apply, or from what was
/// read when nothing had to be written (never from a dry-run: its `managedFields` are not what the
/// watch will show), and from what was sent.
pub fn of(by: Applier, applied: &Object, desired: &Object) -> Fingerprint {
    of_sent(by, applied, desired, digest(desired))
}

/// As [`of`], where what was sent says less than what is desired, whose digest is given.
pub fn of_sent(by: Applier, applied: &Object, sent: &Object, desired: [u8; 32]) -> Fingerprint {
    let metadata = metadata_of(applied);
    let mut set = Vec::new();
    for (map, name) in [
        (SetMap::Labels, "labels"),
        (SetMap::Annotations, "annotations"),
    ] {
        let wanted = metadata_of(sent).get(name).and_then(Value::as_object);
        for key in wanted.into_iter().flat_map(|wanted| wanted.keys()) {
            if fields::is_request(key) {
                continue;
            }
            let value = value_digest(metadata::entry(metadata, name, key));
            set.push(SetEntry {
                map,
                key: key.clone(),
                value,
            });
        }
    }
    Fingerprint {
        uid: applied.uid().unwrap_or_default().to_owned(),
        desired,
        owned: owned_digest(by, metadata),
        set,
        by,
    }
}

/// The digest of an object, the same for equal objects.
pub fn digest(object: &Object) -> [u8; 32] {
    // serde_json's maps are sorted, so equal values give equal text.
    Sha256::digest(object.as_value().to_string()).into()
}

/// Judges from an object's live metadata whether somebody changed what we set; `None` when not.
pub fn drifted(fingerprint: &Fingerprint, live_metadata: &Value) -> Option<Drift> {
    let by = fingerprint.by;
    let newest = || newest_foreign(by, live_metadata);
    let drift = |cause, managers, fields| {
        Some(Drift {
            cause,
            managers,
            fields,
        })
    };
    if live_metadata.get("uid").and_then(Value::as_str) != Some(&fingerprint.uid) {
        return drift(DriftCause::Replaced, newest(), Vec::new());
    }
    if live_metadata
        .get("deletionTimestamp")
        .is_some_and(|time| !time.is_null())
    {
        return drift(DriftCause::Deleting, Vec::new(), Vec::new());
    }
    let (managers, fields) = taken_over(by, live_metadata);
    if !managers.is_empty() {
        return drift(DriftCause::TakenOver, managers, fields);
    }
    let changed: Vec<String> = fingerprint
        .set
        .iter()
        .filter(|entry| !entry.is_unchanged(live_metadata))
        .map(|entry| format!("metadata.{}[{:?}]", entry.map.name(), entry.key))
        .take(MAX_NAMED_FIELDS)
        .collect();
    if !changed.is_empty() {
        return drift(DriftCause::MetadataChanged, newest(), changed);
    }
    if owned_digest(by, live_metadata) != fingerprint.owned {
        return drift(DriftCause::FieldChanged, newest(), Vec::new());
    }
    None
}

/// Names who changed which of the fields that `desired` sets, more exactly than the fingerprint
/// can: a field that another manager holds and we no longer do was changed by it; a top-level part
/// that nobody holds was removed.
pub fn explain(by: Applier, desired: &Object, live_metadata: &Value) -> Vec<(String, String)> {
    let ours = ManagerEntry::all(live_metadata)
        .find(|entry| by.owns(*entry))
        .and_then(ManagerEntry::fields)
        .unwrap_or(&Value::Null);
    let mut found = Vec::new();
    let foreign = ManagerEntry::all(live_metadata).filter(|entry| !by.owns(*entry));
    for entry in foreign.filter(|entry| !entry.is_status()) {
        let Some(set) = entry.fields() else { continue };
        fields::leaves(set, &mut |path| {
            let annotation = path.last().and_then(|step| step.strip_prefix("f:"));
            let is_request = annotation.is_some_and(fields::is_request);
            if found.len() < MAX_NAMED_FIELDS
                && !is_request
                && !fields::holds(ours, path)
                && fields::resolve(desired.as_value(), path).is_some()
            {
                found.push((entry.manager().to_owned(), fields::shown(path)));
            }
        });
    }
    found
}

/// The managers that Flux takes over and that wrote something, and what they wrote. What people ask by (`kubectl rollout
/// restart`, `kubectl annotate` with `requestedAt`) is no drift.
fn taken_over(by: Applier, metadata: &Value) -> (Vec<String>, Vec<String>) {
    let (mut managers, mut named) = (Vec::new(), Vec::new());
    for entry in ManagerEntry::all(metadata).filter(|entry| by.takes_over(*entry)) {
        let mut set = entry.fields().cloned().unwrap_or(Value::Null);
        let asked = fields::take_requests(&mut set);
        if asked.is_some() && fields::is_empty(&set) {
            continue;
        }
        managers.push(entry.manager().to_owned());
        fields::leaves(&set, &mut |path| {
            if named.len() < MAX_NAMED_FIELDS {
                named.push(fields::shown(path));
            }
        });
    }
    (managers, named)
}

/// The foreign manager that wrote last to the object itself.
fn newest_foreign(by: Applier, metadata: &Value) -> Vec<String> {
    ManagerEntry::all(metadata)
        .filter(|entry| !entry.is_status() && !by.owns(*entry))
        .max_by_key(|entry| entry.time())
        .map(|entry| entry.manager().to_owned())
        .into_iter()
        .collect()
}

/// The digest of our entries, without time and without what people ask by.
fn owned_digest(by: Applier, metadata: &Value) -> [u8; 32] {
    let mut ours: Vec<String> = ManagerEntry::all(metadata)
        .filter(|entry| entry.is_main() && entry.manager() == by.manager())
        .map(|entry| {
            let mut set = entry.fields().cloned().unwrap_or(Value::Null);
            fields::take_requests(&mut set);
            format!("{} {set}", entry.operation())
        })
        .collect();
    ours.sort();
    Sha256::digest(ours.join("\n")).into()
}

fn value_digest(value: Option<&str>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    // The mark keeps an absent value apart from an empty one.
    hasher.update([u8::from(value.is_some())]);
    hasher.update(value.unwrap_or_default());
    let whole: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(whole.split_at(16).0);
    half
}

fn metadata_of(object: &Object) -> &Value {
    object.as_value().get("metadata").unwrap_or(&Value::Null)
}

// === impl SetEntry ===

impl SetEntry {
    fn is_unchanged(&self, metadata: &Value) -> bool {
        value_digest(metadata::entry(metadata, self.map.name(), &self.key)) == self.value
    }
}

// === impl SetMap ===

impl SetMap {
    const fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }
}

#[cfg(test)]
mod tests;
