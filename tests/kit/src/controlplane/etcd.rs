//! What the control plane's etcd holds, read and changed past the API server.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http;

/// How many changes etcd takes in one transaction (its flag `--max-txn-ops`).
const CHANGES: usize = 128;

/// Keys and values, both in base64 as etcd's JSON gateway writes them.
pub(super) type Content = BTreeMap<String, String>;

/// The JSON gateway of etcd's v3 API on `port` of loopback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Etcd {
    pub(super) port: u16,
}

impl Etcd {
    /// Everything it holds.
    pub(super) fn content(self) -> Content {
        // From the first key to the last: both are the byte 0 (etcd's RangeRequest).
        let everything = STANDARD.encode([0]);
        let answer = self.ask(
            "range",
            &json!({"key": everything, "range_end": everything}),
        );
        let pairs = answer["kvs"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        pairs
            .map(|pair| (text(&pair["key"]), text(&pair["value"])))
            .collect()
    }

    /// Removes the keys that have no value here, and writes the others.
    pub(super) fn change(self, changes: &[(&str, Option<&str>)]) {
        for some in changes.chunks(CHANGES) {
            let operations: Vec<Value> = some
                .iter()
                .map(|(key, value)| match value {
                    Some(value) => json!({"request_put": {"key": key, "value": value}}),
                    None => json!({"request_delete_range": {"key": key}}),
                })
                .collect();
            self.ask("txn", &json!({"success": operations}));
        }
    }

    fn ask(self, verb: &str, body: &Value) -> Value {
        let answer = http::ask(self.port, "POST", &format!("/v3/kv/{verb}"), body);
        let (status, answer) = answer.unwrap_or_else(|error| panic!("etcd, {verb}: {error}"));
        assert_eq!(status, "200", "etcd, {verb}: {answer}");
        answer
    }
}
