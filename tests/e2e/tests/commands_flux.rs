//! The real `flux` and the real `kubectl` on a cluster that windlass leads.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::controlplane::User;

use crate::commands::Ran;
use crate::oracle;
use crate::tenant::{Tenant, bare_map, shared};

/// The real flux command; none where Go cannot fetch it.
pub(crate) fn flux() -> Option<&'static Path> {
    static FLUX: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FLUX.get_or_init(|| oracle::programs("flux.sh")?.pop());
    found.as_deref()
}

fn kubeconfig() -> PathBuf {
    shared().control_plane.kubeconfig(User::Admin)
}

fn run(program: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", shared().agent.path())
        .env("KUBECONFIG", kubeconfig())
        .args(arguments);
    Ran::of(&command.output().expect("it can be started"))
}

/// A command line in the tenant's namespace.
fn words<'a>(tenant: &'a Tenant, line: &'a str) -> Vec<&'a str> {
    let words = line.split_whitespace();
    words.chain(["-n", tenant.namespace.as_str()]).collect()
}

pub(crate) fn ours(tenant: &Tenant, line: &str) -> Ran {
    Ran::of(&windlass(&kubeconfig(), &words(tenant, line)))
}

pub(crate) fn theirs(flux: &Path, tenant: &Tenant, line: &str) -> Ran {
    run(flux, &words(tenant, line))
}

/// Two Kustomizations that are ready, one that is not, one that is suspended.
fn some(prefix: &str) -> Tenant {
    let files = [
        ("app/map.yaml", bare_map("app", "one")),
        ("web/map.yaml", bare_map("web", "one")),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let tenant = Tenant::start(prefix, &files);
    let into = json!({"targetNamespace": tenant.namespace});
    tenant.kustomize("app", into.clone());
    tenant.kustomize("web", into);
    tenant.kustomize("lost", json!({"path": "./nowhere"}));
    tenant.kustomize("resting", json!({"path": "./app", "suspend": true}));
    tenant.ready("app");
    tenant.ready("web");
    tenant.fails("lost", "ArtifactFailed", "nowhere");
    tenant
}

#[test]
fn flux_prints_the_same_tables_and_trees_as_windlass() {
    let Some(flux) = flux() else { return };
    let tenant = some("flux-get");
    for line in [
        "get all",
        "get kustomizations",
        "get ks app",
        "get kustomizations --show-source",
        "get ks --no-header",
        "get kustomizations --status-selector ready=false",
        "get ks --status-selector ready!=false",
        "get ks --status-selector ready=unknown",
        "get sources git",
        "get sources git source",
        "get sources all",
        "events --types Warning --for GitRepository/none",
    ] {
        let (ours, theirs) = (ours(&tenant, line), theirs(flux, &tenant, line));
        assert_eq!(
            (ours.code, &ours.results, &ours.progress),
            (theirs.code, &theirs.results, &theirs.progress),
            "{line}"
        );
    }
    // Of all namespaces only the tests' own stands still.
    let rows = |ran: Ran| {
        let lines = ran.done().results;
        let lines = lines
            .lines()
            .filter(|line| line.contains(&tenant.namespace));
        let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>()
    };
    let everywhere = rows(theirs(flux, &tenant, "get all -A"));
    assert_eq!(rows(ours(&tenant, "get all -A")), everywhere);
    assert_eq!(everywhere.len(), 5, "{everywhere:#?}");
    for line in ["tree kustomization app", "tree ks app --compact"] {
        let theirs = theirs(flux, &tenant, line).done().results;
        assert_eq!(
            ours(&tenant, line).done().results.trim_end(),
            theirs.trim_end()
        );
    }
    let line = "tree ks app -o json";
    assert_eq!(
        ours(&tenant, line).json(),
        theirs(flux, &tenant, line).done().json()
    );
    // What flux says about a failure windlass says too, and then what to do next.
    for line in ["get ks none", "get sources git none", "get ks -l a=b"] {
        let (ours, theirs) = (ours(&tenant, line).failed(), theirs(flux, &tenant, line));
        assert_eq!(theirs.code, 1);
        assert!(
            ours.progress.starts_with(&theirs.progress),
            "{ours:?} {theirs:?}"
        );
    }
    let columns = |ran: Ran| {
        let lines = ran.done().results;
        let mut lines: Vec<String> = lines.lines().map(without_age).collect();
        lines.sort();
        lines
    };
    let line = "events --for Kustomization/app";
    assert_eq!(
        columns(ours(&tenant, line)),
        columns(theirs(flux, &tenant, line))
    );
}

/// A row of the table of events without its first cell, which changes from second to second.
fn without_age(row: &str) -> String {
    let cells = row.split('\t').skip(1).map(str::trim);
    cells.collect::<Vec<_>>().join("|")
}

#[test]
fn flux_reconciles_suspends_and_resumes_what_windlass_leads() {
    let Some(flux) = flux() else { return };
    let mut tenant = some("flux-act");
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    let line = "reconcile kustomization app --with-source";
    let applied = format!("✔ applied revision main@sha1:{commit}\n");
    let theirs_said = theirs(flux, &tenant, line).done().progress;
    assert!(theirs_said.ends_with(&applied), "{theirs_said}");
    assert_eq!(tenant.value("app").as_deref(), Some("two"));
    // Word for word, but for the progress that only windlass shows while it waits.
    let progress = ours(&tenant, line).done().progress;
    let words = |line: &&str| !line.starts_with('◎') || line.contains("waiting for");
    let progress: Vec<&str> = progress.lines().filter(words).collect();
    assert_eq!(progress, theirs_said.lines().collect::<Vec<_>>());

    let suspended = |tenant: &Tenant| ours(tenant, "get ks app --no-header").done().results;
    theirs(flux, &tenant, "suspend kustomization app").done();
    assert!(
        suspended(&tenant).contains("\tTrue     \t") || suspended(&tenant).contains("\tTrue\t")
    );
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    tenant.applied("web", &commit);
    assert_eq!(
        tenant.value("app").as_deref(),
        Some("two"),
        "suspended means left alone"
    );
    theirs(flux, &tenant, "resume kustomization app")
        .done()
        .says(&[&format!("✔ applied revision main@sha1:{commit}")]);
    assert_eq!(tenant.value("app").as_deref(), Some("three"));
    theirs(flux, &tenant, "suspend source git source").done();
    theirs(flux, &tenant, "resume source git source").done();
    // What flux suspends windlass resumes.
    theirs(flux, &tenant, "suspend ks web").done();
    ours(&tenant, "resume ks web").done();
}

#[test]
fn flux_traces_exports_and_counts_what_windlass_writes() {
    let Some(flux) = flux() else { return };
    let tenant = some("flux-trace");
    let revision = format!("main@sha1:{}", tenant.repo.id("HEAD"));
    theirs(flux, &tenant, "trace configmap app").done().says(&[
        "Kustomization:   app",
        "GitRepository:   source",
        &revision,
        "Applied revision: ",
        "stored artifact for revision",
    ]);
    theirs(flux, &tenant, "export source git source")
        .done()
        .says(&["kind: GitRepository", &shared().git.url("")]);
    theirs(flux, &tenant, "export kustomization app")
        .done()
        .says(&["path: ./app", "prune: true"]);
    let stats = theirs(flux, &tenant, "stats").done().results;
    let row = |kind: &str| {
        let row = stats.lines().find(|line| line.starts_with(kind));
        let cells = row.unwrap_or_default().split_whitespace().skip(1).take(3);
        cells.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("GitRepository"), ["1", "0", "0"], "{stats}");
    assert_eq!(row("Kustomization"), ["3", "1", "1"], "{stats}");
    theirs(flux, &tenant, "debug kustomization app --show-history")
        .done()
        .says(&["totalReconciliations", &revision]);
    let made = format!(
        "create kustomization made --source=GitRepository/source --path=./web \
         --target-namespace={} --interval=10m --prune",
        tenant.namespace
    );
    theirs(flux, &tenant, &made)
        .done()
        .says(&["applied revision"]);
    theirs(flux, &tenant, "delete kustomization made --silent").done();
    tenant.admin().wait_gone(&tenant.reference("made"));
}

#[test]
fn kubectl_shows_and_waits_as_with_flux() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let kubectl = std::env::split_paths(&path).map(|folder| folder.join("kubectl"));
    let Some(kubectl) = kubectl.into_iter().find(|kubectl| kubectl.exists()) else {
        oracle::skipped("SKIPPED: there is no kubectl, so nothing is shown with it");
        return;
    };
    let mut tenant = some("kubectl");
    let run_in = |tenant: &Tenant, line: &str| run(&kubectl, &words(tenant, line));
    let everywhere = run(&kubectl, &["get", "kustomizations", "-A"])
        .done()
        .results;
    let header: Vec<&str> = everywhere
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(header, ["NAMESPACE", "NAME", "AGE", "READY", "STATUS"]);
    let row = |name: &str| {
        let mut rows = everywhere
            .lines()
            .map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.find(|row| row[0] == tenant.namespace && row[1] == name)
            .expect("it is shown")
    };
    assert_eq!(row("app")[3..6], ["True", "Applied", "revision:"]);
    assert_eq!(row("lost")[3], "False");
    let sources = run_in(&tenant, "get gitrepositories").done().results;
    let header: Vec<&str> = sources
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(header, ["NAME", "URL", "AGE", "READY", "STATUS"]);
    run_in(&tenant, "get ks,gitrepo")
        .done()
        .says(&["kustomization", "gitrepository"]);

    let wait = "wait --for=condition=Ready kustomization/app kustomization/web --timeout=30s";
    run_in(&tenant, wait)
        .done()
        .says(&["/app condition met", "/web condition met"]);
    run_in(
        &tenant,
        "wait --for=condition=Ready=False ks/lost --timeout=30s",
    )
    .done();
    run_in(
        &tenant,
        "wait --for=condition=Ready gitrepository/source --timeout=30s",
    )
    .done();
    // By hand, as the documentation of Flux says.
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    run_in(
        &tenant,
        "annotate gitrepository/source reconcile.fluxcd.io/requestedAt=now",
    )
    .done();
    tenant.applied("app", &commit);
    let described = run_in(&tenant, "describe kustomization app").done().results;
    assert!(described.contains("ReconciliationSucceeded"), "{described}");
    assert!(described.contains("kustomize-controller"), "{described}");
    let object: Value = run_in(&tenant, "get ks app -o json").done().json();
    assert_eq!(object["status"]["conditions"][0]["type"], "Ready");
}
