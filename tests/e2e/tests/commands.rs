//! What a person types, on a cluster that a real agent leads.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::agent::{binary, windlass};
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::{House, ready, root_source};
use crate::tenant::{Tenant, bare_map, shared};

/// No command that has something to say needs longer, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// Standard output: what was asked for.
    pub(crate) results: String,
    /// Standard error: progress, warnings, failures.
    pub(crate) progress: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            results: String::from_utf8_lossy(&output.stdout).into_owned(),
            progress: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.results, self.progress);
        self
    }

    /// Asserts that it succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.ends_with(0)
    }

    /// Asserts that it failed, and said what to do next as its last word.
    #[track_caller]
    pub(crate) fn failed(self) -> Self {
        let ran = self.ends_with(1);
        let last = ran.progress.lines().last().unwrap_or_default();
        assert!(last.starts_with("► "), "{}", ran.progress);
        ran
    }

    /// Asserts that all parts were printed.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            let said = self.results.contains(part) || self.progress.contains(part);
            assert!(
                said,
                "{part:?} is not in\n{}\n{}",
                self.results, self.progress
            );
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.results).expect("JSON was asked for")
    }
}

fn kubeconfig() -> PathBuf {
    shared().control_plane.kubeconfig(User::Admin)
}

/// Runs a command, given as one line, in the tenant's namespace.
fn run(tenant: &Tenant, line: &str) -> Ran {
    run_as("windlass", tenant, line)
}

fn run_as(name: &str, tenant: &Tenant, line: &str) -> Ran {
    let mut arguments: Vec<&str> = line.split_whitespace().collect();
    arguments.extend(["-n", &tenant.namespace]);
    Ran::of(&match name {
        "windlass" => windlass(&kubeconfig(), &arguments),
        other => called(other, &arguments),
    })
}

/// Runs the program under another name.
fn called(name: &str, arguments: &[&str]) -> Output {
    let link = shared().agent.path().join(name);
    // Tests run at the same time; any of them makes it.
    let _ = std::os::unix::fs::symlink(binary(), &link);
    let mut command = Command::new(&link);
    command.env_clear().env("KUBECONFIG", kubeconfig());
    command.args(arguments).output().expect("it can be started")
}

fn app(prefix: &str) -> Tenant {
    let tenant = Tenant::start(prefix, &[("app/map.yaml", &bare_map("app", "one"))]);
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    tenant
}

fn short(commit: &str) -> String {
    format!("main@sha1:{}", &commit[..8])
}

#[test]
fn get_shows_what_the_agent_reports_and_picks() {
    let mut tenant = app("get");
    tenant.kustomize("lost", json!({"path": "./nowhere"}));
    tenant.fails("lost", "ArtifactFailed", "nowhere");
    let revision = short(&tenant.repo.id("HEAD"));
    let namespace = tenant.namespace.clone();

    let everywhere = run(&tenant, "get all -A").done().results;
    assert!(everywhere.starts_with("NAMESPACE"), "{everywhere}");
    for part in [
        format!("{namespace}\tgitrepository/source"),
        format!("{namespace}\tkustomization/app "),
    ] {
        let rows = everywhere.replace(' ', "");
        assert!(
            rows.contains(&part.replace(' ', "")),
            "{part}\n{everywhere}"
        );
    }
    run(&tenant, "get all").done().says(&[
        &revision,
        &format!("stored artifact for revision '{revision}'"),
        &format!("Applied revision: {revision}"),
    ]);
    let sources = run(&tenant, "get sources git --no-header").done().results;
    assert_eq!(sources.lines().count(), 1, "{sources}");
    run(&tenant, "get sources all")
        .done()
        .says(&["gitrepository/source"]);

    let broken = run(
        &tenant,
        "get kustomizations --status-selector ready=false -o name",
    )
    .done();
    assert_eq!(
        broken.results,
        "kustomization.kustomize.toolkit.fluxcd.io/lost\n"
    );
    let good = run(&tenant, "get ks --status-selector ready!=false -o json").done();
    assert_eq!(good.json()["items"][0]["metadata"]["name"], "app");
    tenant.admin().patch(
        &tenant.reference("app"),
        &json!({"metadata": {"labels": {"team": "blue"}}}),
    );
    let labelled = run(&tenant, "get ks -l team=blue --no-header")
        .done()
        .results;
    assert!(
        labelled.starts_with("app") && labelled.lines().count() == 1,
        "{labelled}"
    );
    let one = run(&tenant, "get ks app -o json").done().json();
    assert_eq!(one["kind"], "Kustomization");
    run(&tenant, "get sources git source -o yaml")
        .done()
        .says(&["kind: GitRepository\n"]);
    run(&tenant, "get ks missing")
        .failed()
        .says(&["'missing' not found"]);
    run(&tenant, "get ks -o wide").ends_with(2);

    let watch = Watch::start(&tenant, "get ks -w");
    watch.until("app");
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    watch.until(&format!("Applied revision: {}", short(&commit)));
}

/// A command that goes on, and what it prints.
struct Watch {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Watch {
    fn start(tenant: &Tenant, line: &str) -> Self {
        let mut command = Command::new(binary());
        command.env_clear().env("KUBECONFIG", kubeconfig());
        command.args(line.split_whitespace());
        command.args(["-n", &tenant.namespace]);
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Reads lines until one contains `part`.
    #[track_caller]
    fn until(&self, part: &str) {
        let mut read = Vec::new();
        let end = Instant::now() + LIMIT;
        while let Ok(line) = self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if line.contains(part) {
                return;
            }
            read.push(line);
        }
        panic!("{part:?} is not among {read:#?}");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn reconcile_fetches_applies_and_comes_back_when_it_is_done() {
    let mut tenant = app("reconcile");
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    let ran = run(&tenant, "reconcile kustomization app --with-source").done();
    assert_eq!(tenant.value("app").as_deref(), Some("two"));
    let namespace = &tenant.namespace;
    let progress = ran.progress.lines().filter(|line| {
        // Waiting shows how far it is, if it takes long enough to see.
        !line.starts_with('◎') || line.contains("waiting for")
    });
    let expected = [
        format!("► annotating GitRepository source in {namespace} namespace"),
        "✔ GitRepository annotated".to_owned(),
        "◎ waiting for GitRepository reconciliation".to_owned(),
        format!("✔ fetched revision main@sha1:{commit}"),
        format!("► annotating Kustomization app in {namespace} namespace"),
        "✔ Kustomization annotated".to_owned(),
        "◎ waiting for Kustomization reconciliation".to_owned(),
        format!("✔ applied revision main@sha1:{commit}"),
    ];
    assert_eq!(progress.collect::<Vec<_>>(), expected);
    // Flux knows --with-source for Kustomizations only; a source is its own.
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    run(&tenant, "reconcile source git source --with-source")
        .done()
        .says(&[&format!("✔ fetched revision main@sha1:{commit}")]);
    tenant.applied("app", &commit);
    run(&tenant, "reconcile ks app").done();
}

/// The pass that is asked for the moment the source's status shows a revision is one with that revision.
#[test]
fn reconciling_with_the_source_never_reports_the_revision_before() {
    let mut tenant = app("at-once");
    for round in 0..10 {
        let map = bare_map("app", &round.to_string());
        let commit = tenant.publish(&[("app/map.yaml", &map)], "Again");
        run(&tenant, "reconcile kustomization app --with-source")
            .done()
            .says(&[&format!("✔ applied revision main@sha1:{commit}")]);
        assert_eq!(tenant.value("app"), Some(round.to_string()));
    }
}

#[test]
fn a_failure_ends_the_waiting_and_says_why_and_what_to_do_next() {
    let mut tenant = app("failing");
    tenant.publish(&[("app/map.yaml", "kind: ConfigMap\n  bad: [\n")], "Broken");
    let start = Instant::now();
    let next = format!(
        "► see `windlass describe kustomization app -n {}`",
        tenant.namespace
    );
    run(&tenant, "reconcile ks app --with-source")
        .failed()
        .says(&["app/map.yaml", &next]);
    assert!(
        start.elapsed() < LIMIT,
        "it does not wait for the timeout of 5 minutes"
    );
    run(&tenant, "describe kustomization app")
        .done()
        .says(&["BuildFailed", "app/map.yaml"]);
    run(&tenant, "status").done().says(&[
        "NOT READY",
        &format!("Kustomization/{}/app", tenant.namespace),
        "BuildFailed",
    ]);
    run(&tenant, "events --for Kustomization/app --types Warning")
        .done()
        .says(&["BuildFailed"]);
    // An unsigned commit.
    tenant
        .repo
        .write("app/map.yaml", bare_map("app", "mallory"));
    let bad = tenant.repo.commit_unsigned("Trust me");
    tenant.repo.push();
    run(&tenant, "reconcile source git source")
        .failed()
        .says(&[&bad[..7], "not signed"]);
    run(&tenant, "reconcile ks app --with-source")
        .failed()
        .says(&["not signed"]);
    assert_eq!(tenant.value("app").as_deref(), Some("one"));
}

#[test]
fn suspending_stops_and_resuming_waits_and_a_time_ends_by_itself() {
    let mut tenant = app("suspend");
    tenant.kustomize(
        "second",
        json!({"path": "./app", "targetNamespace": "default",
        "namePrefix": format!("{}-", tenant.namespace)}),
    );
    tenant.ready("second");
    let flag = |tenant: &Tenant, name: &str| {
        let found = tenant.admin().get(&tenant.reference(name));
        found.expect("it is there")["spec"]["suspend"] == true
    };
    run(&tenant, "suspend kustomization --all")
        .done()
        .says(&["✔ kustomization suspended"]);
    assert!(flag(&tenant, "app") && flag(&tenant, "second"));
    run(&tenant, "get ks app").done().says(&["\tTrue     \t"]);
    run(&tenant, "status").done().says(&["until resumed"]);
    run(&tenant, "reconcile ks app")
        .failed()
        .says(&["is suspended", "windlass resume kustomization app"]);
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    run(&tenant, "reconcile source git source").done();
    // Both have applied the new revision when the command ends.
    run(&tenant, "resume ks --all --wait").done().says(&[
        "✔ Kustomization app reconciliation completed",
        "✔ Kustomization second reconciliation completed",
        &format!("✔ applied revision main@sha1:{commit}"),
    ]);
    assert_eq!(tenant.value("app").as_deref(), Some("two"));
    assert!(!flag(&tenant, "app") && !flag(&tenant, "second"));
    run(&tenant, "suspend ks app missing")
        .failed_somewhere()
        .says(&["missing not found"]);
    run(&tenant, "resume ks app --wait=false").done();
    run(&tenant, "suspend ks").failed().says(&["--all"]);

    // It goes on by itself.
    let ran = run(&tenant, "suspend ks app --for 4s").done();
    ran.says(&["✔ kustomization suspended until 20"]);
    assert!(flag(&tenant, "app"));
    run(&tenant, "describe ks app")
        .done()
        .says(&["Suspended until"]);
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    tenant.applied("app", &commit);
    assert!(!flag(&tenant, "app"));

    run(&tenant, "suspend source git source").done();
    run(&tenant, "reconcile ks app --with-source")
        .failed()
        .says(&["is suspended"]);
    run(&tenant, "resume source git source")
        .done()
        .says(&["✔ GitRepository source reconciliation completed"]);
}

impl Ran {
    /// Asserts that a part failed and the rest was done.
    #[track_caller]
    fn failed_somewhere(self) -> Self {
        self.ends_with(1)
    }
}

#[test]
fn tree_describe_and_events_show_what_was_applied() {
    let tenant = app("look");
    let namespace = tenant.namespace.clone();
    let nested = crate::house::nested("app", "./app", json!({"targetNamespace": namespace}));
    let nested = nested.replace("\"flux-system\"", &format!("{namespace:?}"));
    let nested = nested.replace(&format!("\"name\":{namespace:?}}}"), "\"name\":\"source\"}");
    let mut tenant = tenant;
    tenant.publish(&[("top/app.yaml", &nested)], "Nest");
    tenant.kustomize("top", json!({}));
    run(&tenant, "reconcile ks top --with-source").done();
    run(&tenant, "reconcile ks app").done();
    let tree = run(&tenant, "tree kustomization top").done().results;
    assert_eq!(
        tree,
        format!(
            "Kustomization/{namespace}/top\n\
             └── Kustomization/{namespace}/app\n    \
                 └── ConfigMap/{namespace}/app\n"
        )
    );
    let compact = run(&tenant, "tree ks top --compact").done().results;
    assert!(!compact.contains("ConfigMap"), "{compact}");
    let data = run(&tenant, "tree ks top -o json").done().json();
    assert_eq!(data["resources"][0]["resource"]["Name"], "app");
    run(&tenant, "describe kustomization app").done().says(&[
        &format!("GitRepository/{namespace}/source at main@sha1:"),
        "Applied objects (1)\n",
        &format!("  ConfigMap/{namespace}/app\n"),
        "ReconciliationSucceeded",
        "History",
        &format!("ConfigMap/{namespace}/app created"),
    ]);
    run(&tenant, "events")
        .done()
        .says(&["LAST SEEN", "Kustomization/app", "GitRepository/source"]);
    let everywhere = run(&tenant, "events -A").done().results;
    assert!(everywhere.starts_with("NAMESPACE"), "{everywhere}");
    let watch = Watch::start(&tenant, "events -w --for Kustomization/app");
    watch.until("LAST SEEN");
    tenant.admin().patch(
        &tenant.config_map("app"),
        &json!({"data": {"value": "by hand"}}),
    );
    watch.until("DriftCorrected");
}

#[test]
fn check_status_version_logs_and_completion_answer() {
    let tenant = app("answers");
    run(&tenant, "check").done().says(&[
        "✔ Kubernetes v1.",
        "✔ gitrepositories.source.toolkit.fluxcd.io/v1",
        "✔ kustomizations.kustomize.toolkit.fluxcd.io/v1",
        "✔ node-a leads",
        "✔ list and change kustomizations in",
        "✔ all checks passed",
    ]);
    run(&tenant, "check --pre")
        .done()
        .says(&["✔ prerequisites checks passed"]);
    run(&tenant, "status").done().says(&[
        "node-a, windlass ",
        "Root     main@sha1:",
        &format!("GitRepository/{}/source", tenant.namespace),
        "good",
    ]);
    let versions = run(&tenant, "version -o json").done().json();
    assert_eq!(versions["agent"], versions["windlass"]);
    assert!(versions["kubernetes"].is_string() && versions["flux"].is_string());
    run(&tenant, "logs -f --tail 5 --level=error -A")
        .done()
        .says(&[
            "The leading node is node-a",
            "journalctl --unit windlass --unit windlass-net --lines=5 --follow --priority=warning",
        ]);
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&tenant, &format!("completion {shell}")).done().results;
        assert!(
            script.contains("windlass") && script.contains("reconcile"),
            "{script}"
        );
    }
    let script = run(&tenant, "completion bash").done().results;
    let mut bash = Command::new("bash");
    let mut bash = bash
        .args(["-n", "/dev/stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut bash.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success(), "bash reads the script");
}

#[test]
fn called_flux_it_behaves_the_same() {
    let tenant = app("flux");
    for line in [
        "get all",
        "get kustomizations --show-source",
        "get sources git",
        "tree kustomization app",
        "reconcile source git source",
        "get ks missing",
        "version --client",
    ] {
        let (ours, named) = (run(&tenant, line), run_as("flux", &tenant, line));
        assert_eq!(
            (ours.code, ours.results, ours.progress),
            (named.code, named.results, named.progress),
            "{line}"
        );
    }
    let help = run_as("flux", &tenant, "get --help").done().results;
    assert!(help.contains("Usage: flux get"), "{help}");
    let script = run_as("flux", &tenant, "completion bash").done().results;
    assert!(script.contains("_flux()"), "{script}");
}

#[test]
fn without_a_leading_node_waiting_says_so_and_what_to_look_at() {
    let mut house = House::start(&[("map.yaml", &crate::tenant::map("default", "app", "one"))]);
    let admin = house.control_plane.kubeconfig(User::Admin);
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        Ran::of(&windlass(&admin, &arguments))
    };
    assert!(house.agent.stop().success());
    run("reconcile source git flux-system --timeout 8s")
        .failed()
        .says(&[
            "◎ no node leads at the moment",
            "✗ timed out after 8s waiting for GitRepository/flux-system/flux-system",
            "► no node has acted on it: see `windlass status`",
        ]);
    run("check").failed().says(&["✗ no node leads"]);
    run("status")
        .done()
        .says(&["none: ", "nothing is written until a node leads"]);
    // What was asked for meanwhile is done as soon as a node leads.
    let asked = house.admin().get(&root_source()).unwrap()["metadata"]["annotations"]
        ["reconcile.fluxcd.io/requestedAt"]
        .clone();
    house.agent.start();
    house
        .admin()
        .wait_for("the request to be handled", &root_source(), |source| {
            source["status"]["lastHandledReconcileAt"] == asked && ready(source)["status"] == "True"
        });
    run("check").done();
}

#[test]
fn an_api_server_that_is_gone_is_said_once_and_soon() {
    let directory = shared().agent.path();
    let elsewhere = |name: &str, port: u16| {
        let text = std::fs::read_to_string(kubeconfig()).unwrap();
        let url = shared().control_plane.url();
        assert!(text.contains(&url), "{text}");
        let file = directory.join(name);
        let text = text.replace(&url, &format!("https://127.0.0.1:{port}"));
        std::fs::write(&file, text).unwrap();
        file
    };
    // A port that takes connections and never answers, and after its end one that refuses them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let file = elsewhere("silent.kubeconfig", port);
    let try_all = |file: &Path, part: &str| {
        for line in [
            "get all -A",
            "status",
            "reconcile ks app",
            "check",
            "events -w",
        ] {
            let start = Instant::now();
            let arguments: Vec<&str> = line.split_whitespace().collect();
            let ran = Ran::of(&windlass(file, &arguments)).failed().says(&[part]);
            assert!(start.elapsed() < LIMIT, "{line}");
            assert_eq!(ran.progress.matches('✗').count(), 1, "{}", ran.progress);
        }
    };
    try_all(&file, "no answer");
    drop(silent);
    try_all(&file, "Connection refused");
}

#[test]
fn a_person_without_rights_is_told_which_are_missing() {
    let tenant = app("rights");
    let kubeconfig = shared().control_plane.kubeconfig(User::Tenant);
    let run = |line: &str| {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        Ran::of(&windlass(
            &kubeconfig,
            &[&arguments[..], &["-n", &tenant.namespace]].concat(),
        ))
    };
    run("get ks")
        .failed()
        .says(&["cannot list", "► ask for the rights"]);
    run("reconcile ks app").failed().says(&["cannot get"]);
    let everything = run("get all -A").ends_with(1);
    everything.says(&["kustomizations", "gitrepositories"]);
    wait::holds("nothing was asked", Duration::from_millis(200), || {
        let app = tenant.admin().get(&tenant.reference("app")).unwrap();
        app["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].is_null()
    });
}
