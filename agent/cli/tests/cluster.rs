//! The shared API server, and running a command against it.

use std::sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value, json};
use windlass_cli::Outcome;
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{ControlPlane, Options, User};

pub(crate) const REVISION: &str = "main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9";

/// The pause and the Lease stand in one namespace for the whole cluster: tests that set them run
/// alone, the others together.
static ALONE: RwLock<()> = RwLock::new(());

/// One API server with the CRDs and the namespace flux-system.
pub(crate) fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let plane = ControlPlane::start(&Options::api_server());
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "flux-system" },
        });
        plane.admin().apply(&namespace);
        for crd in windlass_api::crds() {
            plane.admin().apply(crd.as_value());
            let name = ObjectRef::of(crd.as_value());
            plane
                .admin()
                .wait_for("the CRD to be served", &name, |found| {
                    let conditions = found
                        .pointer("/status/conditions")
                        .and_then(Value::as_array);
                    conditions.is_some_and(|all| {
                        all.iter()
                            .any(|one| one["type"] == "Established" && one["status"] == "True")
                    })
                });
        }
        plane
    })
}

pub(crate) fn together() -> RwLockReadGuard<'static, ()> {
    ALONE
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    ALONE
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) results: String,
    pub(crate) progress: String,
}

/// Runs a command, given as one line, in a namespace as the administrator.
pub(crate) fn run_in(namespace: &str, line: &str) -> Ran {
    let arguments: Vec<&str> = line.split_whitespace().chain(["-n", namespace]).collect();
    run(&arguments)
}

/// Runs a command as the administrator.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_as(User::Admin, arguments)
}

pub(crate) fn run_as(user: User, arguments: &[&str]) -> Ran {
    let kubeconfig = plane().kubeconfig(user).to_str().unwrap().to_owned();
    let mut all = vec!["windlass", "--kubeconfig", &kubeconfig];
    all.extend(arguments);
    run_anywhere(&all)
}

/// Runs a command with exactly these arguments.
pub(crate) fn run_anywhere(arguments: &[&str]) -> Ran {
    let (mut results, mut progress) = (Vec::new(), Vec::new());
    let outcome = windlass_cli::run_on(arguments, &mut results, &mut progress)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    Ran {
        outcome,
        results: String::from_utf8(results).unwrap(),
        progress: String::from_utf8(progress).unwrap(),
    }
}

impl Ran {
    /// Asserts that it went well.
    #[track_caller]
    pub(crate) fn done(self) -> Ran {
        assert_eq!(
            self.outcome,
            Outcome::Done,
            "{}\n{}",
            self.results,
            self.progress
        );
        self
    }

    /// Asserts that it failed.
    #[track_caller]
    pub(crate) fn failed(self) -> Ran {
        assert_eq!(
            self.outcome,
            Outcome::Failed,
            "{}\n{}",
            self.results,
            self.progress
        );
        self
    }

    /// Asserts that all of this was printed.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Ran {
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

    /// The results with `|` for tabs and no spaces at the ends of lines.
    pub(crate) fn table(&self) -> String {
        let lines = self
            .results
            .lines()
            .map(|line| line.replace('\t', "|").trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn kustomization(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        namespace,
        name,
    )
}

pub(crate) fn repository(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        namespace,
        name,
    )
}

/// Makes an object with a spec that the API server accepts, and gives its reference.
pub(crate) fn make(object: ObjectRef, more: &Value) -> ObjectRef {
    let spec = if object.kind == "Kustomization" {
        json!({
            "interval": "10m", "prune": true,
            "sourceRef": { "kind": "GitRepository", "name": "fleet" },
        })
    } else {
        json!({ "interval": "1m", "url": "https://git.example.com/fleet" })
    };
    let mut value = json!({
        "apiVersion": object.api_version, "kind": object.kind,
        "metadata": { "name": object.name, "namespace": object.namespace },
        "spec": spec,
    });
    windlass_object::patch::merge(&mut value, more);
    plane().admin().apply(&value);
    object
}

/// Writes a status as the agent would: a Ready condition about the current generation.
pub(crate) fn set_status(object: &ObjectRef, ready: &str, reason: &str, more: &Value) {
    let admin = plane().admin();
    let found = admin.get(object).unwrap();
    let generation = &found["metadata"]["generation"];
    let message = match ready {
        "True" => format!("Applied revision: {REVISION}"),
        _ => format!("it went wrong ({reason})"),
    };
    let mut status = json!({
        "observedGeneration": generation,
        "conditions": [{
            "type": "Ready", "status": ready, "reason": reason, "message": message,
            "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    if object.kind == "Kustomization" {
        status["lastAppliedRevision"] = REVISION.into();
    } else {
        status["artifact"] = json!({
            "digest": "sha256:00", "lastUpdateTime": "2026-01-01T00:00:00Z", "path": "x",
            "revision": REVISION, "url": "http://localhost/x",
        });
    }
    windlass_object::patch::merge(&mut status, more);
    admin.patch_subresource(object, "status", &json!({ "status": status }));
}

/// Waits for a request on an object and answers it as the agent would.
pub(crate) fn answer_request(client: &Client, object: &ObjectRef, ready: &str, reason: &str) {
    let requested = client.wait_for("a request", object, |found| {
        let requested = &found["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
        requested.is_string() && *requested != found["status"]["lastHandledReconcileAt"]
    });
    let at = &requested["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
    set_status(
        object,
        ready,
        reason,
        &json!({ "lastHandledReconcileAt": at }),
    );
}
