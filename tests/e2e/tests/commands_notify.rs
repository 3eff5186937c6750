//! Alerts and Providers on the command line, beside the real flux.

use serde_json::json;
use windlass_kit::api::ObjectRef;

use crate::commands_flux::{flux, ours, theirs};
use crate::tenant::{Tenant, bare_map, shared};

const NOTIFICATION: &str = "notification.toolkit.fluxcd.io/v1beta3";
const RECEIVER: &str = "notification.toolkit.fluxcd.io/v1";

fn told(prefix: &str) -> Tenant {
    let files = [("app/map.yaml", bare_map("app", "one"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let tenant = Tenant::start(prefix, &files);
    let metadata = |name: &str| json!({"name": name, "namespace": tenant.namespace});
    let admin = shared().admin();
    admin.apply(&json!({
        "apiVersion": NOTIFICATION, "kind": "Provider", "metadata": metadata("hook"),
        "spec": {"type": "generic", "address": "http://127.0.0.1:9/hook"},
    }));
    for (name, suspend) in [("all", false), ("quiet", true)] {
        admin.apply(&json!({
            "apiVersion": NOTIFICATION, "kind": "Alert", "metadata": metadata(name),
            "spec": {
                "providerRef": {"name": "hook"}, "suspend": suspend, "eventSeverity": "error",
                "eventSources": [{"kind": "Kustomization", "name": "*"}],
            },
        }));
    }
    tenant
}

#[test]
fn alerts_and_providers_are_shown_suspended_exported_and_deleted_as_flux_does() {
    let Some(flux) = flux() else { return };
    let tenant = told("flux-alerts");
    let same = |line: &str| {
        let (ours, theirs) = (ours(&tenant, line), theirs(flux, &tenant, line));
        assert_eq!(
            (ours.code, &ours.results, &ours.progress),
            (theirs.code, &theirs.results, &theirs.progress),
            "{line}"
        );
    };
    for line in [
        "get alerts",
        "get alert quiet",
        "get alerts --no-header",
        "get alert-providers",
        "get alert-provider hook",
        "get all",
        "suspend alert all",
        "resume alert all",
    ] {
        same(line);
    }
    for line in [
        "export alert all",
        "export alert --all",
        "export alert-provider hook",
    ] {
        // The order of keys and how texts are quoted is nobody's business.
        let lines = |text: &str| {
            let lines = text.lines().map(|line| line.trim().replace('"', ""));
            let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
            lines.sort();
            lines
        };
        let (ours, theirs) = (
            ours(&tenant, line).done(),
            theirs(flux, &tenant, line).done(),
        );
        assert_eq!(lines(&ours.results), lines(&theirs.results), "{line}");
    }
    // Both say the same of an object of their own.
    let ours = ours(&tenant, "delete alert quiet --silent").done().progress;
    let theirs = theirs(flux, &tenant, "delete alert all --silent")
        .done()
        .progress;
    assert_eq!(ours.replace("quiet", "all"), theirs);
}

#[test]
fn receivers_are_shown_reconciled_suspended_exported_and_deleted_as_flux_does() {
    let Some(flux) = flux() else { return };
    let tenant = told("flux-receivers");
    let admin = shared().admin();
    let metadata = |name: &str| json!({"name": name, "namespace": tenant.namespace});
    admin.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata("token"),
        "stringData": {"token": "hunter2"},
    }));
    for (name, secret) in [("one", "token"), ("two", "token"), ("broken", "none")] {
        admin.apply(&json!({
            "apiVersion": RECEIVER, "kind": "Receiver", "metadata": metadata(name),
            "spec": {
                "type": "github", "events": ["push"], "secretRef": {"name": secret},
                "resources": [{"kind": "GitRepository", "name": "source"}],
            },
        }));
        let status = if secret == "none" { "False" } else { "True" };
        let receiver = ObjectRef::new(RECEIVER, "Receiver", &tenant.namespace, name);
        admin.wait_ready(&receiver, status);
    }
    let words = |text: &str| {
        // What is waited for meanwhile is ours to say.
        let shown = |line: &&str| !line.starts_with('◎') || line.ends_with("reconciliation");
        text.lines()
            .filter(shown)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for line in [
        "get receivers",
        "get receiver one",
        "get receivers --no-header",
        "get receivers --status-selector ready=false",
        "get all",
        "reconcile receiver one",
        "suspend receiver one",
        "resume receiver one",
    ] {
        let (ours, theirs) = (ours(&tenant, line), theirs(flux, &tenant, line));
        assert_eq!(
            (ours.code, &ours.results, words(&ours.progress)),
            (theirs.code, &theirs.results, words(&theirs.progress)),
            "{line}"
        );
    }
    let ours_said = ours(&tenant, "delete receiver one --silent")
        .done()
        .progress;
    let theirs_said = theirs(flux, &tenant, "delete receiver two --silent")
        .done()
        .progress;
    assert_eq!(ours_said.replace("one", "two"), theirs_said);
}
