//! One homelab: a control plane, a Git server with a signed repository, and an agent.

use serde_json::{Value, json};
use windlass_kit::agent::Agent;
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::{Repo, Signer};

pub(crate) const GIT_REPOSITORY: &str = "source.toolkit.fluxcd.io/v1";
pub(crate) const KUSTOMIZATION: &str = "kustomize.toolkit.fluxcd.io/v1";

/// Everything a test needs; all of it ends with the test.
pub(crate) struct House {
    pub(crate) agent: Agent,
    pub(crate) repo: Repo,
    pub(crate) git: GitServer,
    pub(crate) signer: Signer,
    pub(crate) control_plane: ControlPlane,
}

impl House {
    /// Starts all but the agent, with `files` in the first, signed commit.
    pub(crate) fn prepare(options: &Options, files: &[(&str, &str)]) -> Self {
        Self::prepare_with_git(options, &git::Options::default(), files)
    }

    /// As [`House::prepare`], with another kind of Git server.
    pub(crate) fn prepare_with_git(
        options: &Options,
        git: &git::Options,
        files: &[(&str, &str)],
    ) -> Self {
        let control_plane = ControlPlane::pooled(options);
        let git = GitServer::start(git);
        let signer = Signer::new("owner@house.example");
        let mut repo = Repo::new(&git.create("house.git"));
        repo.publish(files, "Begin", &signer);
        let kubeconfig = control_plane.kubeconfig(User::Agent);
        let mut agent = Agent::prepare(&kubeconfig, &git.url("house.git"), &[&signer]);
        agent.set("root", "interval", "5s");
        Self {
            agent,
            repo,
            git,
            signer,
            control_plane,
        }
    }

    /// Starts everything and waits until the root is ready.
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        Self::start_with(&Options::api_server(), files, |_| {})
    }

    /// As [`House::start`], with another control plane or other settings of the agent.
    pub(crate) fn start_with(
        options: &Options,
        files: &[(&str, &str)],
        settings: impl FnOnce(&mut Agent),
    ) -> Self {
        let mut house = Self::prepare(options, files);
        settings(&mut house.agent);
        house.agent.start();
        house.root_ready();
        house
    }

    /// An agent of another node, whose requests the audit log shows as [`User::Tenant`]'s. Not started yet.
    pub(crate) fn second_agent(&self) -> Agent {
        self.admin().apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "second-node"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "windlass"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
                "name": User::Tenant.name()}],
        }));
        let kubeconfig = self.control_plane.kubeconfig(User::Tenant);
        let url = self.git.url("house.git");
        let mut agent = Agent::prepare(&kubeconfig, &url, &[&self.signer]);
        agent.set("root", "interval", "5s");
        agent.set("node", "name", "node-b");
        agent
    }

    /// Waits until a Kustomization is ready.
    pub(crate) fn ready(&self, namespace: &str, name: &str) -> Value {
        self.admin()
            .wait_ready(&kustomization(namespace, name), "True")
    }

    pub(crate) fn admin(&self) -> &Client {
        self.control_plane.admin()
    }

    /// Commits, signs, pushes, and asks for a fetch at once.
    pub(crate) fn push(&mut self, files: &[(&str, &str)], message: &str) -> String {
        let commit = self.repo.publish(files, message, &self.signer);
        self.request();
        commit
    }

    /// `windlass reconcile source git flux-system`, without the waiting.
    pub(crate) fn request(&self) {
        let now = format!("{:?}", std::time::SystemTime::now());
        let annotations = json!({"reconcile.fluxcd.io/requestedAt": now});
        self.admin().patch(
            &root_source(),
            &json!({"metadata": {"annotations": annotations}}),
        );
    }

    /// The request that the root source answered last.
    pub(crate) fn handled(&self) -> Value {
        let source = self.admin().get(&root_source()).expect("it is there");
        source["status"]["lastHandledReconcileAt"].clone()
    }

    pub(crate) fn root_ready(&self) -> Value {
        self.admin()
            .wait_for("the root to be ready", &root(), is_ready)
    }

    /// Waits until the root has applied a commit.
    pub(crate) fn applied(&self, commit: &str) -> Value {
        let what = format!("the root to apply {commit}");
        self.admin().wait_for(&what, &root(), |root| {
            let revision = root
                .pointer("/status/lastAppliedRevision")
                .and_then(Value::as_str);
            revision.is_some_and(|revision| revision.ends_with(commit)) && is_ready(root)
        })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the agent ---\n{}", self.agent.log());
        }
    }
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

pub(crate) fn config_map(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new("v1", "ConfigMap", namespace, name)
}

pub(crate) fn namespace(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Namespace", "", name)
}

pub(crate) fn kustomization(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(KUSTOMIZATION, "Kustomization", namespace, name)
}

/// The manifest of a Kustomization of the root source; `spec` adds to it and wins.
pub(crate) fn nested(name: &str, path: &str, spec: Value) -> String {
    let mut object = json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "path": path, "prune": true, "interval": "10m",
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    });
    if let Value::Object(fields) = spec {
        fields
            .into_iter()
            .for_each(|(field, value)| object["spec"][field] = value);
    }
    // JSON is YAML.
    object.to_string()
}

pub(crate) fn is_ready(object: &Value) -> bool {
    ready_is(object, "True")
}

pub(crate) fn ready_is(object: &Value, status: &str) -> bool {
    ready(object)["status"] == status
}

/// The Ready condition, or null.
pub(crate) fn ready(object: &Value) -> Value {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let mut ready = conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition["type"] == "Ready");
    ready.next().cloned().unwrap_or_default()
}
