//! A real Kubernetes control plane on loopback: etcd, API server, and what else a test asks for.

pub mod audit;
mod components;
mod etcd;
pub mod metrics;
mod pool;
mod running;

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::OnceLock;

use serde_json::{Value, json};

pub use running::Running;

use crate::controlplane::pool::Pooled;

/// Where a test that puts nodes behind a network of its own lets them reach the API server, whose certificate names it:
/// an address for documentation (RFC 5737).
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Which programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parts {
    /// etcd and the API server: nothing reacts to objects; deleted namespaces stay Terminating.
    ApiServer,
    /// Also the controller-manager: Deployments make Pods, owners are followed, namespaces go away.
    Controllers,
    /// Also the scheduler and kwok with its nodes: Pods become Ready.
    Full,
}

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which programs.
    pub parts: Parts,
    /// How many nodes kwok plays, when it runs.
    pub nodes: usize,
    /// Further flags of the API server.
    pub api_server_flags: Vec<String>,
}

impl Options {
    /// Everything, with one node.
    #[must_use]
    pub fn full() -> Self {
        Self {
            parts: Parts::Full,
            nodes: 1,
            api_server_flags: Vec::new(),
        }
    }

    /// etcd and the API server only: the quickest start.
    #[must_use]
    pub fn api_server() -> Self {
        Self {
            parts: Parts::ApiServer,
            nodes: 0,
            api_server_flags: Vec::new(),
        }
    }
}

/// A user of the token file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// `admin`, in `system:masters`: RBAC is not asked.
    Admin,
    /// `windlass`: bound by RBAC to what the agent needs (`agent_role`), and nothing more.
    Agent,
    /// `tenant`: no rights but those a test gives it.
    Tenant,
}

impl User {
    /// The name the API server knows the user by, as in its audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Agent => "windlass",
            Self::Tenant => "tenant",
        }
    }

    fn token(self) -> &'static str {
        match self {
            Self::Admin => "token-of-admin",
            Self::Agent => "token-of-windlass",
            Self::Tenant => "token-of-tenant",
        }
    }
}

/// A control plane of a test; dropping it ends every program and removes its data, or leaves them,
/// made new, to the next test that asks for one of the pool.
#[derive(Debug)]
pub struct ControlPlane {
    /// There until the drop.
    held: Option<Held>,
}

#[derive(Debug)]
enum Held {
    Alone(Running),
    Pooled(Pooled),
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready.
    ///
    /// # Panics
    /// With the end of the logs, when it does not become ready.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        Self {
            held: Some(Held::Alone(Running::start(options))),
        }
    }

    /// As [`ControlPlane::start`], but what an earlier test of this binary has left may be used: it
    /// holds what a new one holds, and only its versions and counters are higher.
    ///
    /// # Panics
    /// As [`ControlPlane::start`].
    #[must_use]
    pub fn pooled(options: &Options) -> Self {
        Self {
            held: Some(Held::Pooled(pool::take(options))),
        }
    }

    /// The one control plane of this test binary, with everything; tests keep apart by namespaces.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&Options::full()))
    }
}

impl Deref for ControlPlane {
    type Target = Running;

    fn deref(&self) -> &Running {
        match self.held.as_ref().expect("it is there until the drop") {
            Held::Alone(running) => running,
            Held::Pooled(pooled) => &pooled.running,
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // What a failed test leaves explains nothing to the next one.
        if let Some(Held::Pooled(pooled)) = self.held.take()
            && !std::thread::panicking()
        {
            pool::give_back(pooled);
        }
    }
}

/// What the agent may do: everything Flux's `cluster-reconciler` may, but as RBAC grants and not as a
/// member of `system:masters`; and it may act as service accounts, which is how tenants are kept apart.
#[must_use]
pub fn agent_role() -> Vec<Value> {
    let objects = [
        "get", "list", "watch", "create", "update", "patch", "delete",
    ];
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "windlass"},
            "rules": [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": objects},
                {"apiGroups": ["rbac.authorization.k8s.io"],
                 "resources": ["roles", "clusterroles"], "verbs": ["bind", "escalate"]},
                {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
                {"nonResourceURLs": ["*"], "verbs": ["get"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "windlass"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "windlass"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
                          "name": User::Agent.name()}],
        }),
    ]
}

fn kubeconfig(port: u16, authority: &str, user: User) -> String {
    use base64::Engine as _;
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    let name = user.name();
    // JSON is YAML.
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": "windlass-test", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": authority,
        }}],
        "users": [{"name": name, "user": {"token": user.token()}}],
        "contexts": [{"name": name, "context": {"cluster": "windlass-test", "user": name}}],
    });
    format!("{config:#}\n")
}
