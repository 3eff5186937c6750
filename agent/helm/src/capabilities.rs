//! What the cluster can do, as templates see it.

use std::rc::Rc;

use crate::exec::KUBE_VERSION;
use crate::value::{Field, List, ListKind, Struct, Value};

/// The Helm that templates are told they run in.
const HELM_VERSION: &str = "v4.3";

/// The Go that Helm 4.3.1 was built with.
const GO_VERSION: &str = "go1.26.0";

/// The version of Kubernetes' client in it.
const CLIENT_VERSION: &str = "v1.37";

/// What the cluster can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of the API server.
    pub kube_version: KubeVersion,
    /// The API versions it serves (`apps/v1`, `apps/v1/Deployment`).
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// All of it, with what a vendor added.
    pub version: String,
    /// `v1.33.4`.
    pub normalized: String,
    /// The first number.
    pub major: String,
    /// The second number.
    pub minor: String,
}

// === impl KubeVersion ===

impl KubeVersion {
    /// Reads a version; none when it does not start with two numbers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.trim().strip_prefix('v').unwrap_or(text);
        let end = body
            .find(|next: char| next != '.' && !next.is_ascii_digit())
            .unwrap_or(body.len());
        let numbers = body.get(..end)?.trim_end_matches('.');
        let parts: Vec<u64> = numbers
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        let (major, minor) = (parts.first()?, parts.get(1)?);
        let patch = parts.get(2).copied().unwrap_or(0);
        Some(Self {
            version: format!("v{body}"),
            normalized: format!("v{major}.{minor}.{patch}"),
            major: major.to_string(),
            minor: minor.to_string(),
        })
    }
}

// === impl Capabilities ===

impl Capabilities {
    pub(crate) fn to_value(&self) -> Value {
        let kube = &self.kube_version;
        let kube_version = structure(
            KUBE_VERSION,
            vec![
                field("Version", Some("Version"), &kube.version),
                field("normalizedVersion", None, &kube.normalized),
                field("Major", Some("Major"), &kube.major),
                field("Minor", Some("Minor"), &kube.minor),
            ],
        );
        let helm_version = structure(
            "version.BuildInfo",
            vec![
                field("Version", Some("version"), HELM_VERSION),
                field("GitCommit", None, ""),
                field("GitTreeState", None, ""),
                field("GoVersion", Some("go_version"), GO_VERSION),
                field(
                    "KubeClientVersion",
                    Some("kube_client_version"),
                    CLIENT_VERSION,
                ),
            ],
        );
        let versions = self.api_versions.iter().map(Value::text).collect();
        let versions = Value::List(List::new(ListKind::Versions, versions));
        structure(
            "*common.Capabilities",
            vec![
                any("KubeVersion", kube_version),
                any("APIVersions", versions),
                any("HelmVersion", helm_version),
            ],
        )
    }
}

fn structure(type_name: &'static str, fields: Vec<Field>) -> Value {
    Value::Struct(Rc::new(Struct { type_name, fields }))
}

fn field(name: &'static str, json: Option<&'static str>, value: &str) -> Field {
    Field {
        name,
        json,
        value: Value::text(value),
    }
}

fn any(name: &'static str, value: Value) -> Field {
    Field {
        name,
        json: Some(name),
        value,
    }
}

/// The API versions that Helm 4.3.1 takes for served where it asks no cluster.
const OFFLINE_VERSIONS: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

impl Capabilities {
    /// What Helm assumes where it asks no cluster.
    #[must_use]
    pub fn offline() -> Self {
        Self {
            kube_version: KubeVersion {
                version: "v1.37.0".to_owned(),
                normalized: "v1.37.0".to_owned(),
                major: "1".to_owned(),
                minor: "37".to_owned(),
            },
            api_versions: OFFLINE_VERSIONS.map(str::to_owned).to_vec(),
        }
    }
}
