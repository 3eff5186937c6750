//! Releases go from the real helm-controller to windlass and back: nobody makes a revision that nobody asked for.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::Options;
use windlass_kit::wait;

use crate::from_flux::{Flux, identity, install_definitions_of, release_leases, sync};
use crate::helm_records::Helm;
use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, config_map};
use crate::oracle;
use crate::releases::{API, CHART, TEXT, ask, by_version, handled, reaches, reference};

const CONTROLLERS: [&str; 3] = [
    "source-controller",
    "kustomize-controller",
    "helm-controller",
];

/// Runs once for each revision that somebody makes.
const HOOK: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: post-install,post-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
data:
  revision: {{ .Release.Revision | quote }}
";

/// What digests are sensitive to: kinds of numbers, texts that YAML or JSON write in their own ways, order.
fn values(text: &str) -> Value {
    json!({"values": {
        "text": text, "big": 1_000_000, "fraction": 0.5, "port": "0777", "on": "yes", "y": true,
        "markup": "<a & b>", "lines": "one\ntwo\n", "umlaut": "Größe", "empty": {}, "none": null,
        "list": [3, 1, {"b": 1, "a": 2}],
    }, "commonMetadata": {"labels": {"team": "one"}}})
}

/// What the tests write to it, as `kubectl annotate` would, is not taken off by whoever applies it (`ssa: Merge`, Flux's).
fn released(name: &str, text: &str) -> String {
    let release = by_version(name, &values(text));
    let mut release: Value = serde_json::from_str(&release).unwrap();
    release["metadata"]["annotations"] = json!({"kustomize.toolkit.fluxcd.io/ssa": "Merge"});
    release.to_string()
}

fn kustomization(releases: &[&str]) -> String {
    let files = releases.iter().map(|name| format!("- {name}.yaml\n"));
    format!("resources:\n{}", files.collect::<String>())
}

/// The version of the newest revision in the storage, and of each in the history.
fn revisions(admin: &Client, name: &str) -> (Vec<i64>, Vec<i64>) {
    let selector = format!("owner=helm,name={name}");
    let secrets = admin.list("v1", "Secret", "flux-system", &selector);
    let number = |secret: &Value| {
        let version = secret["metadata"]["labels"]["version"].as_str().unwrap();
        version.parse().unwrap()
    };
    let mut stored: Vec<i64> = secrets.iter().map(number).collect();
    stored.sort_unstable();
    let release = admin.get(&reference(name)).unwrap();
    let history = release["status"]["history"].as_array().unwrap().iter();
    let history = history.map(|one| one["version"].as_i64().unwrap());
    (stored, history.collect())
}

/// Asks for a pass of each, and holds what it found against what was there before.
fn nothing_happens(house: &House, names: &[&str]) {
    let admin = house.admin();
    let objects = |name: &str| {
        [name.to_owned(), format!("{name}-hook")].map(|map| config_map("flux-system", &map))
    };
    for name in names {
        let before = revisions(admin, name);
        let objects_before = objects(name).map(|object| identity(admin, &object));
        let now = ask(house, name, &["reconcile.fluxcd.io/requestedAt"]);
        let release = handled(house, name, &now);
        assert_eq!(
            revisions(admin, name),
            before,
            "{name}: {}",
            release["status"]
        );
        assert_eq!(
            objects(name).map(|object| identity(admin, &object)),
            objects_before,
            "{name}: somebody wrote to an object"
        );
    }
}

#[test]
fn releases_go_from_the_real_helm_controller_to_windlass_and_back_with_no_revision_of_their_own() {
    let (Some(mut programs), Some(helm)) = (
        oracle::programs("controllers.sh"),
        oracle::programs("helm-controller.sh"),
    ) else {
        return;
    };
    programs.push(helm[0].join("helm-controller"));
    let files = [
        ("kustomization.yaml", kustomization(&["web"])),
        ("web.yaml", released("web", "one")),
        ("charts/web/Chart.yaml", CHART.to_owned()),
        (
            "charts/web/values.yaml",
            "text: none\nnumber: 1e3\n".to_owned(),
        ),
        ("charts/web/templates/text.yaml", TEXT.to_owned()),
        ("charts/web/templates/hook.yaml", HOOK.to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    let folder = house.control_plane.path().join("flux");
    std::fs::create_dir_all(&folder).unwrap();
    install_definitions_of(house.admin(), &CONTROLLERS);
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}});
    house.admin().apply(&namespace);
    for (api_version, kind) in [
        (GIT_REPOSITORY, "GitRepository"),
        (GIT_REPOSITORY, "HelmChart"),
        (KUSTOMIZATION, "Kustomization"),
        (API, "HelmRelease"),
    ] {
        wait::until_true("the kind to be served", Duration::from_secs(30), || {
            house.admin().serves(api_version, kind)
        });
    }
    let mut flux = Flux::start(&programs, &house, &folder);
    for object in sync(&house) {
        house.admin().apply(&object);
    }
    reaches(&house, "web", "InstallSucceeded", 1);
    nothing_happens(&house, &["web"]);
    flux.stop();

    house.agent.start();
    house.root_ready();
    nothing_happens(&house, &["web"]);
    // From here on windlass makes revisions: one over Flux's, and one of its own.
    house.push(
        &[
            ("web.yaml", &released("web", "two")),
            ("own.yaml", &released("own", "own")),
            ("kustomization.yaml", &kustomization(&["own", "web"])),
        ],
        "A value, and another release",
    );
    reaches(&house, "web", "UpgradeSucceeded", 2);
    reaches(&house, "own", "InstallSucceeded", 1);
    nothing_happens(&house, &["web", "own"]);
    house.agent.stop();

    release_leases(house.admin());
    install_definitions_of(house.admin(), &CONTROLLERS);
    let mut flux = Flux::start(&programs, &house, &folder);
    nothing_happens(&house, &["web", "own"]);
    house.push(
        &[("own.yaml", &released("own", "three"))],
        "A value, by Flux",
    );
    reaches(&house, "own", "UpgradeSucceeded", 2);
    flux.stop();

    // And once more to windlass, over revisions of both.
    house.agent.start();
    house.root_ready();
    nothing_happens(&house, &["web", "own"]);
    let history = helm.json(&["history", "own", "-o", "json"]);
    let said = |place: usize| history[place]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (said(0), said(1)),
        ("superseded".to_owned(), "deployed".to_owned())
    );
    let leases = |name: &str| {
        let name = format!("{name}-leader-election");
        ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", &name)
    };
    for controller in CONTROLLERS {
        let lease = house
            .admin()
            .wait_for("the Lease", &leases(controller), |_| true);
        assert_eq!(lease["spec"]["holderIdentity"], "windlass", "{controller}");
    }
}
