//! The demo's cluster, repository, Git server and agent, and the questions it asks of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use windlass_kit::agent::Agent;
use windlass_kit::api::{Client, ObjectRef, condition};
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::{Repo, Signer};

/// The bare repository on the Git server.
pub(crate) const REPOSITORY: &str = "home/cluster.git";

/// The namespaces whose objects the demo looks at.
const NAMESPACES: [&str; 4] = ["cert-manager", "monitoring", "storage", "network"];

/// Kinds that show whether anything in the cluster has changed.
const KINDS: [(&str, &str, &str); 5] = [
    ("apps/v1", "Deployment", "spec"),
    ("apps/v1", "StatefulSet", "spec"),
    ("apps/v1", "DaemonSet", "spec"),
    ("v1", "ConfigMap", "data"),
    ("v1", "Service", "spec"),
];

pub(crate) struct House {
    pub(crate) agent: Agent,
    pub(crate) repo: Repo,
    pub(crate) server: GitServer,
    pub(crate) owner: Signer,
    pub(crate) plane: ControlPlane,
}

impl House {
    /// A cluster of three nodes, and the repository of `tests/fixtures/demo` in one signed commit; the
    /// agent is prepared but not started.
    pub(crate) fn build() -> Self {
        // The cluster comes up while git works.
        let plane = std::thread::spawn(|| {
            ControlPlane::start(&Options {
                nodes: 3,
                ..Options::full()
            })
        });
        let server = GitServer::start(&git::Options::default());
        let owner = Signer::new("you@home.example.org");
        let mut repo = Repo::new(&server.create(REPOSITORY));
        repo.copy(&fixture(), "");
        let first = repo.publish(&[], "Describe the whole cluster", &owner);
        let plane = plane.join().expect("the control plane starts");
        let url = server.url(REPOSITORY);
        let mut agent = Agent::prepare(&plane.kubeconfig(User::Agent), &url, &[&owner]);
        agent.set("root", "path", "./kubernetes/flux-system");
        agent.set("root", "introduction", &first);
        Self {
            agent,
            repo,
            server,
            owner,
            plane,
        }
    }

    pub(crate) fn admin(&self) -> &Client {
        self.plane.admin()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig(User::Admin)
    }

    /// Every Kustomization with whether it is ready at its newest generation.
    pub(crate) fn kustomizations(&self) -> BTreeMap<String, bool> {
        let kind = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization");
        if !self.admin().serves(kind.0, kind.1) {
            return BTreeMap::new();
        }
        let all = self.admin().list(kind.0, kind.1, "flux-system", "");
        let states = all.iter().map(|object| {
            let ready = condition(object, "Ready").is_some_and(|ready| {
                ready["status"] == "True"
                    && ready["observedGeneration"] == object["metadata"]["generation"]
            });
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            (name.to_owned(), ready)
        });
        states.collect()
    }

    /// What the workloads of the four namespaces ask for, by object.
    pub(crate) fn picture(&self) -> BTreeMap<String, Value> {
        let mut picture = BTreeMap::new();
        for namespace in NAMESPACES {
            for (api_version, kind, part) in KINDS {
                for object in self.admin().list(api_version, kind, namespace, "") {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    picture.insert(format!("{kind}/{namespace}/{name}"), object[part].clone());
                }
            }
        }
        picture
    }

    /// The root source's condition Ready: status, reason, message.
    pub(crate) fn source_ready(&self) -> (String, String, String) {
        let source = ObjectRef::new(
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            "flux-system",
            "flux-system",
        );
        let source = self.admin().get(&source).unwrap_or_default();
        let ready = condition(&source, "Ready").cloned().unwrap_or_default();
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// What the event about the correction of `object` (such as `Deployment/network/home-echo`) says.
    pub(crate) fn correction_of(&self, object: &str) -> Option<String> {
        let events = self.admin().list("v1", "Event", "flux-system", "");
        let corrections = events
            .iter()
            .filter(|event| event["reason"] == "DriftCorrected");
        let mut messages = corrections.filter_map(|event| event["message"].as_str());
        messages
            .find(|message| message.contains(object))
            .map(str::to_owned)
    }
}

pub(crate) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/demo")
}
