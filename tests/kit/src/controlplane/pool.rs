//! Control planes that tests of one binary use one after the other.
//!
//! The start of an API server takes some seconds of processor time, more than most tests. What a test
//! leaves is in etcd alone, so what etcd held at first is put back there; the API server follows by its
//! watches, as it follows other API servers.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::controlplane::etcd::Content;
use crate::controlplane::running::Running;
use crate::controlplane::{Options, Parts};

/// The API server begins another file of its audit log at 100 MB, and places in it would be wrong.
const AUDIT_LOG_BYTES: u64 = 50_000_000;

/// How long an API server may take to forget what is no more in etcd.
const SETTLED: Duration = Duration::from_secs(5);

/// What the API server itself writes and renews: its Leases, how it is reached, and how far it compacted etcd (without which
/// it panics, `etcd3/compact.go`).
const ITS_OWN: [&str; 7] = [
    "compact_rev_key",
    "/registry/masterleases/",
    "/registry/peerserverleases/",
    "/registry/leases/kube-system/apiserver-",
    "/registry/services/specs/default/kubernetes",
    "/registry/services/endpoints/default/kubernetes",
    "/registry/endpointslices/default/kubernetes",
];

static PARKED: Mutex<Vec<Pooled>> = Mutex::new(Vec::new());

/// A control plane and what it held when it was new.
#[derive(Debug)]
pub(super) struct Pooled {
    pub(super) running: Running,
    content: Content,
    serves: Serves,
}

/// The API groups and the OpenAPI documents that an API server serves.
#[derive(Debug, PartialEq, Eq)]
struct Serves {
    groups: Value,
    schemas: BTreeSet<String>,
}

/// A control plane like `options` that holds what a new one holds.
pub(super) fn take(options: &Options) -> Pooled {
    loop {
        let mut parked = parked();
        let found = parked
            .iter()
            .position(|one| one.running.options() == options);
        let Some(place) = found else { break };
        let one = parked.swap_remove(place);
        drop(parked);
        if one.settled() {
            return one;
        }
    }
    let running = Running::start(options);
    Pooled {
        content: running.etcd().content(),
        serves: Serves::now(&running),
        running,
    }
}

/// Leaves a control plane to the next test, unless this one did to it what cannot be undone.
pub(super) fn give_back(one: Pooled) {
    // Controllers remember what they saw, and faults stay in the API server's memory.
    let plain = one.running.options().parts == Parts::ApiServer && !one.running.is_harmed();
    if plain && one.running.audit().size() < AUDIT_LOG_BYTES {
        one.renew();
        parked().push(one);
    }
}

fn parked() -> std::sync::MutexGuard<'static, Vec<Pooled>> {
    PARKED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Pooled {
    /// Puts back what etcd held at first; gives whether anything was different.
    fn renew(&self) -> bool {
        let now = self.running.etcd().content();
        let new = &self.content;
        let gone = now.keys().filter(|key| !new.contains_key(*key));
        let changed = new
            .iter()
            .filter(|(key, value)| now.get(*key) != Some(value));
        let mut changes: Vec<(&str, Option<&str>)> = gone.map(|key| (key.as_str(), None)).collect();
        changes.extend(changed.map(|(key, value)| (key.as_str(), Some(value.as_str()))));
        changes.retain(|(key, _)| !is_its_own(key));
        self.running.etcd().change(&changes);
        !changes.is_empty()
    }

    /// Waits until it holds and serves what it did at first; gives whether it came to that.
    fn settled(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < SETTLED {
            self.running.admin().forget_kinds();
            if !self.renew() && Serves::now(&self.running) == self.serves {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Serves {
    fn now(running: &Running) -> Self {
        let get = |path: &str| {
            let answer = running
                .admin()
                .request("GET", path, "application/json", &Value::Null);
            answer.expect_success(path)
        };
        let schemas = get("/openapi/v3");
        let schemas = schemas["paths"].as_object().into_iter().flatten();
        Self {
            groups: get("/apis"),
            schemas: schemas.map(|(path, _)| path.clone()).collect(),
        }
    }
}

fn is_its_own(key: &str) -> bool {
    let key = STANDARD.decode(key).unwrap_or_default();
    ITS_OWN.iter().any(|own| key.starts_with(own.as_bytes()))
}
