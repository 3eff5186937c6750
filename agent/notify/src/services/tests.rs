//! Each format against what the service's own documentation asks for.

mod messages;
mod monitors;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::event::Severity;
use crate::event::tests::event;
use crate::recipient::tests::{fields, provider};

/// The metadata of every event here.
fn told(severity: Severity) -> Event {
    let metadata = [
        ("revision", "main@sha1:5394cb7f"),
        ("summary", "production"),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut event = event();
    event.severity = severity;
    event.metadata = BTreeMap::from(metadata);
    if severity == Severity::Info {
        event.reason = "ReconciliationSucceeded".to_owned();
    }
    event
}

/// What a Provider is sent.
fn requests(spec: Value, secret: &[(&str, &str)], event: &Event) -> Vec<Outgoing> {
    let spec = provider(spec);
    let fields = fields(secret);
    let recipient = Recipient::new(&spec, &fields).unwrap();
    compose(&recipient, event).unwrap()
}

#[track_caller]
fn request(spec: Value, secret: &[(&str, &str)], event: &Event) -> Outgoing {
    let mut requests = requests(spec, secret, event);
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn body(request: &Outgoing) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn header<'a>(request: &'a Outgoing, name: &str) -> &'a str {
    let mut named = request.headers.iter().filter(|(other, _)| other == name);
    named.next().map_or("", |(_, value)| value.expose())
}

const ERROR: Severity = Severity::Error;
const INFO: Severity = Severity::Info;

fn error(type_: &str, pairs: &[(&str, &str)]) -> String {
    let spec = provider(json!({ "type": type_ }));
    let fields = fields(pairs);
    let recipient = Recipient::new(&spec, &fields).unwrap();
    compose(&recipient, &event()).unwrap_err().to_string()
}

#[test]
fn what_a_provider_lacks_is_named_and_no_secret_with_it() {
    assert!(error("generic", &[]).contains("has no address"));
    for bad in [
        "hooks.example",
        "ftp://secret/",
        "https:///secret",
        "http://a b",
    ] {
        let error = error("generic", &[("address", bad)]);
        assert!(
            error.contains("is no URL") && !error.contains("secret"),
            "{error}"
        );
    }
    let address = ("address", "https://h");
    for type_ in ["generic-hmac", "matrix", "opsgenie", "datadog"] {
        let spec = provider(json!({ "type": type_, "channel": "c" }));
        let fields = fields(&[address, ("token", "")]);
        let recipient = Recipient::new(&spec, &fields).unwrap();
        let error = compose(&recipient, &event()).unwrap_err().to_string();
        assert!(error.contains("has no token"), "{type_}: {error}");
    }
    for type_ in ["telegram", "matrix", "webex", "pagerduty", "zulip"] {
        let error = error(type_, &[address, ("token", "t")]);
        assert!(error.contains("no channel"), "{type_}: {error}");
    }
    let spec = provider(json!({ "type": "zulip", "channel": "a/b" }));
    let half = fields(&[address, ("username", "me")]);
    let recipient = Recipient::new(&spec, &half).unwrap();
    let error = compose(&recipient, &event()).unwrap_err().to_string();
    assert!(error.contains("has no password"), "{error}");
}

#[test]
fn a_type_that_is_not_served_is_refused_by_its_name() {
    for type_ in [
        "github",
        "gitlab",
        "gitea",
        "bitbucket",
        "bitbucketserver",
        "azuredevops",
        "githubdispatch",
        "githubpullrequestcomment",
        "gitlabmergerequestcomment",
        "giteapullrequestcomment",
        "nats",
        "otel",
        "azureeventhub",
        "googlepubsub",
    ] {
        assert!(error(type_, &[]).contains(&format!("type {type_} yet")));
    }
}
