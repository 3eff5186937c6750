//! A cluster goes from the real Flux to windlass and back, and nothing is made anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{Options, User};
use windlass_kit::ports::Port;
use windlass_kit::process::Process;
use windlass_kit::wait;

use crate::house::{
    GIT_REPOSITORY, House, KUSTOMIZATION, config_map, is_ready, nested, root, root_source,
};
use crate::oracle;

const STOPS_WITHIN: Duration = Duration::from_secs(30);
const LEASES: [&str; 4] = [
    "source-controller-leader-election",
    "kustomize-controller-leader-election",
    "helm-controller-leader-election",
    "notification-controller-leader-election",
];

/// Runs a program as if in a pod of namespace flux-system: from its file the controllers learn where their Leases
/// are. The file is in a mount namespace of its own.
const AS_IN_A_POD: &str = "mount -t tmpfs none /var/run && \
    mkdir -p /var/run/secrets/kubernetes.io/serviceaccount && \
    printf flux-system >/var/run/secrets/kubernetes.io/serviceaccount/namespace && exec \"$@\"";

/// Flux's own source-controller first, and others after it, outside of the cluster.
pub(crate) struct Flux {
    processes: Vec<Process>,
    _ports: Vec<Port>,
}

impl Flux {
    pub(crate) fn start(programs: &[PathBuf], house: &House, folder: &Path) -> Self {
        let count = 2 * programs.len() + 1;
        let ports: Vec<Port> = (0..count).map(|_| Port::claim()).collect();
        let address = |index: usize| format!("127.0.0.1:{}", ports[index].number());
        let storage = folder.join("artifacts");
        std::fs::create_dir_all(&storage).unwrap();
        let own = |index: usize| {
            let mut own = vec![
                format!("--metrics-addr={}", address(2 * index + 1)),
                format!("--health-addr={}", address(2 * index + 2)),
            ];
            if index == 0 {
                own.push(format!("--storage-path={}", storage.display()));
                own.push(format!("--storage-addr={}", address(0)));
                own.push(format!("--storage-adv-addr={}", address(0)));
            }
            own
        };
        let kubeconfig = house.control_plane.kubeconfig(User::Admin);
        let start = |(index, program): (usize, &PathBuf)| {
            let name = program.file_name().unwrap().to_string_lossy().into_owned();
            let shell = ["--mount", "--map-root-user", "sh", "-c", AS_IN_A_POD, "sh"];
            let path = program.to_string_lossy();
            let common = [&path, "--enable-leader-election", "--events-addr="];
            let arguments = shell.into_iter().chain(common).map(str::to_owned);
            Process::start(
                &name,
                Path::new("unshare"),
                arguments.chain(own(index)),
                &[
                    ("KUBECONFIG", &kubeconfig.to_string_lossy()),
                    ("RUNTIME_NAMESPACE", "flux-system"),
                    ("HOME", &folder.to_string_lossy()),
                    ("TMPDIR", &folder.to_string_lossy()),
                ],
                &folder.join(format!("{name}.log")),
            )
        };
        let mut started = programs.iter().enumerate();
        let mut processes: Vec<Process> = started.next().map(start).into_iter().collect();
        for source in offered(house.admin()) {
            // The others ask for an artifact where the status says it is, for minutes: here, where nothing
            // answers for the Service's name, that has to be source-controller's own word.
            let what = format!("source-controller to offer {source:?}");
            house.admin().wait_for(&what, &source, |live| {
                live["status"]["artifact"]["url"]
                    .to_string()
                    .contains(&address(0))
            });
        }
        processes.extend(started.map(start));
        Self {
            processes,
            _ports: ports,
        }
    }

    pub(crate) fn stop(&mut self) {
        for process in &mut self.processes {
            process.stop(STOPS_WITHIN);
        }
    }
}

/// The sources in the cluster that others build from.
fn offered(admin: &Client) -> Vec<ObjectRef> {
    let mut sources = Vec::new();
    if admin.serves(GIT_REPOSITORY, "GitRepository") && admin.get(&root_source()).is_some() {
        sources.push(root_source());
    }
    if admin.serves(GIT_REPOSITORY, "HelmChart") {
        let charts = admin.list(GIT_REPOSITORY, "HelmChart", "flux-system", "");
        sources.extend(charts.iter().map(|chart| {
            let name = chart["metadata"]["name"].as_str().unwrap();
            ObjectRef::new(GIT_REPOSITORY, "HelmChart", "flux-system", name)
        }));
    }
    sources
}

impl Drop for Flux {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.processes
                .iter()
                .for_each(|process| eprintln!("--- end of its log ---\n{}", process.tail()));
        }
    }
}

/// Flux's own definitions, as `flux install` applies them.
pub(crate) fn install_definitions(admin: &Client) {
    install_definitions_of(admin, &["source-controller", "kustomize-controller"]);
}

/// As [`install_definitions`], of these controllers.
pub(crate) fn install_definitions_of(admin: &Client, controllers: &[&str]) {
    for module in controllers {
        let module = oracle::module(&format!("github.com/fluxcd/{module}"));
        for entry in std::fs::read_dir(module.join("config/crd/bases")).unwrap() {
            let file = entry.unwrap().path();
            let text = std::fs::read(&file).unwrap();
            let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
            let (group, plural) = stem.split_once('_').unwrap();
            let path = format!(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}?fieldManager=flux&force=true"
            );
            let answer = admin
                .try_request("PATCH", &path, "application/apply-patch+yaml", &text)
                .unwrap();
            assert!(answer.status < 300, "{path}: {}", answer.body);
        }
    }
}

/// As docs/guide.md says: back to Flux. The last node does it that is uninstalled.
pub(crate) fn release_leases(admin: &Client) {
    for lease in LEASES {
        let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", lease);
        admin.delete(&lease);
    }
}

/// What `flux bootstrap` leaves in the cluster.
pub(crate) fn sync(house: &House) -> [Value; 2] {
    [
        json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": "flux-system", "namespace": "flux-system"},
            "spec": {"interval": "5s", "ref": {"branch": "main"}, "url": house.git.url("house.git")},
        }),
        json!({
            "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
            "metadata": {"name": "flux-system", "namespace": "flux-system"},
            "spec": {"interval": "10m0s", "path": "./", "prune": true,
                "sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
        }),
    ]
}

/// Lets the real Flux take a house over, as `flux bootstrap` would; gives it and its folder.
pub(crate) fn lead_by_flux(house: &House, programs: &[PathBuf]) -> (Flux, PathBuf) {
    let folder = house.control_plane.path().join("flux");
    std::fs::create_dir_all(&folder).unwrap();
    let controllers = [
        "source-controller",
        "kustomize-controller",
        "helm-controller",
    ];
    install_definitions_of(house.admin(), &controllers);
    house.admin().apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}),
    );
    for (api_version, kind) in [
        (GIT_REPOSITORY, "GitRepository"),
        (KUSTOMIZATION, "Kustomization"),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    ] {
        wait::until_true("the kind to be served", Duration::from_secs(30), || {
            house.admin().serves(api_version, kind)
        });
    }
    let flux = Flux::start(programs, house, &folder);
    let kinds = sync(house);
    kinds
        .iter()
        .for_each(|object| drop(house.admin().apply(object)));
    (flux, folder)
}

fn map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: default\ndata:\n  value: {value}\n"
    )
}

/// The identity of an object, and whether anybody wrote to it.
pub(crate) fn identity(admin: &Client, object: &ObjectRef) -> (Value, Value) {
    let live = admin.get(object).expect("it is there");
    let metadata = &live["metadata"];
    (metadata["uid"].clone(), metadata["resourceVersion"].clone())
}

fn wait_for_value(house: &House, value: &str) {
    let name = config_map("default", "of-the-app");
    let what = format!("value {value}");
    house
        .admin()
        .wait_for(&what, &name, |live| live["data"]["value"] == value);
}

#[test]
fn a_cluster_goes_from_the_real_flux_to_windlass_and_back_and_nothing_is_made_anew() {
    let Some(programs) = oracle::programs("controllers.sh") else {
        return;
    };
    let files = [
        ("root.yaml", map("of-the-root", "one")),
        (
            "apps/app.yaml",
            nested("app", "./app", json!({"wait": true})),
        ),
        ("app/map.yaml", map("of-the-app", "one")),
        (
            "kustomization.yaml",
            "resources: [root.yaml, apps/app.yaml]\n".to_owned(),
        ),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let (mut flux, folder) = lead_by_flux(&house, &programs);
    let app = ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", "app");
    house
        .admin()
        .wait_for("Flux to have applied the app", &app, is_ready);
    house.root_ready();
    let objects = [
        root(),
        app.clone(),
        config_map("default", "of-the-root"),
        config_map("default", "of-the-app"),
    ];
    let under_flux = objects
        .each_ref()
        .map(|object| identity(house.admin(), object));
    flux.stop();

    house.agent.start();
    house.admin().wait_for("windlass to lead", &root(), |live| {
        is_ready(live)
            && live["metadata"]["managedFields"]
                .to_string()
                .contains("windlass")
    });
    let commit = house.push(&[("app/map.yaml", &map("of-the-app", "two"))], "Two");
    house.applied(&commit);
    wait_for_value(&house, "two");
    house
        .admin()
        .wait_for("the app to be ready", &app, is_ready);
    let under_windlass = objects
        .each_ref()
        .map(|object| identity(house.admin(), object));
    for ((object, before), after) in objects.iter().zip(&under_flux).zip(&under_windlass) {
        assert_eq!(before.0, after.0, "{object:?} was made anew");
    }
    assert_eq!(
        under_flux[2], under_windlass[2],
        "nobody had to write to it"
    );
    house.agent.stop();

    release_leases(house.admin());
    install_definitions(house.admin());
    house.push(&[("app/map.yaml", &map("of-the-app", "three"))], "Three");
    let mut flux = Flux::start(&programs, &house, &folder);
    wait_for_value(&house, "three");
    house.root_ready();
    house
        .admin()
        .wait_for("the app to be ready", &app, is_ready);
    for (object, before) in objects.iter().zip(&under_windlass) {
        assert_eq!(
            before.0,
            identity(house.admin(), object).0,
            "{object:?} was made anew"
        );
    }
    // Flux prunes what windlass applied: the inventory is understood.
    house.repo.remove("root.yaml");
    house.push(
        &[("kustomization.yaml", "resources: [apps/app.yaml]\n")],
        "Fewer",
    );
    house
        .admin()
        .wait_gone(&config_map("default", "of-the-root"));
    flux.stop();
}
