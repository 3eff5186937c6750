//! Services that watch over systems.

use serde_json::json;

use super::*;
use crate::Fields;

/// Alertmanager's api/v2/openapi.yaml, `postableAlerts`: labels have Prometheus' names, times are RFC 3339.
#[test]
fn alertmanager_gets_labels_it_takes() {
    let spec = json!({ "type": "alertmanager", "address": "https://am/api/v2/alerts/" });
    let mut event = told(ERROR);
    event
        .metadata
        .insert("app-version".to_owned(), "1".to_owned());
    let sent = request(spec.clone(), &[("token", "t")], &event);
    assert_eq!(header(&sent, "Authorization"), "Bearer t");
    assert_eq!(
        body(&sent),
        json!([{
            "labels": {
                "alertname": "FluxKustomizationHealthcheckfailed", "severity": "error", "reason": "HealthCheckFailed",
                "kind": "Kustomization", "name": "apps", "namespace": "flux-system",
                "reportingcontroller": "kustomize-controller", "revision": "main@sha1:5394cb7f", "app_version": "1",
            },
            "annotations": { "message": "health check failed", "summary": "production" },
            "startsAt": "2026-11-28T07:00:00Z",
        }])
    );
    let login = request(spec, &[("username", "a"), ("password", "b")], &event);
    assert_eq!(header(&login, "Authorization"), "Basic YTpi");
}

/// grafana.com/docs, "Annotations HTTP API": time in milliseconds, text, tags.
#[test]
fn grafana_gets_an_annotation_at_its_time() {
    let spec = json!({ "type": "grafana", "address": "https://grafana/api/annotations" });
    let sent = request(spec, &[("token", "t")], &told(INFO));
    assert_eq!(header(&sent, "Authorization"), "Bearer t");
    let annotation = body(&sent);
    assert_eq!(annotation["time"], 1_795_849_200_000_i64);
    assert_eq!(annotation["text"], "kustomization/apps.flux-system");
    let tags = annotation["tags"].as_array().unwrap();
    assert_eq!(
        (&tags[0], &tags[2]),
        (&json!("flux"), &json!("revision: main@sha1|5394cb7f"))
    );
}

/// docs.datadoghq.com/api/latest/events, "Post an event" (v1).
#[test]
fn datadog_gets_an_event_with_tags() {
    let spec = json!({ "type": "datadog", "address": "https://api.datadoghq.com/x" });
    let sent = request(spec, &[("token", "key")], &told(ERROR));
    assert_eq!(sent.url.expose(), "https://api.datadoghq.com/api/v1/events");
    assert_eq!(header(&sent, "DD-API-KEY"), "key");
    let event = body(&sent);
    assert_eq!(
        event["title"],
        "Events from the Kustomization apps/flux-system"
    );
    assert_eq!(
        (&event["alert_type"], &event["date_happened"]),
        (&json!("error"), &json!(1_795_849_200))
    );
    assert_eq!(event["tags"][2], "kube_kind:kustomization");
    assert!(
        event["tags"]
            .as_array()
            .unwrap()
            .contains(&json!("summary:production"))
    );
}

/// docs.opsgenie.com/docs/alert-api, "Create Alert": message at most 130 characters.
#[test]
fn opsgenie_gets_an_alert() {
    let spec = json!({ "type": "opsgenie", "address": "https://api.opsgenie.com/v2/alerts" });
    let sent = request(spec, &[("token", "key")], &told(ERROR));
    assert_eq!(header(&sent, "Authorization"), "GenieKey key");
    let details =
        json!({ "revision": "main@sha1:5394cb7f", "summary": "production", "severity": "error" });
    let alert = json!({ "message": "Kustomization/apps", "description": "health check failed", "details": details });
    assert_eq!(body(&sent), alert);
}

/// developer.pagerduty.com, "Send an Alert Event" and "Send a Change Event".
#[test]
fn pagerduty_gets_an_incident_that_good_news_resolve() {
    let spec = json!({ "type": "pagerduty", "address": "https://events.pagerduty.com/x", "channel": "R0" });
    let trigger = request(spec.clone(), &[], &told(ERROR));
    assert_eq!(
        trigger.url.expose(),
        "https://events.pagerduty.com/v2/enqueue"
    );
    let incident = body(&trigger);
    assert_eq!(
        (&incident["event_action"], &incident["routing_key"]),
        (&json!("trigger"), &json!("R0"))
    );
    let payload = &incident["payload"];
    assert_eq!(
        payload["summary"],
        "health check failed: kustomization/apps"
    );
    assert_eq!(
        (&payload["severity"], &payload["source"]),
        (&json!("error"), &json!("Flux kustomize-controller"))
    );
    let both = requests(spec.clone(), &[], &told(INFO));
    assert_eq!(both.len(), 2);
    let resolve = json!({ "event_action": "resolve", "routing_key": "R0", "dedup_key": incident["dedup_key"] });
    assert_eq!(body(&both[0]), resolve);
    assert_eq!(
        both[1].url.expose(),
        "https://events.pagerduty.com/v2/change/enqueue"
    );
    assert_eq!(
        body(&both[1])["payload"]["summary"],
        "reconciliation succeeded: kustomization/apps"
    );
    let mut progress = told(INFO);
    progress.reason = "Progressing".to_owned();
    assert!(requests(spec, &[], &progress).is_empty());
}

/// develop.sentry.dev/sdk/data-model/envelopes and .../event-payloads: headers, then an item of the length it says.
#[test]
fn sentry_gets_an_envelope_for_the_project_of_the_dsn() {
    let spec = json!({ "type": "sentry", "channel": "home" });
    let dsn = [("address", "https://public@o1.ingest.sentry.io/prefix/42")];
    for (severity, kind) in [(ERROR, "event"), (INFO, "transaction")] {
        let sent = request(spec.clone(), &dsn, &told(severity));
        assert_eq!(
            sent.url.expose(),
            "https://o1.ingest.sentry.io/prefix/api/42/envelope/"
        );
        assert!(header(&sent, "X-Sentry-Auth").ends_with(", sentry_key=public"));
        let text = String::from_utf8(sent.body).unwrap();
        let lines: Vec<&str> = text.trim_end().split('\n').collect();
        let parsed: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [head, about, item] = parsed.as_slice() else {
            panic!("{text}");
        };
        assert_eq!(*about, json!({ "type": kind, "length": lines[2].len() }));
        assert_eq!(head["event_id"].as_str().unwrap().len(), 32);
        assert_eq!(
            (&item["event_id"], &item["environment"]),
            (&head["event_id"], &json!("home"))
        );
        assert_eq!(item["transaction"], "Kustomization: flux-system/apps");
        let (text, trace) = (&item["message"], &item["contexts"]["trace"]["span_id"]);
        assert_eq!(text == "health check failed", severity == ERROR);
        assert_eq!(
            trace.as_str().map(str::len),
            (severity == INFO).then_some(16)
        );
    }
    let spec = provider(json!({ "type": "sentry", "address": "https://o1.ingest.sentry.io/42" }));
    let fields = Fields::new();
    let recipient = Recipient::new(&spec, &fields).unwrap();
    assert_eq!(
        compose(&recipient, &told(ERROR)),
        Err(ComposeError::SentryDsn)
    );
}
