//! The commands about charts, their sources and releases, against the real `flux`.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use crate::commands_flux::{flux, ours, theirs};
use crate::tenant::{Tenant, bare_map, state};

/// Without the progress that only windlass shows while it waits.
fn words(said: &str) -> Vec<&str> {
    let is_word = |line: &&str| !line.starts_with('◎') || line.ends_with(" reconciliation");
    said.lines().filter(is_word).collect()
}

/// A chart of the tenant's repository, its release, and HelmRepositories beside them.
fn charts() -> Tenant {
    let files = [
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.2.3\n",
        ),
        ("charts/web/templates/map.yaml", &bare_map("web", "one")),
    ];
    let tenant = Tenant::start("flux-charts", &files);
    let source = json!({"kind": "GitRepository", "name": tenant.source().name});
    let chart = json!({"chart": "./charts/web", "interval": "1h", "sourceRef": source});
    let object = |kind: &str, name: &str, spec: Value| {
        let group = match kind {
            "HelmRelease" => "helm.toolkit.fluxcd.io/v2",
            _ => "source.toolkit.fluxcd.io/v1",
        };
        let object = json!({
            "apiVersion": group, "kind": kind, "spec": spec,
            "metadata": {"name": name, "namespace": tenant.namespace},
        });
        tenant.admin().apply(&object);
        ObjectRef::new(group, kind, &tenant.namespace, name)
    };
    object("HelmChart", "plain", chart.clone());
    let url = "http://127.0.0.1:9/charts";
    object("HelmRepository", "index", json!({"url": url}));
    let registry = json!({"url": "oci://127.0.0.1:9/charts", "type": "oci"});
    object("HelmRepository", "registry", registry);
    let spec = json!({"chart": {"spec": chart}, "interval": "1h"});
    let release = object("HelmRelease", "web", spec);
    let stalls = ObjectRef::new(
        "source.toolkit.fluxcd.io/v1",
        "HelmRepository",
        &tenant.namespace,
        "index",
    );
    let admin = tenant.admin();
    admin.wait_for("the release", &release, |object| {
        state(object, "Ready") == "True"
    });
    admin.wait_for("what nobody vouches for", &stalls, |object| {
        state(object, "Stalled") == "True"
    });
    tenant
}

#[test]
fn flux_prints_the_same_of_charts_and_releases_as_windlass() {
    let Some(flux) = flux() else { return };
    let tenant = charts();
    for line in [
        "get all",
        "get sources all",
        "get sources chart",
        "get sources chart plain",
        "get sources helm",
        "get source helm registry",
        "get helmreleases",
        "get hr web --show-source",
        "suspend helmrelease web",
        "suspend hr web",
        "suspend source chart plain",
        "suspend source helm index",
        "get all --no-header",
        "resume hr web",
        "resume source chart plain",
        "resume source helm registry --wait=false",
        "reconcile source helm registry",
    ] {
        let (ours, theirs) = (ours(&tenant, line), theirs(flux, &tenant, line));
        assert_eq!(
            (ours.code, &ours.results, words(&ours.progress)),
            (theirs.code, &theirs.results, words(&theirs.progress)),
            "{line}"
        );
    }
    // Of a name that is not there, flux says it too.
    for line in ["get hr none", "get sources chart none"] {
        let (ours, theirs) = (ours(&tenant, line).failed(), theirs(flux, &tenant, line));
        assert!(
            ours.progress.starts_with(&theirs.progress),
            "{ours:?} {theirs:?}"
        );
    }
}

#[test]
fn flux_and_windlass_reconcile_charts_and_releases_in_the_same_words() {
    let Some(flux) = flux() else { return };
    let tenant = charts();
    for line in [
        "reconcile source chart plain",
        "reconcile source chart plain --with-source",
        "reconcile helmrelease web",
        "reconcile hr web --with-source --reset",
        "reconcile hr web --force",
    ] {
        let theirs = theirs(flux, &tenant, line).done().progress;
        let ours = ours(&tenant, line).done().progress;
        assert_eq!(words(&ours), words(&theirs), "{line}");
    }
    // Each --force made a revision.
    let release = ObjectRef::new(
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        &tenant.namespace,
        "web",
    );
    let object = tenant.admin().get(&release).unwrap();
    assert_eq!(object["status"]["history"][0]["version"], 3);
    let annotations = &object["metadata"]["annotations"];
    let asked = &annotations["reconcile.fluxcd.io/requestedAt"];
    assert_eq!(&annotations["reconcile.fluxcd.io/forceAt"], asked);
}
