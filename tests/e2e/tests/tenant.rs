//! A namespace with a source of its own, in a house that many tests share.

use std::sync::OnceLock;

use serde_json::{Value, json};
use windlass_kit::api::{Client, ObjectRef, condition};
use windlass_kit::controlplane::Options;
use windlass_kit::repo::Repo;
use windlass_kit::wait;

use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, config_map, kustomization, ready};

const ROOT: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: everybody\n";

/// What one test has for itself.
pub(crate) struct Tenant {
    pub(crate) namespace: String,
    pub(crate) repo: Repo,
}

/// The house: everything runs, kwok included. It ends with the test process.
pub(crate) fn shared() -> &'static House {
    static SHARED: OnceLock<House> = OnceLock::new();
    SHARED.get_or_init(|| {
        House::start_with(&Options::full(), &[("root.yaml", ROOT)], |agent| {
            agent.set("root", "interval", "10m");
        })
    })
}

impl Tenant {
    /// A namespace with GitRepository `source`, whose repository holds `files`.
    pub(crate) fn start(prefix: &str, files: &[(&str, &str)]) -> Self {
        let house = shared();
        let namespace = house.control_plane.namespace(prefix);
        let name = format!("{namespace}.git");
        let mut repo = Repo::new(&house.git.create(&name));
        repo.publish(files, "Begin", &house.signer);
        house.admin().apply(&json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": "source", "namespace": namespace},
            "spec": {"interval": "10m", "url": house.git.url(&name), "ref": {"branch": "main"}},
        }));
        Self { namespace, repo }
    }

    pub(crate) fn admin(&self) -> &'static Client {
        shared().admin()
    }

    pub(crate) fn source(&self) -> ObjectRef {
        ObjectRef::new(GIT_REPOSITORY, "GitRepository", &self.namespace, "source")
    }

    pub(crate) fn reference(&self, name: &str) -> ObjectRef {
        kustomization(&self.namespace, name)
    }

    pub(crate) fn config_map(&self, name: &str) -> ObjectRef {
        config_map(&self.namespace, name)
    }

    /// Makes or changes Kustomization `name` of folder `./name`; `spec` adds to it and wins.
    pub(crate) fn kustomize(&self, name: &str, spec: Value) {
        let mut object = json!({
            "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "path": format!("./{name}"), "prune": true, "interval": "10m",
                "sourceRef": {"kind": "GitRepository", "name": "source"},
            },
        });
        if let Value::Object(fields) = spec {
            for (field, value) in fields {
                object["spec"][field] = value;
            }
        }
        self.admin().apply(&object);
    }

    /// Commits, signs and pushes; gives the commit.
    pub(crate) fn publish(&mut self, files: &[(&str, &str)], message: &str) -> String {
        self.repo.publish(files, message, &shared().signer)
    }

    /// As [`Tenant::publish`], and asks for a fetch.
    pub(crate) fn push(&mut self, files: &[(&str, &str)], message: &str) -> String {
        let commit = self.publish(files, message);
        self.request(&self.source());
        commit
    }

    /// Asks for a pass; gives the value asked with.
    pub(crate) fn request(&self, object: &ObjectRef) -> String {
        let now = format!("{:?}", std::time::SystemTime::now());
        let annotations = json!({"reconcile.fluxcd.io/requestedAt": now});
        self.admin()
            .patch(object, &json!({"metadata": {"annotations": annotations}}));
        now
    }

    /// Waits until Kustomization `name` is ready.
    pub(crate) fn ready(&self, name: &str) -> Value {
        self.admin().wait_ready(&self.reference(name), "True")
    }

    /// Waits until Kustomization `name` has applied a commit and is ready.
    pub(crate) fn applied(&self, name: &str, commit: &str) -> Value {
        let what = format!("{name} to apply {commit}");
        self.admin()
            .wait_for(&what, &self.reference(name), |object| {
                let revision = object.pointer("/status/lastAppliedRevision");
                let revision = revision.and_then(Value::as_str).unwrap_or_default();
                revision.ends_with(commit) && ready(object)["status"] == "True"
            })
    }

    /// Waits until Kustomization `name` is not ready for that reason, with a message that contains `part`;
    /// gives the message.
    pub(crate) fn fails(&self, name: &str, reason: &str, part: &str) -> String {
        let what = format!("{name} to fail with {reason} and {part:?}");
        let says = |ready: &Value| {
            let message = ready["message"].as_str().unwrap_or_default();
            ready["status"] == "False" && ready["reason"] == reason && message.contains(part)
        };
        let reference = self.reference(name);
        let object = self
            .admin()
            .wait_for(&what, &reference, |object| says(&ready(object)));
        let message = ready(&object)["message"].as_str().map(str::to_owned);
        message.unwrap_or_default()
    }

    /// Waits for an event about an object here whose reason is that and whose message contains `part`.
    pub(crate) fn event(&self, name: &str, reason: &str, part: &str) -> Value {
        wait::until(
            &format!("event {reason} of {name} with {part:?}"),
            std::time::Duration::from_secs(20),
            || {
                let events = self.events(name);
                let found = events.iter().find(|event| {
                    let message = event["message"].as_str().unwrap_or_default();
                    event["reason"] == reason && message.contains(part)
                });
                found.cloned().ok_or_else(|| {
                    let seen = events.iter();
                    let seen =
                        seen.map(|event| format!("{}: {}", event["reason"], event["message"]));
                    seen.collect::<Vec<_>>().join("\n")
                })
            },
        )
    }

    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let query = format!("fieldSelector=involvedObject.name%3D{name}");
        self.admin().list("v1", "Event", &self.namespace, &query)
    }

    /// The value of a ConfigMap that [`map`] made.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let found = self.admin().get(&self.config_map(name))?;
        Some(found["data"]["value"].as_str()?.to_owned())
    }

    pub(crate) fn wait_value(&self, name: &str, value: &str) -> Value {
        let what = format!("{name} to have value {value}");
        self.admin()
            .wait_for(&what, &self.config_map(name), |found| {
                found["data"]["value"] == value
            })
    }
}

/// The manifest of a ConfigMap with one value.
pub(crate) fn map(namespace: &str, name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         data:\n  value: \"{value}\"\n"
    )
}

/// The same where the Kustomization says the namespace.
pub(crate) fn bare_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: \"{value}\"\n"
    )
}

/// The status of a condition, or `absent`.
pub(crate) fn state<'a>(object: &'a Value, kind: &str) -> &'a str {
    condition(object, kind)
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or("absent")
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = shared().agent.log();
            let lines = log.lines().filter(|line| line.contains(&self.namespace));
            let lines: Vec<&str> = lines.collect();
            eprintln!(
                "--- log of the agent about {} ---\n{}",
                self.namespace,
                lines.join("\n")
            );
        }
    }
}
