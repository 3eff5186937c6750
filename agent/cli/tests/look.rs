//! Commands that only look.

use serde_json::json;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;

use crate::cluster::{
    REVISION, alone, kustomization, make, plane, repository, run, run_anywhere, run_as, run_in,
    set_status, together,
};

/// A namespace with a source, a ready Kustomization and a suspended one.
fn some_objects(prefix: &str) -> String {
    let namespace = plane().namespace(prefix);
    let fleet = make(repository(&namespace, "fleet"), &json!({}));
    set_status(&fleet, "True", "Succeeded", &json!({}));
    let labelled = json!({ "metadata": { "labels": { "team": "a" } } });
    let web = make(kustomization(&namespace, "web"), &labelled);
    set_status(&web, "True", "ReconciliationSucceeded", &json!({}));
    make(
        kustomization(&namespace, "new"),
        &json!({ "spec": { "suspend": true } }),
    );
    namespace
}

#[test]
fn get_shows_sources_and_kustomizations_in_flux_columns() {
    let _guard = together();
    let namespace = some_objects("get");
    let all = run_in(&namespace, "get all").done();
    insta::assert_snapshot!(all.table(), @r"
    NAME               |REVISION          |SUSPENDED|READY|MESSAGE
    gitrepository/fleet|main@sha1:67e2c98a|False    |True |Applied revision: main@sha1:67e2c98a|

    NAME             |REVISION          |SUSPENDED|READY|MESSAGE
    kustomization/new|                  |True     |False|waiting to be reconciled            |
    kustomization/web|main@sha1:67e2c98a|False    |True |Applied revision: main@sha1:67e2c98a|
    ");
    let everywhere = run(&["get", "-A", "sources", "git"]).done();
    assert!(
        everywhere.results.starts_with("NAMESPACE"),
        "{}",
        everywhere.results
    );
}

#[test]
fn get_picks_by_status_label_and_name_and_gives_data() {
    let _guard = together();
    let namespace = some_objects("pick");
    let picked = run_in(
        &namespace,
        "get ks --status-selector ready!=true --no-header",
    )
    .done();
    assert_eq!(picked.table(), "new||True|False|waiting to be reconciled|");
    let labelled = run_in(&namespace, "get kustomizations -l team=a -o name").done();
    assert_eq!(
        labelled.results,
        "kustomization.kustomize.toolkit.fluxcd.io/web\n"
    );
    run_in(&namespace, "get sources git fleet -o yaml")
        .done()
        .says(&["\nkind: GitRepository\n"]);
    let missing = run_in(&namespace, "get ks nothing").failed();
    let text = "✗ Kustomization object 'nothing' not found in \"pick\" namespace\n\
                ► look in all namespaces with `windlass get all -A`\n";
    assert_eq!(missing.progress.replace(&namespace, "pick"), text);
}

/// Kustomization `root`, which applied `leaf`, itself, one that is gone, and a namespace; and
/// which depends on one that is missing.
fn nested_kustomizations(prefix: &str) -> String {
    let namespace = plane().namespace(prefix);
    let inventory = |ids: &[String]| {
        let entries = ids.iter().map(|id| json!({ "id": id, "v": "v1" }));
        json!({ "inventory": { "entries": entries.collect::<Vec<_>>() } })
    };
    let nested =
        |name: &str| format!("{namespace}_{name}_kustomize.toolkit.fluxcd.io_Kustomization");
    let depends = json!({ "spec": { "dependsOn": [{ "name": "base" }] } });
    let root = make(kustomization(&namespace, "root"), &depends);
    let mut below = ["root", "leaf", "gone"].map(nested).to_vec();
    below.push("_shop__Namespace".to_owned());
    set_status(&root, "False", "HealthCheckFailed", &inventory(&below));
    let leaf = make(kustomization(&namespace, "leaf"), &json!({}));
    let below = ["shop_web_apps_Deployment".to_owned(), nested("root")];
    set_status(&leaf, "True", "ReconciliationSucceeded", &inventory(&below));
    namespace
}

#[test]
fn tree_shows_what_kustomizations_applied_and_ends_in_a_cycle() {
    let _guard = together();
    let namespace = nested_kustomizations("tree");
    let tree = run_in(&namespace, "tree ks root")
        .done()
        .says(&["'gone' not found"]);
    assert_eq!(
        tree.results.replace(&namespace, "one"),
        "Kustomization/one/root\n\
         ├── Kustomization/one/leaf\n\
         │   ├── Deployment/shop/web\n\
         │   └── Kustomization/one/root\n\
         ├── Kustomization/one/gone\n\
         └── Namespace/shop\n"
    );
    let compact = run_in(&namespace, "tree kustomization root --compact -o json").done();
    assert!(!compact.says(&["\"leaf\""]).results.contains("shop"));
}

#[test]
fn describe_and_events_show_one_kustomization() {
    let _guard = together();
    let namespace = nested_kustomizations("describe");
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": { "name": "root.1", "namespace": namespace },
        "involvedObject": { "kind": "Kustomization", "name": "root", "namespace": namespace },
        "type": "Warning", "reason": "HealthCheckFailed", "message": "web is not ready",
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
    });
    plane().admin().apply(&event);
    let events = run_in(
        &namespace,
        "events --for Kustomization/root --types warning",
    )
    .done();
    events.says(&["HealthCheckFailed\tKustomization/root\tweb is not ready"]);
    let none = run_in(&namespace, "events --for GitRepository").done();
    assert_eq!(
        none.progress,
        format!("✗ No events found in {namespace} namespace.\n")
    );
    let base = format!("Kustomization/{namespace}/base  missing");
    let parts = [
        "(missing)",
        "HealthCheckFailed",
        "Namespace/shop",
        "web is not ready",
        &base,
    ];
    run_in(&namespace, "describe kustomization root")
        .done()
        .says(&parts);
}

fn lease() -> ObjectRef {
    let now = jiff::Timestamp::now();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": "windlass", "namespace": "flux-system",
            "annotations": { "windlass.dev/version": "0.1.0", "windlass.dev/revision": REVISION },
        },
        "spec": {
            "holderIdentity": "node-1_0011223344556677", "leaseDurationSeconds": 3600,
            "renewTime": format!("{now:.6}"),
        },
    });
    plane().admin().apply(&lease);
    ObjectRef::of(&lease)
}

#[test]
fn check_says_what_is_good_and_what_is_not() {
    let _guard = alone();
    let namespace = some_objects("check");
    let crd = "✔ kustomizations.kustomize.toolkit.fluxcd.io/v1";
    run_in(&namespace, "check")
        .failed()
        .says(&["✗ no node has ever led", crd]);
    let lease = lease();
    run_in(&namespace, "check").done().says(&[
        "✔ node-1 leads, renewed",
        "✔ list and change gitrepositories in",
        "✔ all checks passed\n",
    ]);
    let arguments = ["check", "-n", &namespace];
    run_as(User::Tenant, &arguments)
        .failed()
        .says(&["forbidden", "► ask for the rights"]);
    plane().admin().delete(&lease);
}

#[test]
fn status_logs_and_version_name_the_leading_node() {
    let _guard = alone();
    let namespace = plane().namespace("status");
    let fleet = make(repository(&namespace, "fleet"), &json!({}));
    set_status(&fleet, "False", "GitOperationFailed", &json!({}));
    let lease = lease();
    run(&["status"]).done().says(&[
        "node-1, windlass 0.1.0, renewed",
        "main@sha1:67e2c98a verified",
        "it went wrong (GitOperationFailed)",
    ]);
    run(&["logs", "--since", "10m"])
        .done()
        .says(&["The leading node is node-1", "--since=-600s"]);
    run(&["version"])
        .done()
        .says(&["agent: 0.1.0\n", "kubernetes: v1."]);
    plane().admin().delete(&lease);
}

#[test]
fn a_cluster_that_cannot_be_reached_is_said_so_with_what_to_do() {
    let folder = std::env::temp_dir().join(format!("windlass-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("kubeconfig");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{ "name": "a", "cluster": { "server": "http://127.0.0.1:1" } }],
        "contexts": [{ "name": "a", "context": { "cluster": "a", "user": "a" } }],
        "users": [{ "name": "a", "user": {} }],
    });
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let gone =
        run_anywhere(&["flux", "--kubeconfig", path.to_str().unwrap(), "get", "ks"]).failed();
    assert!(
        gone.progress.contains("is the API server running"),
        "{}",
        gone.progress
    );
    let missing = run_anywhere(&["windlass", "--kubeconfig", "/nowhere", "get", "ks"]).failed();
    assert!(
        missing.progress.contains("/nowhere"),
        "{}",
        missing.progress
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn version_and_completion_need_no_cluster() {
    let client = run_anywhere(&["windlass", "version", "--client", "-o", "json"]).done();
    assert!(
        client.results.contains("\"flux\": \"v2.9"),
        "{}",
        client.results
    );
    let script = run_anywhere(&["flux", "completion", "bash"]).done().results;
    assert!(
        script.contains("flux") && script.contains("reconcile"),
        "{script}"
    );
}

/// Passes what is printed on, line by line.
struct Lines(std::sync::mpsc::Sender<String>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
            self.0.send(line.replace('\t', "|")).map_err(gone)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_watch_prints_what_is_there_then_each_change_until_its_reader_goes() {
    let _guard = together();
    let namespace = plane().namespace("watch");
    make(kustomization(&namespace, "web"), &json!({}));
    let kubeconfig = plane().kubeconfig(User::Admin);
    let (sender, lines) = std::sync::mpsc::channel();
    let watched = namespace.clone();
    let watching = std::thread::spawn(move || {
        let kubeconfig = kubeconfig.to_str().unwrap();
        let arguments = [
            "flux",
            "--kubeconfig",
            kubeconfig,
            "get",
            "ks",
            "-w",
            "-n",
            &watched,
        ];
        windlass_cli::run_on(arguments, &mut Lines(sender), &mut std::io::sink()).unwrap()
    });
    let next = || {
        lines
            .recv_timeout(std::time::Duration::from_secs(30))
            .unwrap()
    };
    assert!(next().starts_with("NAME|REVISION|SUSPENDED|READY|MESSAGE"));
    assert_eq!(
        next(),
        "web ||False    |False|waiting to be reconciled|".replace("||", "|        |")
    );
    let late = make(kustomization(&namespace, "late"), &json!({}));
    assert_eq!(next(), "late||False|False|waiting to be reconciled|");
    drop(lines);
    set_status(&late, "True", "ReconciliationSucceeded", &json!({}));
    assert_eq!(watching.join().unwrap(), windlass_cli::Outcome::Done);
}

#[test]
fn an_empty_namespace_is_said_to_be_empty() {
    let _guard = together();
    let namespace = plane().namespace("empty");
    let all = run(&["get", "all", "-n", &namespace]).done();
    assert_eq!(
        all.progress.replace(&namespace, "empty"),
        "✗ no objects found in \"empty\" namespace\n"
    );
    let none = run(&["get", "ks", "-n", &namespace]).failed();
    assert!(
        none.progress.contains("no Kustomization objects found"),
        "{}",
        none.progress
    );
}

/// A command line as the binary has it: the commands of a person beside its own.
#[derive(Debug, clap::Parser)]
struct Whole {
    #[command(flatten)]
    globals: windlass_cli::Globals,
    #[command(subcommand)]
    command: Either,
}

#[derive(Debug, clap::Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, parsed once")]
enum Either {
    Agent,
    #[command(flatten)]
    Person(windlass_cli::Command),
}

#[test]
fn a_binary_can_add_commands_of_its_own_and_take_check_config_for_itself() {
    use clap::{CommandFactory, Parser};

    let parse = |line: &str| Whole::try_parse_from(line.split_whitespace()).unwrap();
    assert!(matches!(parse("windlass agent").command, Either::Agent));
    let checked = parse("windlass check --config /etc/windlass/config.toml").command;
    let Either::Person(windlass_cli::Command::Check(check)) = checked else {
        panic!("{checked:?}");
    };
    assert_eq!(
        check.config.unwrap().to_str(),
        Some("/etc/windlass/config.toml")
    );

    let Whole {
        globals,
        command: Either::Person(command),
    } = parse("windlass completion zsh")
    else {
        panic!("completion is a command of a person");
    };
    let mut script = Vec::new();
    let command_line = Whole::command();
    let ended = windlass_cli::execute_on(
        &globals,
        &command,
        command_line,
        &mut script,
        &mut std::io::sink(),
    );
    assert_eq!(ended, windlass_cli::Outcome::Done);
    assert!(String::from_utf8(script).unwrap().contains("agent"));
}
