//! From the real Flux to windlass by `windlass promote`, and back by `windlass migrate --back`: nothing is made anew, and no release
//! gets another revision.

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::{Agent, windlass};
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::from_flux::{Flux, lead_by_flux};
use crate::house::{House, KUSTOMIZATION, config_map, is_ready, nested, root};
use crate::identity::mint;
use crate::oracle;
use crate::tenant::map;

const SOON: Duration = Duration::from_secs(120);

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: of-the-chart\ndata:\n  value: {{ .Values.value | quote }}\n";

/// Flux's own three controllers.
fn programs() -> Option<Vec<PathBuf>> {
    let mut programs = oracle::programs("controllers.sh")?;
    let folder = oracle::programs("helm-controller.sh")?;
    programs.push(folder.first()?.join("helm-controller"));
    Some(programs)
}

fn release() -> Value {
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "flux-system"},
        "spec": {
            "interval": "5s", "values": {"value": "one"},
            "chart": {"spec": {"chart": "./chart", "sourceRef": {"kind": "GitRepository", "name": "flux-system"}}},
        },
    })
}

/// As `flux install` has it, as far as `windlass promote` looks at it.
fn controller(name: &str) -> Value {
    let labels = json!({"app": name, "app.kubernetes.io/part-of": "flux"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "flux-system", "labels": labels},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "manager", "image": "x"}]}},
        },
    })
}

fn replicas(admin: &Client, name: &str) -> Value {
    let deployment = ObjectRef::new("apps/v1", "Deployment", "flux-system", name);
    admin.get(&deployment).unwrap()["spec"]["replicas"].clone()
}

/// What must not change: which object it is, and how often somebody wrote another spec.
fn identity(admin: &Client, object: &ObjectRef) -> (Value, Value) {
    let live = admin.get(object).expect("it is there");
    let metadata = &live["metadata"];
    (metadata["uid"].clone(), metadata["generation"].clone())
}

/// The revisions that Helm keeps.
fn revisions(admin: &Client) -> Vec<String> {
    let query = "labelSelector=owner%3Dhelm";
    let secrets = admin.list("v1", "Secret", "flux-system", query);
    let names = secrets
        .iter()
        .filter_map(|secret| secret["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
}

fn command(house: &House, words: &[&str]) -> Output {
    let config = house.agent.config().display().to_string();
    let mut arguments = words.to_vec();
    arguments.extend(["--silent", "--config", &config]);
    windlass(&house.control_plane.kubeconfig(User::Admin), &arguments)
}

/// Runs a command that has the agent start again, as systemd would, with what the command made of its configuration.
fn moved(house: &mut House, words: &[&str], meanwhile: impl FnOnce(&Client)) -> Output {
    let kubeconfig = house.control_plane.kubeconfig(User::Admin);
    let config = house.agent.config();
    let admin = house.control_plane.admin().clone();
    let agent: &mut Agent = &mut house.agent;
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let config = config.display().to_string();
            let mut arguments = words.to_vec();
            arguments.extend(["--silent", "--config", &config]);
            windlass(&kubeconfig, &arguments)
        });
        meanwhile(&admin);
        wait::until_true("the agent to end", SOON, || {
            run.is_finished() || agent.ended().is_some()
        });
        if agent.ended().is_some() {
            agent.start_again();
        }
        run.join().unwrap()
    })
}

#[test]
fn promote_and_migrate_back_make_nothing_anew_and_add_no_revision_of_a_release() {
    let Some(programs) = programs() else { return };
    let files = [
        (
            "apps/app.yaml",
            nested("app", "./app", json!({"interval": "5s"})),
        ),
        ("apps/release.yaml", release().to_string()),
        ("app/map.yaml", map("default", "of-the-app", "one")),
        ("chart/Chart.yaml", CHART.to_owned()),
        ("chart/values.yaml", "value: none\n".to_owned()),
        ("chart/templates/map.yaml", TEMPLATE.to_owned()),
        (
            "kustomization.yaml",
            "resources: [apps/app.yaml, apps/release.yaml]\n".to_owned(),
        ),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    // What a person applied before Git had it.
    let by_hand = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "one"},
        "metadata": {"name": "of-the-app", "namespace": "default"},
    });
    let applied = house
        .admin()
        .apply_as("kubectl-client-side-apply", &by_hand);
    assert!(applied.status < 300, "{}", applied.body);
    let (mut flux, folder) = lead_by_flux(&house, &programs);
    let admin = house.admin().clone();
    for name in [
        "source-controller",
        "kustomize-controller",
        "helm-controller",
    ] {
        admin.apply(&controller(name));
    }
    let app = ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", "app");
    let web = ObjectRef::of(&release());
    admin.wait_for("Flux to have applied the app", &app, is_ready);
    admin.wait_for("Flux to have made the release", &web, is_ready);
    house.root_ready();
    let objects = [
        root(),
        app.clone(),
        web.clone(),
        config_map("default", "of-the-app"),
        config_map("flux-system", "of-the-chart"),
    ];
    let identities = || objects.each_ref().map(|object| identity(&admin, object));
    let under_flux = identities();
    let first = revisions(&admin);
    assert_eq!(first.len(), 1, "{first:?}");

    let kubeconfig = mint(&house, &house.agent, "node-a", &["--rights", "observe"]);
    let kubeconfig = kubeconfig.display().to_string();
    house.agent.set("cluster", "kubeconfig", &kubeconfig);
    house.agent.set("node", "mode", "observe");
    house.agent.start();
    let socket = house
        .agent
        .path()
        .join("control.sock")
        .display()
        .to_string();
    let status = || {
        let arguments = ["status", "--agent-socket", &socket];
        let shown = windlass(&house.control_plane.kubeconfig(User::Admin), &arguments);
        String::from_utf8_lossy(&shown.stdout).into_owned()
    };
    let mut last = String::new();
    wait::until_true("everything to be looked at", SOON, || {
        last = status();
        last.contains("nothing would change (4 objects)")
    });
    assert!(!last.contains("WOULD NOT BE WORKED ON"), "{last}");

    let promoted = moved(&mut house, &["promote"], |admin| {
        wait::until_true("Flux's controllers to be told to end", SOON, || {
            replicas(admin, "source-controller") == 0
        });
        flux.stop();
    });
    assert!(promoted.status.success(), "{promoted:?}");
    assert_eq!(replicas(&admin, "kustomize-controller"), 0);
    assert_eq!(replicas(&admin, "helm-controller"), 0);
    let commit = house.push(&[("other.yaml", "a: b\n")], "Nothing for the cluster");
    house.applied(&commit);
    admin.wait_for("the app to be ready", &app, is_ready);
    admin.wait_for("the release to be ready", &web, |live| {
        is_ready(live) && live["status"]["observedGeneration"] == live["metadata"]["generation"]
    });
    assert_eq!(identities(), under_flux);
    assert_eq!(revisions(&admin), first);

    let back = moved(&mut house, &["migrate", "--back"], |_| {});
    assert!(back.status.success(), "{back:?}");
    for name in [
        "source-controller",
        "kustomize-controller",
        "helm-controller",
    ] {
        assert_eq!(replicas(&admin, name), 1);
    }
    let mut flux = Flux::start(&programs, &house, &folder);
    let commit = house.push(
        &[("app/map.yaml", &map("default", "of-the-app", "two"))],
        "Two",
    );
    house.applied(&commit);
    admin.wait_for(
        "Flux to apply the app",
        &config_map("default", "of-the-app"),
        |live| live["data"]["value"] == "two",
    );
    admin.wait_for("the app to be ready", &app, is_ready);
    admin.wait_for("the release to be ready", &web, is_ready);
    assert_eq!(identities(), under_flux);
    assert_eq!(revisions(&admin), first);
    flux.stop();
    // The observer says so, and writes nothing.
    let again = command(&house, &["migrate", "--back"]);
    assert!(again.status.success(), "{again:?}");
}
