//! The file that a node's sight is kept in: lost without harm, and written only when the API server falls silent and when
//! the agent ends.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_state::scrap;

use super::{Announced, Known, Object, Seen};
use crate::seen::Meta;

/// The file in the state directory.
const FILE: &str = "sight.json";

/// As much as an answer may be.
const LIMIT: u64 = 128 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    /// Until when it was known to be so.
    as_of: Timestamp,
    objects: Vec<Value>,
    events: VecDeque<Value>,
}

/// Reads what was kept; nothing when it cannot be read.
pub(super) fn read(directory: &Path) -> Option<Known> {
    let bytes = scrap::read(directory, FILE, LIMIT)?;
    let file: File = serde_json::from_slice(&bytes).ok()?;
    let mut kinds: BTreeMap<String, Seen> = BTreeMap::new();
    for object in file.objects {
        let (Some(meta), Some(kind)) = (Meta::parse(&object), object.get("kind")) else {
            continue;
        };
        let kind = kind.as_str().unwrap_or_default().to_owned();
        let kept = Object {
            text: object.to_string().into_boxed_str(),
            listed: false,
            at: 0,
        };
        let seen = kinds.entry(kind).or_default();
        seen.objects.insert(meta.name, kept);
    }
    let events = file.events.into_iter();
    Some(Known {
        kinds,
        events: events.map(|event| Announced { event, at: 0 }).collect(),
        silent_since: Some(file.as_of),
        ..Known::default()
    })
}

/// Keeps what is known.
pub(super) fn write(directory: &Path, known: &Known) {
    let file = File {
        as_of: known.silent_since.unwrap_or_else(Timestamp::now),
        objects: known.objects().collect(),
        events: known.events().collect(),
    };
    let kept = serde_json::to_vec(&file)
        .map_err(|error| error.to_string())
        .and_then(|bytes| scrap::write(directory, FILE, &bytes).map_err(|error| error.to_string()));
    if let Err(error) = kept {
        tracing::debug!(error, "what was seen of the cluster could not be kept");
    }
}
