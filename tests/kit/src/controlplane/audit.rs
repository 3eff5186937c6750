//! The API server's audit log: what was really asked, by whom.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::controlplane::User;

/// A moment: everything asked later is after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where the log ended then, so that nobody reads all of it again.
    offset: u64,
    at: Timestamp,
}

/// After how long a request that was answered has its line.
const SETTLED: Duration = Duration::from_millis(200);

/// One answered request (a watch counts once, when it began).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The user, after impersonation the one who impersonated.
    pub user: String,
    /// Who the user acted as; empty without impersonation.
    pub impersonated: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ...
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Such as `configmaps`; empty for paths that are no object.
    pub resource: String,
    /// Such as `status`; mostly empty.
    pub subresource: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// The answer's HTTP status.
    pub status: u64,
}

impl AuditRecord {
    /// Whether the request could change something (a dry run cannot).
    #[must_use]
    pub fn writes(&self) -> bool {
        let reads = ["get", "list", "watch"].contains(&self.verb.as_str());
        !reads && !self.uri.contains("dryRun=All")
    }
}

/// Reads the log of one control plane.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// How long the log is, in bytes.
    pub(super) fn size(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// This moment. A change is seen by others before its request's line is in the log, so the place
    /// in the file alone would count what was asked before; the API server notes when it was asked.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            offset: self.size(),
            at: Timestamp::now(),
        }
    }

    /// The requests of `user` after `since`, in the log's order.
    #[must_use]
    pub fn requests(&self, user: User, since: Mark) -> Vec<AuditRecord> {
        let mut records = self.all(since);
        records.retain(|record| record.user == user.name());
        records
    }

    /// Everybody's requests after `since`, in the log's order. Waits a moment first, for the lines of
    /// requests whose effect was already seen.
    #[must_use]
    pub fn all(&self, since: Mark) -> Vec<AuditRecord> {
        std::thread::sleep(SETTLED);
        let mut file = File::open(&self.path).expect("the API server has written its audit log");
        file.seek(SeekFrom::Start(since.offset))
            .expect("a file can be read from anywhere");
        let mut text = String::new();
        file.read_to_string(&mut text)
            .expect("the audit log is text");
        // The last line may be half written; marks are taken at whole lines by the same reasoning.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut seen = HashSet::new();
        let lines = whole
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let asked_later = lines.filter(|event| asked_at(event).is_none_or(|at| at > since.at));
        let first = asked_later.filter(|event| seen.insert(text_at(event, "/auditID")));
        first.map(|event| record(&event)).collect()
    }
}

fn asked_at(event: &Value) -> Option<Timestamp> {
    text_at(event, "/requestReceivedTimestamp").parse().ok()
}

fn record(event: &Value) -> AuditRecord {
    AuditRecord {
        user: text_at(event, "/user/username"),
        impersonated: text_at(event, "/impersonatedUser/username"),
        verb: text_at(event, "/verb"),
        group: text_at(event, "/objectRef/apiGroup"),
        resource: text_at(event, "/objectRef/resource"),
        subresource: text_at(event, "/objectRef/subresource"),
        namespace: text_at(event, "/objectRef/namespace"),
        name: text_at(event, "/objectRef/name"),
        uri: text_at(event, "/requestURI"),
        status: event
            .pointer("/responseStatus/code")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
    }
}

fn text_at(event: &Value, pointer: &str) -> String {
    event
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
