//! Where objects come from, how many there are, and substitution by hand: as the real `flux` says it.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use windlass_kit::agent::binary;
use windlass_kit::directory::Directory;

use crate::commands::Ran;
use crate::commands_flux::{flux, ours, theirs};
use crate::tenant::{Tenant, bare_map};

/// The sections of a trace, without what only aligns them.
fn sections(ran: Ran) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let results = ran.done().results;
    let lines = results.lines().map(words);
    lines.filter(|line| !line.is_empty()).collect()
}

fn two(prefix: &str) -> Tenant {
    let files = [
        ("app/map.yaml", &bare_map("app", "one") as &str),
        ("web/map.yaml", &bare_map("web", "one")),
    ];
    let tenant = Tenant::start(prefix, &files);
    let into = json!({"targetNamespace": tenant.namespace});
    tenant.kustomize("app", into.clone());
    tenant.kustomize("web", into);
    tenant.ready("app");
    tenant.ready("web");
    tenant
}

#[test]
fn an_object_is_traced_to_its_source_as_flux_traces_it() {
    let Some(flux) = flux() else { return };
    let tenant = two("trace");
    let uid = tenant.admin().get(&tenant.config_map("app")).unwrap()["metadata"]["uid"].clone();
    let owners = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "app", "uid": uid}]);
    tenant.admin().apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "owned", "namespace": tenant.namespace, "ownerReferences": owners},
    }));
    for line in [
        "trace configmap app",
        "trace cm/app",
        "trace ConfigMaps app web",
        "trace configmap/app configmap/web",
        "trace configmap owned",
        "trace app --kind ConfigMap --api-version v1",
    ] {
        let ours = sections(ours(&tenant, line));
        assert_eq!(ours, sections(theirs(flux, &tenant, line)), "{line}");
        assert!(
            ours.iter().any(|line| line.starts_with("URL: ")),
            "{ours:#?}"
        );
    }
    tenant.admin().apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "alone", "namespace": tenant.namespace},
    }));
    let cases = [
        ("trace configmap alone", "was not applied from a source"),
        (
            "trace configmap none",
            "ConfigMap none was not found in namespace",
        ),
        (
            "trace nonsense app",
            "doesn't have a resource type \"nonsense\"",
        ),
        ("trace configmap", "<resource>/<name>"),
        ("trace namespace nowhere", "Namespace nowhere was not found"),
    ];
    for (line, said) in cases {
        let ran = ours(&tenant, line).ends_with(1);
        assert!(ran.progress.contains(said), "{line}: {ran:?}");
    }
    // One that fails does not keep the others back.
    let some = ours(&tenant, "trace cm/none cm/app").ends_with(1);
    assert!(some.results.contains("Kustomization:"), "{some:?}");
    // A source that is gone is said to be, and the rest is shown.
    tenant.admin().delete(&tenant.source());
    tenant.admin().wait_gone(&tenant.source());
    let gone = ours(&tenant, "trace cm app").done().results;
    assert!(
        gone.contains("GitRepository:") && gone.contains("It is not there"),
        "{gone}"
    );
}

#[test]
fn objects_are_counted_as_flux_counts_them() {
    let Some(flux) = flux() else { return };
    let tenant = two("stats");
    tenant.kustomize("lost", json!({"path": "./nowhere"}));
    tenant.kustomize("resting", json!({"path": "./app", "suspend": true}));
    tenant.fails("lost", "ArtifactFailed", "nowhere");
    let theirs = theirs(flux, &tenant, "stats").done().results;
    // windlass serves no image automation.
    let theirs = theirs.lines().filter(|line| !line.starts_with("Image"));
    let cells = |line: &str| line.split('\t').map(str::trim).map(str::to_owned).collect();
    let theirs: Vec<Vec<String>> = theirs.map(cells).collect();
    let ours = ours(&tenant, "stats").done().results;
    let ours: Vec<Vec<String>> = ours.lines().map(cells).collect();
    assert_eq!(ours, theirs);
}

fn substituted(program: &Path, input: &Path, strict: bool) -> Ran {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("REGION", "eu\u{b5}")
        .env("EMPTY", "");
    command.arg("envsubst").args(strict.then_some("--strict"));
    command.stdin(File::open(input).unwrap());
    Ran::of(&command.output().unwrap())
}

#[test]
fn a_text_is_substituted_as_flux_substitutes_it() {
    let Some(flux) = flux() else { return };
    let folder = Directory::new("envsubst");
    let input = folder.join("input");
    let texts = [
        "a: ${REGION}\nb: \"$${REGION}\"\n\n\tc: ${NONE:-d} ${REGION^^} ${REGION:0:2}",
        "",
        "no newline",
        "a: ${NONE}\n",
        "a: ${EMPTY}|${EMPTY:=x}\r\nb\n",
        "fine: ${REGION}\na: ${REGION\nb: 1\n",
    ];
    for text in texts {
        std::fs::write(&input, text).unwrap();
        for strict in [false, true] {
            let theirs = substituted(flux, &input, strict);
            let ours = substituted(&binary(), &input, strict);
            let (code, results) = (ours.code, &ours.results);
            assert_eq!((code, results), (theirs.code, &theirs.results), "{text:?}");
        }
    }
}

#[test]
fn a_kustomization_is_debugged_as_flux_debugs_it() {
    let tenant = two("debug");
    for (kind, field, name, value) in [
        ("ConfigMap", "data", "settings", "from the map"),
        ("Secret", "stringData", "secrets", "from the secret"),
    ] {
        tenant.admin().apply(&json!({
            "apiVersion": "v1", "kind": kind,
            "metadata": {"name": name, "namespace": tenant.namespace},
            field: {"A": value, name: "b\nc"},
        }));
    }
    let given = json!({"targetNamespace": tenant.namespace, "postBuild": {
    "substitute": {"INLINE": "x\ny"},
    "substituteFrom": [
        {"kind": "ConfigMap", "name": "settings"},
        {"kind": "Secret", "name": "secrets"},
        {"kind": "Secret", "name": "none", "optional": true},
    ]}});
    tenant.kustomize("given", given);
    let vars = ours(&tenant, "debug ks given --show-vars").done().results;
    assert_eq!(
        vars,
        "A=from the secret\nINLINE=xy\nsecrets=bc\nsettings=bc\n"
    );
    let none = ours(&tenant, "debug ks app --show-vars").ends_with(1);
    assert!(
        none.progress.contains("no post build substitutions found"),
        "{none:?}"
    );
    let Some(flux) = flux() else { return };
    for line in [
        "debug kustomization given --show-vars",
        "debug ks app --show-status",
        "debug ks app --show-history",
    ] {
        let (ours, theirs) = (
            ours(&tenant, line).done(),
            theirs(flux, &tenant, line).done(),
        );
        assert_eq!(ours.results, theirs.results, "{line}");
    }
}
