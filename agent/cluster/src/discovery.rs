//! Which kinds the API server has, asked for per group and version, kept until it changes.

mod aggregated;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use serde::Deserialize;
use windlass_object::GroupVersionKind;

use crate::call::Call;
use crate::cluster::Cluster;
use crate::error::{ErrorClass, RequestError};
use crate::path::version_path;

/// How often a group and version without the kind asked for is asked about again.
const MISS: Duration = Duration::from_secs(3);
/// Group versions kept: a cluster has some tens; more come only from manifests that name what does
/// not exist.
const ENTRIES: usize = 1024;

/// A kind as the API server serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// Its name in paths, such as `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it can be listed and watched.
    pub watchable: bool,
    /// Whether it has a status subresource.
    pub has_status: bool,
}

/// What is known of each group and version.
#[derive(Default)]
pub(crate) struct Discovery {
    entries: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Entry>>>>>,
}

struct Entry {
    resources: Vec<Resource>,
    fetched: Instant,
}

#[derive(Deserialize)]
struct ApiResourceList {
    #[serde(default)]
    resources: Vec<ApiResource>,
}

#[derive(Deserialize)]
struct ApiResource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

// === impl Discovery ===

impl Discovery {
    fn entry(&self, api_version: &str) -> Arc<tokio::sync::Mutex<Option<Entry>>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES && !entries.contains_key(api_version) {
            entries.clear();
        }
        Arc::clone(entries.entry(api_version.to_owned()).or_default())
    }

    fn forget(&self) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

// === impl Cluster ===

impl Cluster {
    /// Takes a group, version and kind and gives how the API server serves it. The answer is kept;
    /// a kind that is not there is asked for again at most once in a few seconds.
    ///
    /// # Errors
    /// Class `UnknownKind` when the server has no such kind; whatever else the request ran into.
    pub async fn resolve(&self, gvk: &GroupVersionKind) -> Result<Resource, RequestError> {
        let api_version = gvk.api_version();
        let entry = self.discovery().entry(&api_version);
        let mut entry = entry.lock().await;
        let known = entry.as_ref();
        if let Some(resource) = known.and_then(|known| find(known, gvk)) {
            return Ok(resource);
        }
        if known.is_none_or(|known| known.fetched.elapsed() >= MISS) {
            *entry = Some(self.discover(gvk).await?);
        }
        entry
            .as_ref()
            .and_then(|known| find(known, gvk))
            .ok_or_else(|| unknown(gvk))
    }

    /// Forgets which kinds there are: to be called when a CustomResourceDefinition or an APIService
    /// changed.
    pub fn forget_discovery(&self) {
        self.discovery().forget();
    }

    async fn discover(&self, gvk: &GroupVersionKind) -> Result<Entry, RequestError> {
        let path = version_path(&gvk.group, &gvk.version);
        let call = Call::at("discover", Method::GET, path, gvk.api_version());
        let fetched = Instant::now();
        let answer = match self.as_itself().read(call).await {
            Ok(answer) => answer,
            Err(error) if error.status == Some(404) => {
                return Ok(Entry {
                    resources: Vec::new(),
                    fetched,
                });
            }
            Err(error) => return Err(error),
        };
        let list: ApiResourceList = serde_json::from_value(answer).map_err(|error| {
            let message = format!("the answer is not an APIResourceList: {error}");
            RequestError::local("discover", &gvk.api_version(), ErrorClass::Server, message)
        })?;
        Ok(Entry {
            resources: resources(&list, gvk),
            fetched,
        })
    }
}

fn find(entry: &Entry, gvk: &GroupVersionKind) -> Option<Resource> {
    entry
        .resources
        .iter()
        .find(|resource| resource.gvk.kind == gvk.kind)
        .cloned()
}

fn resources(list: &ApiResourceList, gvk: &GroupVersionKind) -> Vec<Resource> {
    let whole = list
        .resources
        .iter()
        .filter(|resource| !resource.name.contains('/'));
    whole
        .map(|resource| Resource {
            gvk: GroupVersionKind {
                group: gvk.group.clone(),
                version: gvk.version.clone(),
                kind: resource.kind.clone(),
            },
            plural: resource.name.clone(),
            namespaced: resource.namespaced,
            watchable: ["list", "watch"]
                .iter()
                .all(|verb| resource.verbs.iter().any(|has| has == verb)),
            has_status: list
                .resources
                .iter()
                .any(|other| other.name == format!("{}/status", resource.name)),
        })
        .collect()
}

fn unknown(gvk: &GroupVersionKind) -> RequestError {
    let message = format!(
        "no matches for kind {:?} in version {:?}",
        gvk.kind,
        gvk.api_version()
    );
    RequestError::local("discover", &gvk.kind, ErrorClass::UnknownKind, message)
}
