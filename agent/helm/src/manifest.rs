//! Rendered files to objects and hooks, in Helm's order (pkg/release/v1/util).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use windlass_object::yaml::{self, Dialect, Limits};

use crate::codec::yaml::as_text;
use crate::render::RenderError;

/// What one object may cost.
const LIMITS: Limits = Limits::DEFAULT;

/// Kinds in the order they are installed in; others come after them.
const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// One object of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The template it is from.
    pub source: String,
    /// Its YAML.
    pub content: String,
    /// Its apiVersion; empty when it has none.
    pub api_version: String,
    /// Its kind; empty when it has none.
    pub kind: String,
    /// Its name; empty when it has none.
    pub name: String,
}

/// An object that is applied at a moment of a release's life, not with the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The template it is from.
    pub path: String,
    /// Its YAML.
    pub manifest: String,
    /// The moments.
    pub events: Vec<HookEvent>,
    /// Its place among hooks of one moment.
    pub weight: i64,
    /// When it is deleted, as written: Helm takes any word.
    pub delete_policies: Vec<String>,
    /// When its log is shown, as written.
    pub output_log_policies: Vec<String>,
}

/// A moment of a release's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// Before the objects of a new release.
    PreInstall,
    /// After them.
    PostInstall,
    /// Before a release is deleted.
    PreDelete,
    /// After it.
    PostDelete,
    /// Before an upgrade.
    PreUpgrade,
    /// After it.
    PostUpgrade,
    /// Before a rollback.
    PreRollback,
    /// After it.
    PostRollback,
    /// When the release is tested.
    Test,
}

static SEPARATOR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^---[ \t]*").ok());

/// The start of an object.
#[derive(Default)]
struct Head {
    api_version: String,
    kind: String,
    name: String,
    annotations: BTreeMap<String, String>,
}

// === impl HookEvent ===

impl HookEvent {
    /// The word in an annotation.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }

    /// The word Helm writes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreInstall => "pre-install",
            Self::PostInstall => "post-install",
            Self::PreDelete => "pre-delete",
            Self::PostDelete => "post-delete",
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::PreRollback => "pre-rollback",
            Self::PostRollback => "post-rollback",
            Self::Test => "test",
        }
    }
}

/// Splits rendered files (path and text, sorted by path) into hooks and objects, each in install order.
pub(crate) fn sort(files: &[(String, String)]) -> Result<(Vec<Hook>, Vec<Manifest>), RenderError> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, text) in files {
        for content in split(text) {
            let head = head(content).map_err(|message| RenderError::Manifest {
                file: path.clone(),
                message,
            })?;
            match head.annotations.get("helm.sh/hook") {
                None => manifests.push(Manifest {
                    source: path.clone(),
                    content: content.to_owned(),
                    api_version: head.api_version,
                    kind: head.kind,
                    name: head.name,
                }),
                Some(events) => hooks.extend(hook(path, content, &head, events)),
            }
        }
    }
    hooks.sort_by_cached_key(|hook| rank(&hook.kind));
    manifests.sort_by_cached_key(|manifest| rank(&manifest.kind));
    Ok((hooks, manifests))
}

/// Where a kind stands: those of the order first, others by their name.
fn rank(kind: &str) -> (usize, String) {
    match INSTALL_ORDER.iter().position(|known| *known == kind) {
        Some(position) => (position, String::new()),
        None => (INSTALL_ORDER.len(), kind.to_owned()),
    }
}

/// The documents of a stream of YAML, without those that are empty.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    let documents: Vec<&str> = match &*SEPARATOR {
        Some(separator) => separator.split(text).collect(),
        None => vec![text],
    };
    let documents = documents.into_iter().map(str::trim_start);
    documents.filter(|document| !document.is_empty()).collect()
}

fn hook(path: &str, content: &str, head: &Head, events: &str) -> Option<Hook> {
    let events = events.split(',').map(|event| {
        let event = event.trim().to_lowercase();
        HookEvent::parse(&event)
    });
    // A word that is no event makes Helm leave the object out.
    let events = events.collect::<Option<Vec<_>>>()?;
    let words = |annotation: &str| {
        let value = head.annotations.get(annotation);
        let words = value.map(|value| value.split(','));
        let words = words.into_iter().flatten();
        words.map(|word| word.trim().to_lowercase()).collect()
    };
    let weight = head.annotations.get("helm.sh/hook-weight");
    let weight = weight.and_then(|weight| crate::number::parse_integer(weight, 10));
    Some(Hook {
        name: head.name.clone(),
        kind: head.kind.clone(),
        path: path.to_owned(),
        manifest: content.to_owned(),
        events,
        weight: weight.unwrap_or(0),
        delete_policies: words("helm.sh/hook-delete-policy"),
        output_log_policies: words("helm.sh/hook-output-log-policy"),
    })
}

fn head(content: &str) -> Result<Head, String> {
    let documents = yaml::parse_documents_as(Dialect::Lenient, content.as_bytes(), &LIMITS)
        .map_err(|error| error.to_string())?;
    let Some(document) = documents.into_iter().next() else {
        return Ok(Head::default());
    };
    let Value::Object(fields) = document.value else {
        return Err("the document is no map, so it is no object".to_owned());
    };
    let empty = serde_json::Map::new();
    let metadata = match fields.get("metadata") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err("metadata is no map".to_owned()),
    };
    let mut annotations = BTreeMap::new();
    match metadata.get("annotations") {
        None | Some(Value::Null) => {}
        Some(Value::Object(found)) => {
            for key in found.keys() {
                annotations.insert(key.clone(), text(found, key, "metadata.annotations.")?);
            }
        }
        Some(_) => return Err("metadata.annotations is no map".to_owned()),
    }
    Ok(Head {
        api_version: text(&fields, "apiVersion", "")?,
        kind: text(&fields, "kind", "")?,
        name: text(metadata, "name", "metadata.")?,
        annotations,
    })
}

fn text(fields: &serde_json::Map<String, Value>, key: &str, path: &str) -> Result<String, String> {
    match fields.get(key) {
        None => Ok(String::new()),
        Some(value) => as_text(value).ok_or_else(|| format!("{path}{key} is no text")),
    }
}
