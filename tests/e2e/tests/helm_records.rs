//! Releases written here and read by the real helm, and the other way round, in a real cluster.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use windlass_helm::{
    ApplyMethod, Capabilities, File, Operation, Record, RecordedHook, Release, Status,
    Surroundings, load_files, read_values, render, secret_name,
};
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{ControlPlane, User};

use crate::oracle::programs;

const CHART: &str = "apiVersion: v2
name: web
version: 1.2.3
appVersion: \"4.5\"
description: <b>Web</b> & more
";

const VALUES: &str = "big: 1000000\nfraction: 0.5\nnothing: null\ntext: <a & b>\n";

const CONFIG: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  text: {{ .Values.text | quote }}
  revision: {{ .Release.Revision | quote }}
";

const HOOK: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: hook
  annotations:
    helm.sh/hook: post-delete
    helm.sh/hook-weight: \"-5\"
    helm.sh/hook-delete-policy: hook-succeeded
";

fn files() -> [(&'static str, &'static str); 5] {
    [
        ("Chart.yaml", CHART),
        ("values.yaml", VALUES),
        ("templates/config.yaml", CONFIG),
        ("templates/hook.yaml", HOOK),
        ("templates/NOTES.txt", "Hello {{ .Release.Name }} <&>"),
    ]
}

struct Still;

impl Surroundings for Still {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(json!({}))
    }
}

/// The real helm in a namespace of a cluster.
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
}

impl Helm {
    /// `None` where it cannot be built.
    pub(crate) fn find(plane: &ControlPlane, namespace: &str) -> Option<Self> {
        let found = programs("helm.sh")?;
        Some(Self {
            program: found[0].join("helm"),
            kubeconfig: plane.kubeconfig(User::Admin),
            namespace: namespace.to_owned(),
        })
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let ran = self.output(arguments);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "helm {arguments:?}: {said}");
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Whether it did what was asked.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> bool {
        self.output(arguments).status.success()
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let home = self.kubeconfig.parent().unwrap();
        Command::new(&self.program)
            .args(arguments)
            .args(["--namespace", &self.namespace])
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .env("HELM_CACHE_HOME", home.join("helm-cache"))
            .env("HELM_CONFIG_HOME", home.join("helm-config"))
            .env("HELM_DATA_HOME", home.join("helm-data"))
            .output()
            .unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments)).unwrap()
    }
}

fn secret(namespace: &str, version: i64) -> ObjectRef {
    ObjectRef::new("v1", "Secret", namespace, &secret_name("web", version))
}

/// The record in a Secret, and the JSON it was read from.
fn kept(admin: &Client, namespace: &str, version: i64) -> (Record, Vec<u8>) {
    let secret = admin.get(&secret(namespace, version)).unwrap();
    let packed = STANDARD.decode(secret["data"]["release"].as_str().unwrap());
    let packed = STANDARD.decode(packed.unwrap()).unwrap();
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut json)
        .unwrap();
    (Record::from_secret(&secret).unwrap(), json)
}

/// A second revision as this program makes it.
fn second(namespace: &str, first: &Record) -> Record {
    let files = files().map(|(name, text)| File {
        name: name.to_owned(),
        data: text.as_bytes().into(),
    });
    let chart = load_files(files.to_vec()).unwrap();
    let config: Map<String, Value> = read_values(b"text: second\nlist: [1, {a: b}]\n").unwrap();
    let release = Release {
        name: "web".to_owned(),
        namespace: namespace.to_owned(),
        revision: 2,
        operation: Operation::Upgrade,
        skips_schema: false,
    };
    let rendered = render(&chart, &config, &release, &Capabilities::offline(), &Still).unwrap();
    let mut record = Record {
        name: "web".to_owned(),
        chart: Some((&rendered.chart).into()),
        config,
        manifest: rendered.manifest(),
        hooks: rendered.hooks.iter().map(RecordedHook::from).collect(),
        version: 2,
        namespace: namespace.to_owned(),
        apply_method: Some(ApplyMethod::Server),
        ..Record::default()
    };
    record
        .info
        .first_deployed
        .clone_from(&first.info.first_deployed);
    record.info.last_deployed = Some(jiff::Timestamp::now().into());
    record.info.notes = rendered.notes;
    record.set_status(Status::Deployed, "Upgrade complete");
    record
}

/// Writes a chart to a folder and gives its path.
fn chart(folder: &Path) -> String {
    for (name, text) in files() {
        let file = folder.join("web").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder.join("web").display().to_string()
}

#[test]
fn the_real_helm_reads_and_changes_a_release_written_here_and_we_read_its_own() {
    let plane = ControlPlane::shared();
    let (admin, namespace) = (plane.admin(), plane.namespace("helm"));
    let folder = plane.path().join(&namespace);
    let Some(helm) = Helm::find(plane, &namespace) else {
        return;
    };
    let web = chart(&folder);
    helm.run(&["install", "web", &web, "--set", "text=first"]);

    let (mut first, json) = kept(admin, &namespace, 1);
    let text = |json: &[u8]| String::from_utf8_lossy(json).into_owned();
    assert_eq!(text(&first.to_json()), text(&json));
    assert_eq!(first.status(), Status::Deployed);
    assert_eq!(first.apply_method, Some(ApplyMethod::Server));

    let record = second(&namespace, &first);
    first.set_status(Status::Superseded, "Upgrade complete");
    let now = jiff::Timestamp::now();
    admin.apply(&first.to_secret(&namespace, now, true));
    let made = admin.create(&record.to_secret(&namespace, now, false));
    assert_eq!(made.status, 201, "{}", made.body);

    let list = helm.json(&["list", "-o", "json"]);
    assert_eq!(list[0]["name"], "web");
    assert_eq!(list[0]["revision"], "2");
    assert_eq!(list[0]["status"], "deployed");
    assert_eq!(list[0]["chart"], "web-1.2.3");
    assert_eq!(list[0]["app_version"], "4.5");
    let history = helm.json(&["history", "web", "-o", "json"]);
    assert_eq!(history[0]["status"], "superseded");
    assert_eq!(history[1]["description"], "Upgrade complete");
    let status = helm.json(&["status", "web", "-o", "json"]);
    assert_eq!(status["version"], 2);
    assert_eq!(status["info"]["notes"], "Hello web <&>");
    let values = helm.json(&["get", "values", "web", "-o", "json"]);
    assert_eq!(values, json!({"text": "second", "list": [1, {"a": "b"}]}));
    let all = helm.json(&["get", "values", "web", "--all", "-o", "json"]);
    assert_eq!(all["big"], 1_000_000);
    let everything = helm.run(&["get", "all", "web"]);
    for part in ["text: second", "revision: \"2\"", "name: hook", "Hello web"] {
        assert!(everything.contains(part), "{part}: {everything}");
    }

    helm.run(&["rollback", "web", "1"]);
    let (third, json) = kept(admin, &namespace, 3);
    assert_eq!(text(&third.to_json()), text(&json));
    assert_eq!(third.info.rollback_revision, 1);
    assert_eq!(third.manifest, first.manifest);
    assert_eq!(kept(admin, &namespace, 2).0.status(), Status::Superseded);

    helm.run(&["uninstall", "web", "--keep-history"]);
    let (gone, json) = kept(admin, &namespace, 3);
    assert_eq!(text(&gone.to_json()), text(&json));
    assert_eq!(gone.status(), Status::Uninstalled);
    assert!(gone.info.deleted.is_some());
    let hook = &gone.hooks[0];
    assert_eq!(hook.last_run.phase, "Succeeded");
    let config = ObjectRef::new("v1", "ConfigMap", &namespace, "web");
    assert_eq!(admin.get(&config), None);
}
