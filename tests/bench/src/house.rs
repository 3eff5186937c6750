//! One homelab to measure: a control plane, a Git server with a signed repository, and an agent.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;
use windlass_kit::agent::Agent;
use windlass_kit::api::{Client, ObjectRef, condition};
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::{Repo, Signer};

/// A figure that is missed by so much is not worth more waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commits before the first one that is signed.
const HISTORY: usize = 600;

pub(crate) const KUSTOMIZATION: &str = "kustomize.toolkit.fluxcd.io/v1";
const GIT_REPOSITORY: &str = "source.toolkit.fluxcd.io/v1";

/// All parts end with the value.
pub(crate) struct House {
    pub(crate) agent: Agent,
    pub(crate) control_plane: ControlPlane,
    repo: Repo,
    signer: Signer,
    pub(crate) git: GitServer,
    _state: TempDir,
}

impl House {
    /// Starts etcd, API server and Git server, with `files` in the first, signed commit; the root
    /// applies `path`. The agent is prepared, not started.
    pub(crate) fn prepare(path: &str, files: &[(String, String)]) -> Self {
        Self::prepare_on(&Options::api_server(), path, files)
    }

    /// As [`House::prepare`], on another control plane.
    pub(crate) fn prepare_on(options: &Options, path: &str, files: &[(String, String)]) -> Self {
        let control_plane = ControlPlane::start(options);
        let git = GitServer::start(&git::Options::default());
        let signer = Signer::new("owner@house.example");
        let mut repo = Repo::new(&git.create("house.git"));
        age(&repo);
        for (path, content) in files {
            repo.write(path, content);
        }
        repo.commit("Begin", &signer);
        repo.push();
        let kubeconfig = control_plane.kubeconfig(User::Agent);
        let mut agent = Agent::prepare(&kubeconfig, &git.url("house.git"), &[&signer]);
        agent.set("root", "path", path);
        // The kit keeps its files in memory; what the agent keeps has to cost what a disk costs.
        let state = folder("state");
        agent.set(
            "state",
            "dir",
            &state.path().join("state").display().to_string(),
        );
        Self {
            agent,
            control_plane,
            repo,
            signer,
            git,
            _state: state,
        }
    }

    pub(crate) fn admin(&self) -> &Client {
        self.control_plane.admin()
    }

    /// Commits, signs and pushes; the agent is not told.
    pub(crate) fn push(&mut self, path: &str, content: &str) -> String {
        self.repo
            .publish(&[(path, content)], "Change", &self.signer)
    }

    /// `windlass reconcile`, without the waiting; gives the request's mark.
    pub(crate) fn request(&self, object: &ObjectRef) -> String {
        let mark = format!("{:?}", SystemTime::now());
        let annotations = json!({"reconcile.fluxcd.io/requestedAt": mark});
        self.admin()
            .patch(object, &json!({"metadata": {"annotations": annotations}}));
        mark
    }

    /// Waits until an object's status says that a request has been handled.
    pub(crate) fn handled(&self, object: &ObjectRef, mark: &str) {
        self.poll(object, |found| {
            let handled = found.and_then(|found| found.pointer("/status/lastHandledReconcileAt"));
            handled.is_some_and(|handled| handled == mark)
        });
    }

    /// Waits until the root has applied a commit.
    pub(crate) fn applied(&self, commit: &str) {
        self.poll(&root(), |found| {
            let revision = found.and_then(|found| found.pointer("/status/lastAppliedRevision"));
            let revision = revision.and_then(Value::as_str).unwrap_or_default();
            revision.ends_with(commit) && found.is_some_and(is_ready)
        });
    }

    /// Looks at a small object every 2 ms until `test` likes it; gives when that was.
    pub(crate) fn poll(
        &self,
        object: &ObjectRef,
        test: impl Fn(Option<&Value>) -> bool,
    ) -> Instant {
        self.poll_each(Duration::from_millis(2), object, test)
    }

    /// Looks at an object at each `pause`: a large one costs the API server milliseconds each time.
    pub(crate) fn poll_each(
        &self,
        pause: Duration,
        object: &ObjectRef,
        test: impl Fn(Option<&Value>) -> bool,
    ) -> Instant {
        let start = Instant::now();
        loop {
            let found = self.admin().get(object);
            let seen = Instant::now();
            if test(found.as_ref()) {
                return seen;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "waited {PATIENCE:?} for {object:?}; last seen: {found:?}"
            );
            std::thread::sleep(pause);
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- log of the agent ---\n{}", self.agent.log());
        }
    }
}

/// Gives a repository a past: a fetch must not pay for the commits before the one it asks for.
fn age(repo: &Repo) {
    let tree = repo.git(&["write-tree"]);
    let owner = [
        "-c",
        "user.name=Owner",
        "-c",
        "user.email=owner@house.example",
    ];
    let mut newest = String::new();
    for number in 0..HISTORY {
        let message = format!("Change {number}");
        let commit = ["commit-tree", &tree, "-m", &message, "-p", &newest];
        let length = if newest.is_empty() { 4 } else { 6 };
        newest = repo.git(&[&owner, &commit[..length]].concat());
    }
    repo.git(&["update-ref", "refs/heads/main", &newest]);
}

/// A folder on the disk, gone with the value.
pub(crate) fn folder(name: &str) -> TempDir {
    let prefix = format!("bench-{name}-");
    let folder = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(target());
    folder.expect("the target folder can be written")
}

/// The repository's folder for what is built, which is on a disk.
pub(crate) fn target() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::fs::create_dir_all(&target).expect("the repository can be written");
    target.canonicalize().expect("it is there")
}

pub(crate) fn root() -> ObjectRef {
    ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", "flux-system")
}

pub(crate) fn root_source() -> ObjectRef {
    ObjectRef::new(
        GIT_REPOSITORY,
        "GitRepository",
        "flux-system",
        "flux-system",
    )
}

pub(crate) fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// A ConfigMap as a homelab has them: a few settings and a small file.
pub(crate) fn config_map(namespace: &str, name: &str, colour: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "data": {
            "colour": colour, "url": format!("https://{name}.house.example/"),
            "app.conf": "listen = 8080\nworkers = 4\nlevel = info\ncache = /var/cache/app\n",
        },
    })
}

/// The manifest of a Kustomization of the root's source.
pub(crate) fn kustomization(name: &str, path: &str, interval: &str) -> Value {
    json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": interval, "path": path, "prune": true, "wait": true,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    })
}
