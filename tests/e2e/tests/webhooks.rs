//! Webhooks that give no answer: what they stopped goes on as soon as they could.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::certificates::Authority;
use windlass_kit::controlplane::audit::Mark;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;
use windlass_kit::webhook::DenyingWebhook;

use crate::house::{House, KUSTOMIZATION, kustomization, ready};
use crate::tenant::bare_map;

/// Far below what is waited for a webhook of which no watch tells.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A house in which the API server finds Services by their EndpointSlices, with namespace `team` and what `app` holds.
fn house(app: &[(&str, &str)]) -> House {
    let options = Options {
        api_server_flags: vec!["--enable-aggregator-routing=true".to_owned()],
        ..Options::api_server()
    };
    let root =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}).to_string();
    let mut files = vec![("cluster/root.yaml", &*root)];
    files.extend_from_slice(app);
    House::start_with(&options, &files, |agent| {
        agent.set("root", "path", "cluster")
    })
}

fn configuration(client_config: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gate"},
        "webhooks": [{
            "name": "check.gate.example", "clientConfig": client_config, "sideEffects": "None",
            "timeoutSeconds": 1, "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"],
                "resources": ["configmaps"]}],
        }],
    })
}

/// Puts the webhook in front of the namespace's ConfigMaps and waits until it counts.
fn guard(house: &House, client_config: &Value) {
    house.admin().apply(&configuration(client_config));
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "probe", "namespace": "team"}});
    wait::until_true("the webhook", Duration::from_secs(20), || {
        house.admin().apply_as("probe", &probe).status >= 400
    });
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "team"},
        "spec": {"ports": [{"port": 443, "targetPort": 8443}]}})
}

/// An endpoint of Service `gate` at an address of this machine where nobody listens.
fn endpoints(ready: bool) -> Value {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // No packet is sent: this only asks the kernel which address it would send from.
    socket.connect("192.0.2.1:9").unwrap();
    let address = socket.local_addr().unwrap().ip().to_string();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "gate-1", "namespace": "team",
            "labels": {"kubernetes.io/service-name": "gate"}},
        "ports": [{"port": 1}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}]})
}

fn kustomize(house: &House, spec: &Value) {
    let mut object = json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": "flux-system"},
        "spec": {"path": "./app", "prune": true, "interval": "1h", "targetNamespace": "team",
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    house.admin().apply(&object);
}

/// Waits until the Kustomization says `part`; gives the message.
fn says(house: &House, part: &str) -> String {
    let app = kustomization("flux-system", "app");
    let message = |app: &Value| {
        ready(app)["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let app = house
        .admin()
        .wait_for(part, &app, |app| message(app).contains(part));
    message(&app)
}

/// How long until the agent asks about the ConfigMap again.
fn asks_again(house: &House, mark: Mark) -> Duration {
    let begun = Instant::now();
    wait::until_true("the agent to ask again", Duration::from_secs(60), || {
        let asked = house.control_plane.audit().requests(User::Agent, mark);
        asked
            .iter()
            .any(|record| record.namespace == "team" && record.verb == "patch")
    });
    begun.elapsed()
}

#[test]
fn what_a_webhook_without_endpoints_stopped_is_tried_again_when_they_or_its_configuration_change() {
    let house = house(&[("app/map.yaml", &bare_map("a", "one"))]);
    house.admin().apply(&service("gate"));
    guard(
        &house,
        &json!({"service": {"name": "gate", "namespace": "team", "path": "/check"}}),
    );
    kustomize(&house, &json!({}));
    let message = says(&house, "no endpoints available for service \"gate\"");
    let named =
        "the webhook of ValidatingWebhookConfiguration/gate answers through Service team/gate";
    assert!(message.contains(named), "{message}");
    // The watch asks once when it has begun.
    std::thread::sleep(Duration::from_secs(1));

    let mark = house.control_plane.audit().mark();
    house.admin().apply(&endpoints(false));
    std::thread::sleep(Duration::from_secs(2));
    let asked = house.control_plane.audit().requests(User::Agent, mark);
    let asked = asked
        .iter()
        .filter(|record| record.namespace == "team" && record.verb == "patch");
    assert_eq!(
        asked.count(),
        0,
        "endpoints that are not ready are no reason to ask"
    );
    let mark = house.control_plane.audit().mark();
    house.admin().apply(&endpoints(true));
    let took = asks_again(&house, mark);
    assert!(took < AT_ONCE, "it took {took:?}");
    says(&house, "connection refused");

    let gate = ObjectRef::of(&configuration(&json!({})));
    house.admin().delete(&gate);
    let begun = Instant::now();
    house.ready("flux-system", "app");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn a_webhook_of_an_unknown_authority_is_asked_again_when_its_ca_bundle_is_set() {
    let house = house(&[("app/map.yaml", &bare_map("a", "one"))]);
    let webhook = DenyingWebhook::start("heard you");
    let good = webhook.client_config();
    let mut wrong = good.clone();
    wrong["caBundle"] = base64(&Authority::new().certificate()).into();
    guard(&house, &wrong);
    kustomize(&house, &json!({}));
    let message = says(&house, "certificate signed by unknown authority");
    assert!(
        message.contains("ValidatingWebhookConfiguration/gate is asked at a URL"),
        "{message}"
    );
    // It has just been asked in vain, and would not be for some seconds.
    let mark = house.control_plane.audit().mark();
    asks_again(&house, mark);
    let begun = Instant::now();
    house.admin().apply(&configuration(&good));
    says(&house, "heard you");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn a_webhook_that_blocks_its_own_repair_is_named_with_the_way_out() {
    let files = [
        ("app/map.yaml", &bare_map("a", "one") as &str),
        ("app/service.yaml", &service("gate").to_string()),
    ];
    let mut house = house(&files);
    kustomize(&house, &json!({}));
    house.ready("flux-system", "app");
    guard(
        &house,
        &json!({"service": {"name": "gate", "namespace": "team", "path": "/check"}}),
    );
    house.push(&[("app/map.yaml", &bare_map("a", "two"))], "Repair");
    let message = says(&house, "it blocks its own repair");
    let way_out =
        "kubectl delete validatingwebhookconfigurations.admissionregistration.k8s.io gate";
    assert!(message.contains(way_out), "{message}");
    house
        .admin()
        .delete(&ObjectRef::of(&configuration(&json!({}))));
    let begun = Instant::now();
    house.ready("flux-system", "app");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
