//! A node that only observes: it looks at what it would write if it led, keeps that for whoever asks on the node, and writes
//! nothing (decision 281).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use windlass_control::{Change, Field, Observed, Owner, RefusedCommit, What};
use windlass_object::{Object, ObjectKey, Value};
use windlass_plan::comparison::Difference;
use windlass_state::{HistoryEntry, Verdict};

use crate::named::Named;
use crate::work::hidden::Hidden;

/// Fields of one object that are told: more than a screen of them helps nobody.
const FIELDS: usize = 20;
/// Objects of one owner whose fields are told; the others are named.
const OBJECTS: usize = 200;
/// Characters of a value.
const VALUE: usize = 200;

/// What was found at the last look at each owner.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    owners: Mutex<BTreeMap<(&'static str, Named), Owner>>,
}

/// What a look came to.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The revision that was looked at.
    pub(crate) revision: Option<String>,
    /// The one that Flux applied last.
    pub(crate) applied: Option<String>,
    pub(crate) objects: usize,
    pub(crate) changes: Vec<Change>,
    pub(crate) problem: Option<String>,
}

// === impl Observations ===

impl Observations {
    pub(crate) fn note(&self, kind: &'static str, name: &Named, look: Look) {
        let owner = Owner {
            kind: kind.to_owned(),
            namespace: name.namespace.clone(),
            name: name.name.clone(),
            revision: look.revision,
            applied: look.applied,
            looked_at: Timestamp::now(),
            objects: look.objects as u64,
            problem: look.problem,
            changes: look.changes,
        };
        self.owners().insert((kind, name.clone()), owner);
    }

    pub(crate) fn forget(&self, kind: &'static str, name: &Named) {
        self.owners().remove(&(kind, name.clone()));
    }

    /// For whoever asks, with what the node refused.
    pub(crate) fn told(&self, history: &[HistoryEntry]) -> Observed {
        let refused = history
            .iter()
            .filter(|entry| entry.verdict == Verdict::Refused);
        Observed {
            owners: self.owners().values().cloned().collect(),
            refused: refused
                .map(|entry| RefusedCommit {
                    at: entry.at,
                    commit: entry.to.to_string(),
                    reason: entry.reason.clone(),
                })
                .collect(),
        }
    }

    /// In a few words, for the line that systemd shows.
    pub(crate) fn summary(&self) -> String {
        let owners = self.owners();
        let changes: usize = owners.values().map(|owner| owner.changes.len()).sum();
        match changes {
            0 => "nothing would change".to_owned(),
            1 => "1 object would change".to_owned(),
            many => format!("{many} objects would change"),
        }
    }

    fn owners(&self) -> std::sync::MutexGuard<'_, BTreeMap<(&'static str, Named), Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Look ===

impl Look {
    pub(crate) fn add(&mut self, object: &ObjectKey, what: What, fields: Vec<Field>) {
        let tells = self.changes.len() < OBJECTS;
        self.changes.push(Change {
            object: object.to_string(),
            what,
            fields: if tells { fields } else { Vec::new() },
        });
    }
}

/// Differences as they are told: without what a Secret holds and without what was decrypted.
pub(crate) fn fields(object: &Object, differences: &[Difference], hidden: &Hidden) -> Vec<Field> {
    let is_secret = object.kind() == "Secret" && object.gvk().group.is_empty();
    let told = differences.iter().take(FIELDS).map(|difference| {
        let Difference { path, live, wanted } = difference;
        // Labels and annotations say nothing secret; of the rest only that it is another.
        let masked = is_secret && !path.starts_with("metadata");
        let shown = |value: &Option<Value>| {
            let value = value.as_ref()?;
            Some(match masked {
                true => "***".to_owned(),
                false => shorten(&hidden.clean(&text(value))),
            })
        };
        Field {
            path: path.clone(),
            live: shown(live),
            wanted: shown(wanted),
        }
    });
    told.collect()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, value: Value) -> Field {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}});
        let difference = Difference {
            path: "data.key".to_owned(),
            live: None,
            wanted: Some(value),
        };
        let hidden = Hidden::default();
        hidden.add("canary");
        let object = Object::from_value(object).unwrap();
        fields(&object, &[difference], &hidden).remove(0)
    }

    #[test]
    fn what_a_secret_holds_or_was_decrypted_is_not_told() {
        let shown = |field: Field| field.wanted.unwrap();
        assert_eq!(shown(told("Secret", json!("Y2FuYXJ5"))), "***");
        assert_eq!(shown(told("ConfigMap", json!("a canary"))), "a ***");
        assert_eq!(shown(told("ConfigMap", json!({"a": 1}))), "{\"a\":1}");
        let long = shown(told("ConfigMap", json!("ä".repeat(VALUE + 1))));
        assert_eq!(long, format!("{}...", "ä".repeat(VALUE)));
    }
}
