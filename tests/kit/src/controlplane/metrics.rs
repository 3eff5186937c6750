//! The API server's own counters (`/metrics`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::Client;

/// All series at one moment.
#[derive(Clone, Debug)]
pub struct Metrics {
    series: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    pub(super) fn read(admin: &Client) -> Self {
        let body = admin.request("GET", "/metrics", "text/plain", &Value::Null);
        let Value::String(text) = body.expect_success("/metrics") else {
            panic!("/metrics is text");
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            series: lines.filter_map(parse).collect(),
        }
    }

    /// The sum of all series of `name` whose labels include `labels`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |found: &BTreeMap<String, String>| {
            labels
                .iter()
                .all(|(key, value)| found.get(*key).is_some_and(|seen| seen == value))
        };
        let fitting = self
            .series
            .iter()
            .filter(|(found, with, _)| found == name && fits(with));
        fitting.map(|(_, _, value)| value).sum()
    }

    /// How many requests (`apiserver_request_total`) of `verb` (`APPLY`, `GET`, `PATCH`, `LIST`, ...)
    /// were answered for `resource` (`configmaps`, ...) with `subresource` (mostly empty).
    #[must_use]
    pub fn requests(&self, verb: &str, resource: &str, subresource: &str) -> f64 {
        let labels = [
            ("verb", verb),
            ("resource", resource),
            ("subresource", subresource),
        ];
        self.sum("apiserver_request_total", &labels)
    }
}

/// One line of the text format: `name{label="value",...} number`.
fn parse(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.strip_suffix('}').unwrap_or(labels);
    let pairs = labels.split("\",").filter_map(|pair| {
        let (key, value) = pair.split_once("=\"")?;
        Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some((name.to_owned(), pairs.collect(), value.parse().ok()?))
}
