//! `spec.kubeConfig`: another cluster that the objects are applied to.

mod provider;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::Instant;
use windlass_api::meta::KubeConfigReference;
use windlass_api::reasons;
use windlass_cluster::{Cluster, Leadership, RequestError};
use windlass_object::{GroupVersionKind, Object};
use zeroize::Zeroizing;

use super::error::StageError;
use crate::ours;

/// A cluster that nobody asked for in this time is forgotten, with its connections.
const UNUSED: Duration = Duration::from_secs(3600);

/// The fields of a Secret in which Flux looks for a kubeconfig when none is named.
const FIELDS: [&str; 2] = ["value", "value.yaml"];

/// Clusters that Kustomizations and HelmReleases name, kept between passes for their connections.
#[derive(Debug, Default)]
pub(crate) struct Remotes(Mutex<HashMap<Place, Known>>);

/// Where the credentials are: namespace, kind, name, and the field of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    namespace: String,
    kind: &'static str,
    name: String,
    field: Option<String>,
}

#[derive(Debug)]
struct Known {
    cluster: Cluster,
    /// Of the object with the credentials.
    version: String,
    good_until: Option<Instant>,
    used: Instant,
}

/// A cluster, and until when its credentials are good.
struct Connected {
    cluster: Cluster,
    good_until: Option<Instant>,
}

/// What finding another cluster takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeking<'p> {
    /// Where the object with the credentials is.
    pub(crate) namespace: &'p str,
    /// The agent's own client.
    pub(crate) cluster: &'p Cluster,
    pub(crate) leadership: &'p Leadership,
    pub(crate) halted: &'p AtomicBool,
    pub(crate) remotes: &'p Remotes,
}

/// Whether the object with the credentials is not there any more.
pub(crate) async fn is_gone(
    seeking: Seeking<'_>,
    reference: &KubeConfigReference,
) -> Result<bool, StageError> {
    let place = place(seeking, reference)?;
    let failed = |error: RequestError| StageError::request(reasons::PRUNE_FAILED, &error);
    Ok(read(seeking, &place).await.map_err(failed)?.is_none())
}

/// Connects to the cluster that a spec names.
pub(crate) async fn cluster(
    seeking: Seeking<'_>,
    reference: &KubeConfigReference,
) -> Result<Cluster, StageError> {
    let place = place(seeking, reference)?;
    let failed = |error: RequestError| {
        let stage = StageError::request(reasons::RECONCILIATION_FAILED, &error);
        StageError {
            message: format!("{place}: {}", stage.message),
            ..stage
        }
    };
    let object = read(seeking, &place).await.map_err(failed)?;
    let object = object.ok_or_else(|| unusable(&place, "it is not there; create it"))?;
    let version = version_of(&object);
    if let Some(cluster) = seeking.remotes.find(&place, &version) {
        return Ok(cluster);
    }
    let connected = if place.kind == "Secret" {
        connect(&place, &object)?
    } else {
        provider::connect(seeking, &place, &object).await?
    };
    let cluster = connected.cluster.clone();
    seeking.remotes.keep(place, version, connected);
    Ok(cluster)
}

fn place(seeking: Seeking<'_>, reference: &KubeConfigReference) -> Result<Place, StageError> {
    let namespace = seeking.namespace.to_owned();
    if let Some(secret) = &reference.secret_ref {
        return Ok(Place {
            namespace,
            kind: "Secret",
            name: secret.name.clone(),
            field: secret.key.clone().filter(|key| !key.is_empty()),
        });
    }
    let config_map = reference.config_map_ref.as_ref().ok_or_else(|| {
        let message = "spec.kubeConfig names neither a secretRef nor a configMapRef; add one";
        StageError::stalled(reasons::RECONCILIATION_FAILED, message)
    })?;
    Ok(Place {
        namespace,
        kind: "ConfigMap",
        name: config_map.name.clone(),
        field: None,
    })
}

async fn read(seeking: Seeking<'_>, place: &Place) -> Result<Option<Object>, RequestError> {
    let kind = GroupVersionKind::new("v1", place.kind);
    let resource = seeking.cluster.resolve(&kind).await?;
    let (namespace, name) = (&place.namespace, &place.name);
    seeking.cluster.get(&resource, namespace, name).await
}

fn connect(place: &Place, secret: &Object) -> Result<Connected, StageError> {
    let field = |name: &str| {
        let data = secret.pointer("/data").and_then(|data| data.get(name));
        let bytes = data
            .and_then(Value::as_str)
            .map(|text| STANDARD.decode(text));
        bytes.and_then(Result::ok).map(Zeroizing::new)
    };
    let text = match &place.field {
        Some(name) => field(name),
        None => FIELDS.iter().find_map(|name| field(name)),
    };
    let text = text.ok_or_else(|| {
        let looked = match &place.field {
            Some(name) => format!("'{name}'"),
            None => "'value' and no field 'value.yaml'".to_owned(),
        };
        unusable(
            place,
            &format!("it has no field {looked} with a kubeconfig"),
        )
    })?;
    let cluster = Cluster::from_kubeconfig(&text, &place.to_string(), ours::USER_AGENT);
    Ok(Connected {
        cluster: cluster.map_err(|error| unusable(place, &error.to_string()))?,
        good_until: None,
    })
}

/// Nothing but other credentials can help, and whoever writes them may not be able to wake this Kustomization.
fn unusable(place: &Place, why: &str) -> StageError {
    let place = place.to_string();
    // An error about the kubeconfig says itself where that is.
    let why = if why.contains(&place) {
        why.to_owned()
    } else {
        format!("{place} of spec.kubeConfig: {why}")
    };
    StageError::retry(
        reasons::RECONCILIATION_FAILED,
        format!("failed to build kube client: {why}"),
    )
}

fn version_of(object: &Object) -> String {
    let uid = object.uid().unwrap_or_default();
    format!("{uid}/{}", object.resource_version().unwrap_or_default())
}

// === impl Remotes ===

impl Remotes {
    fn find(&self, place: &Place, version: &str) -> Option<Cluster> {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_mut(place)?;
        let good = known.good_until.is_none_or(|until| until > now);
        if known.version != version || !good {
            return None;
        }
        known.used = now;
        Some(known.cluster.clone())
    }

    fn keep(&self, place: Place, version: String, connected: Connected) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.used.elapsed() < UNUSED);
        let entry = Known {
            cluster: connected.cluster,
            version,
            good_until: connected.good_until,
            used: Instant::now(),
        };
        known.insert(place, entry);
    }
}

// === impl Place ===

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place {
            namespace,
            kind,
            name,
            ..
        } = self;
        write!(formatter, "{kind} {namespace}/{name}")
    }
}
