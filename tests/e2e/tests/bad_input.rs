//! Whatever is wrong in the repository becomes a clear condition and event; siblings go on, and the fixing
//! commit is applied.

use serde_json::{Value, json};
use windlass_kit::repo::Signer;
use windlass_kit::webhook::DenyingWebhook;

use crate::house::ready;
use crate::tenant::{Tenant, bare_map, shared, state};

/// A tenant with two Kustomizations, `good` and `bad`, both fine so far.
fn pair(prefix: &str) -> Tenant {
    let files = [
        ("good/map.yaml", &bare_map("good", "one") as &str),
        ("bad/map.yaml", &bare_map("bad", "one")),
    ];
    let tenant = Tenant::start(prefix, &files);
    for name in ["good", "bad"] {
        let namespace = tenant.namespace.clone();
        tenant.kustomize(name, json!({"targetNamespace": namespace}));
        tenant.ready(name);
    }
    tenant
}

/// Pushes a broken file and sees: what the condition says, that the event says it too, that the sibling has
/// the same commit applied, and that the next commit mends it. Gives the condition's message.
fn breaks(prefix: &str, file: &str, content: &str, reason: &str) -> String {
    let mut tenant = pair(prefix);
    let commit = tenant.push(
        &[(file, content), ("good/map.yaml", &bare_map("good", "two"))],
        "Break it",
    );
    let message = tenant.fails("bad", reason, "");
    let part = message.get(..message.len().min(100)).unwrap_or(&message);
    let event = tenant.event("bad", reason, part);
    assert_eq!(event["type"], "Warning");
    tenant.applied("good", &commit);
    assert_eq!(tenant.value("good").as_deref(), Some("two"));
    let bad = tenant.admin().get(&tenant.reference("bad")).unwrap();
    assert_eq!(
        tenant.value("bad").as_deref(),
        Some("one"),
        "nothing is lost"
    );
    let inventory = bad["status"]["inventory"]["entries"].to_string();
    assert!(
        inventory.contains(&format!("{}_bad__ConfigMap", tenant.namespace)),
        "{inventory}"
    );
    tenant.repo.remove(file);
    let mended = tenant.push(&[("bad/map.yaml", &bare_map("bad", "two"))], "Mend it");
    let bad = tenant.applied("bad", &mended);
    assert_eq!(tenant.value("bad").as_deref(), Some("two"));
    assert_eq!(state(&bad, "Stalled"), "absent");
    assert_eq!(state(&bad, "Reconciling"), "absent");
    message
}

#[test]
fn a_yaml_error_names_file_and_line() {
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n data: {\n";
    let message = breaks("yaml", "bad/broken.yaml", yaml, "BuildFailed");
    assert!(
        message.contains("bad/broken.yaml, line 5") || message.contains("bad/broken.yaml:5"),
        "{message}"
    );
}

#[test]
fn a_manifest_without_a_kind_names_the_file() {
    let message = breaks("no-kind", "bad/broken.yaml", "a: b\n", "BuildFailed");
    assert!(message.contains("bad/broken.yaml"), "{message}");
}

#[test]
fn an_unknown_field_of_a_kustomization_names_file_and_field() {
    let mut tenant = pair("field");
    let kustomization = "resources: [map.yaml]\nresourcs: [other.yaml]\n";
    tenant.push(&[("bad/kustomization.yaml", kustomization)], "Misspell it");
    let message = tenant.fails("bad", "BuildFailed", "");
    assert!(
        message.contains("bad/kustomization.yaml") && message.contains("resourcs"),
        "{message}"
    );
}

#[test]
fn an_unknown_kind_names_the_object() {
    let yaml = "apiVersion: example.org/v1\nkind: Rocket\nmetadata:\n  name: apollo\n";
    let message = breaks("kind", "bad/rocket.yaml", yaml, "ReconciliationFailed");
    assert!(
        message.contains("Rocket")
            && message.contains("apollo")
            && message.contains("example.org/v1"),
        "{message}"
    );
}

#[test]
fn a_field_that_the_api_server_rejects_names_object_and_field() {
    let yaml =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 99999\n";
    let message = breaks("reject", "bad/service.yaml", yaml, "ReconciliationFailed");
    assert!(
        message.contains("Service/") && message.contains("spec.ports[0].port"),
        "{message}"
    );
}

#[test]
fn a_field_of_the_wrong_type_names_object_and_field() {
    let yaml = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  sessionAffinty: None\n  \
                ports:\n  - port: 80\n";
    let message = breaks("type", "bad/service.yaml", yaml, "ReconciliationFailed");
    assert!(
        message.contains("Service/") && message.contains("sessionAffinty"),
        "{message}"
    );
}

#[test]
fn a_duplicate_resource_names_it() {
    let message = breaks(
        "twice",
        "bad/second.yaml",
        &bare_map("bad", "other"),
        "BuildFailed",
    );
    assert!(
        message.contains("bad") && message.contains("second.yaml"),
        "{message}"
    );
}

#[test]
fn a_missing_path_is_an_error_that_prunes_nothing() {
    let mut tenant = pair("path");
    tenant.repo.remove("bad");
    let commit = tenant.push(&[("good/map.yaml", &bare_map("good", "two"))], "Lose it");
    tenant.fails("bad", "ArtifactFailed", "kustomization path not found");
    tenant.event("bad", "ArtifactFailed", "kustomization path not found");
    tenant.applied("good", &commit);
    assert_eq!(tenant.value("bad").as_deref(), Some("one"));
    let back = tenant.push(&[("bad/map.yaml", &bare_map("bad", "two"))], "Find it");
    tenant.applied("bad", &back);
}

#[test]
fn a_dependency_cycle_is_named_and_holds_up_nobody_else() {
    let tenant = pair("circle");
    let namespace = tenant.namespace.clone();
    tenant.kustomize(
        "bad",
        json!({"dependsOn": [{"name": "worse"}], "targetNamespace": namespace}),
    );
    tenant.kustomize(
        "worse",
        json!({"dependsOn": [{"name": "bad"}], "path": "./bad"}),
    );
    for name in ["bad", "worse"] {
        let message = tenant.fails(name, "DependencyNotReady", "form a cycle");
        assert!(
            message.contains("cycle") && message.contains("/bad") && message.contains("/worse"),
            "{message}"
        );
        tenant.event(name, "DependencyNotReady", "form a cycle");
    }
    tenant.request(&tenant.reference("good"));
    tenant.ready("good");
    // The cycle is broken at one place only: both go on.
    let namespace = tenant.namespace.clone();
    tenant.kustomize(
        "worse",
        json!({"path": "./good", "targetNamespace": namespace}),
    );
    tenant.ready("worse");
    tenant.ready("bad");
}

#[test]
fn a_policy_that_says_no_is_quoted() {
    let mut tenant = pair("policy");
    let name = format!("no-{}", tenant.namespace);
    tenant.admin().apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "object.data.value != 'forbidden'",
                "message": "the house rules say no"}],
        },
    }));
    tenant.admin().apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels":
                {"kubernetes.io/metadata.name": tenant.namespace}}}},
    }));
    // A policy takes a moment until the API server knows it.
    let probe: Value = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "probe", "namespace": tenant.namespace}, "data": {"value": "forbidden"}});
    windlass_kit::wait::until_true("the policy", std::time::Duration::from_secs(20), || {
        tenant.admin().apply_as("probe", &probe).status >= 400
    });
    let commit = tenant.push(
        &[
            ("bad/map.yaml", &bare_map("bad", "forbidden")),
            ("good/map.yaml", &bare_map("good", "two")),
        ],
        "Try it",
    );
    let message = tenant.fails("bad", "ReconciliationFailed", "");
    assert!(
        message.contains("the house rules say no") && message.contains("ConfigMap/"),
        "{message}"
    );
    tenant.event("bad", "ReconciliationFailed", "the house rules say no");
    tenant.applied("good", &commit);
    let mended = tenant.push(&[("bad/map.yaml", &bare_map("bad", "two"))], "Mend it");
    tenant.applied("bad", &mended);
}

/// Puts a webhook in front of the ConfigMaps of a tenant and waits until it counts; gives its configuration.
fn guard(tenant: &Tenant, name: &str, client_config: Value) -> Value {
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": name, "failurePolicy": "Fail", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
            "clientConfig": client_config,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"],
                "resources": ["configmaps"]}],
        }],
    });
    let webhook = tenant.admin().apply(&webhook);
    let probe: Value = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "probe", "namespace": tenant.namespace}, "data": {}});
    windlass_kit::wait::until_true("the webhook", std::time::Duration::from_secs(20), || {
        tenant.admin().apply_as("probe", &probe).status >= 400
    });
    webhook
}

#[test]
fn a_webhook_that_cannot_be_reached_is_named_and_tried_again() {
    let mut tenant = pair("webhook");
    let name = format!("closed.{}.example", tenant.namespace);
    let webhook = guard(
        &tenant,
        &name,
        json!({"url": "https://127.0.0.1:9/validate"}),
    );
    let commit = tenant.push(&[("bad/map.yaml", &bare_map("bad", "two"))], "Try it");
    let message = tenant.fails("bad", "ReconciliationFailed", "");
    assert!(message.contains(&name), "{message}");
    tenant.event("bad", "ReconciliationFailed", &name);
    // It is the server's failure, not the manifest's: no wait of a whole interval.
    tenant
        .admin()
        .delete(&windlass_kit::api::ObjectRef::of(&webhook));
    tenant.applied("bad", &commit);
}

#[test]
fn a_webhook_that_says_no_is_quoted_and_the_others_go_on() {
    let mut tenant = pair("denied");
    let denying = DenyingWebhook::start("the harbour is closed on Sundays");
    let name = format!("harbour.{}.example", tenant.namespace);
    let webhook = guard(&tenant, &name, denying.client_config());
    let files = [("bad/map.yaml", &*bare_map("bad", "two"))];
    tenant.push(&files, "Try it on a Sunday");
    let message = tenant.fails("bad", "ReconciliationFailed", "");
    assert!(
        message.contains("the harbour is closed on Sundays"),
        "{message}"
    );
    assert!(message.contains(&name), "{message}");
    tenant.event(
        "bad",
        "ReconciliationFailed",
        "the harbour is closed on Sundays",
    );
    assert_eq!(tenant.value("bad").as_deref(), Some("one"));
    tenant
        .admin()
        .delete(&windlass_kit::api::ObjectRef::of(&webhook));
    let commit = tenant.push(&[("bad/map.yaml", &bare_map("bad", "three"))], "On Monday");
    tenant.applied("bad", &commit);
}

#[test]
fn a_commit_by_an_unknown_key_is_refused_and_named() {
    let mut tenant = pair("wrong-key");
    let stranger = Signer::new("stranger@elsewhere.example");
    tenant.repo.write("bad/map.yaml", bare_map("bad", "two"));
    let commit = tenant.repo.commit("By a stranger", &stranger);
    tenant.repo.push();
    tenant.request(&tenant.source());
    refused(&tenant, &commit, "UnknownKey");
    // A good commit on top does not launder the bad one behind it.
    let on_top = tenant.push(&[("bad/map.yaml", &bare_map("bad", "three"))], "On top");
    tenant
        .admin()
        .wait_for("the next refusal", &tenant.source(), |source| {
            ready(source)["message"]
                .as_str()
                .is_some_and(|message| message.contains(&on_top) && message.contains(&commit))
        });
    assert_eq!(tenant.value("bad").as_deref(), Some("one"));
    // The history is put right: both go, a good one comes.
    tenant.repo.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    let good = tenant.push(&[("bad/map.yaml", &bare_map("bad", "four"))], "Put right");
    tenant.applied("bad", &good);
    tenant.admin().wait_ready(&tenant.source(), "True");
}

#[test]
fn a_tampered_commit_is_refused_and_named() {
    let mut tenant = pair("tampered");
    let commit = tenant.publish(&[("bad/map.yaml", &bare_map("bad", "two"))], "Mine");
    let forged = tenant
        .repo
        .tamper(&commit, |text| text.replace("Mine", "Theirs"));
    tenant.repo.push();
    tenant.request(&tenant.source());
    refused(&tenant, &forged, "BadSignature");
}

fn refused(tenant: &Tenant, commit: &str, code: &str) {
    let source = tenant
        .admin()
        .wait_for("the refusal", &tenant.source(), |source| {
            ready(source)["message"]
                .as_str()
                .is_some_and(|message| message.contains(commit))
        });
    assert_eq!(
        ready(&source)["reason"],
        "InvalidCommitSignature",
        "{source}"
    );
    assert_eq!(state(&source, "Ready"), "False");
    assert_eq!(state(&source, "SourceVerified"), "False");
    let message = ready(&source)["message"].to_string();
    assert!(message.contains(code), "{message}");
    tenant.event("source", "InvalidCommitSignature", commit);
    let kept = source["status"]["artifact"]["revision"].as_str().unwrap();
    assert!(!kept.contains(commit));
    for name in ["good", "bad"] {
        assert_eq!(tenant.value(name).as_deref(), Some("one"));
        let object = tenant.admin().get(&tenant.reference(name)).unwrap();
        assert_eq!(
            state(&object, "Ready"),
            "True",
            "the kept revision stays in force"
        );
    }
}

#[test]
fn t31_a_malformed_object_of_ours_holds_up_nobody() {
    let tenant = pair("malformed");
    // The definition lets it through, windlass cannot follow it.
    tenant.kustomize(
        "bad",
        json!({"sourceRef": {"kind": "ExternalArtifact", "name": "nothing"}}),
    );
    tenant.fails("bad", "ArtifactFailed", "ExternalArtifact");
    tenant.kustomize(
        "bad",
        json!({"sourceRef": {"kind": "GitRepository", "name": "nothing"}}),
    );
    tenant.fails("bad", "ArtifactFailed", "nothing");
    assert_eq!(tenant.value("bad").as_deref(), Some("one"));
    tenant.request(&tenant.reference("good"));
    tenant.ready("good");
    tenant.kustomize("bad", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("bad");
    assert!(shared().agent.log().contains("nothing"));
}

#[test]
fn many_broken_objects_are_one_message_of_a_bearable_length_and_nothing_half_applied() {
    let mut tenant = pair("many");
    // One is bad: the dry-run of the whole stage comes before its first write.
    let mut files: Vec<(String, String)> = (0..300)
        .map(|number| {
            let name = format!("map-{number}");
            (format!("bad/{name}.yaml"), bare_map(&name, "one"))
        })
        .collect();
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Not_A_Name\n";
    files.push(("bad/not-a-name.yaml".to_owned(), bad.to_owned()));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    tenant.push(&files, "Many");
    let message = tenant.fails("bad", "ReconciliationFailed", "Not_A_Name");
    assert!(message.len() < 2000, "{message}");
    assert!(tenant.value("map-0").is_none() && tenant.value("map-299").is_none());
    tenant.repo.remove("bad/not-a-name.yaml");
    let commit = tenant.push(&[], "Without it");
    tenant.applied("bad", &commit);
    assert_eq!(tenant.value("map-299").as_deref(), Some("one"));
    let event = tenant.event("bad", "Progressing", "map-0 created");
    assert!(event["message"].as_str().unwrap().len() < 40_000);
    // All of them fail at once.
    let broken: Vec<(String, String)> = (0..300)
        .map(|number| {
            let name = format!("map-{number}");
            let text = bare_map(&name, "one").replace("value: \"one\"", "value: 1");
            (format!("bad/{name}.yaml"), text)
        })
        .collect();
    let broken: Vec<(&str, &str)> = broken
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    tenant.push(&broken, "Break all");
    let message = tenant.fails("bad", "ReconciliationFailed", "data.value");
    assert!(
        message.len() < 5000 && message.contains("299 more"),
        "{message}"
    );
    assert_eq!(tenant.value("map-299").as_deref(), Some("one"));
}
