//! Which sources and Kustomizations verified commits made, as the last builds of this node have them.
//!
//! An owner label in the cluster proves nothing: whoever may write a GitRepository may write that too. What counts is
//! that a build from a verified revision holds the object, and holds it as it is. A copy is in the state directory, so
//! that a restart, with or without network, begins with what was known.

pub(crate) mod lock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use windlass_api::bucket::BucketSpec;
use windlass_api::git_repository::{GitRepositorySpec, GitVerificationMode};
use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_api::kustomization::KustomizationSpec;
use windlass_api::oci_repository::{
    OciLayerOperation, OciLayerSelector, OciRepositorySpec, RegistryProvider,
};
use windlass_api::{names, parse};
use windlass_object::Object;
use windlass_state::{BlobDigest, Store, StoreError};
use windlass_trust::{ChartPin, LockFile, Oid};

use crate::bucket::address;
use crate::named::Named;
use crate::oci::followed;

/// Where the copies are in the state.
const PREFIX: &str = "vouched/";

/// What all builds hold.
#[derive(Debug)]
pub(crate) struct Vouchers {
    store: Store,
    owners: Mutex<BTreeMap<String, Made>>,
}

/// What one Kustomization's build holds of our kinds, by `namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Made {
    sources: BTreeMap<String, MadeSource>,
    #[serde(default)]
    repositories: BTreeMap<String, MadeRepository>,
    /// The versions of charts that `windlass.lock` beside a HelmRepository names for its URL.
    #[serde(default)]
    charts: BTreeMap<String, Vec<ChartPin>>,
    #[serde(default)]
    oci: BTreeMap<String, MadeArtifact>,
    #[serde(default)]
    buckets: BTreeMap<String, MadeBucket>,
    kustomizations: BTreeMap<String, KustomizationSpec>,
}

/// A repository of charts as a verified commit has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MadeRepository(HelmRepositorySpec);

/// An artifact of a registry as a verified commit has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MadeArtifact {
    spec: OciRepositorySpec,
    /// The digest that `windlass.lock` beside it names for its URL and reference.
    pub(crate) pin: Option<BlobDigest>,
}

/// A bucket as a verified commit has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MadeBucket {
    spec: BucketSpec,
    /// The digest that `windlass.lock` beside it names for it.
    pub(crate) pin: Option<BlobDigest>,
}

/// A source as a verified commit has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MadeSource {
    pub(crate) spec: GitRepositorySpec,
    /// The commit that `windlass.lock` beside it names for its URL and reference.
    pub(crate) pin: Option<Oid>,
}

// === impl Made ===

impl Made {
    /// Picks our kinds out of what was built. What does not parse is reported where it is applied.
    pub(crate) fn of(objects: &[Object], lock: &LockFile) -> Self {
        let mut made = Made::default();
        for object in objects {
            let namespace = object.namespace().unwrap_or("default");
            let name = Named::new(namespace, object.name()).to_string();
            let kind = object.gvk();
            match (kind.api_version().as_str(), kind.kind.as_str()) {
                (names::SOURCE_API_VERSION, kind) => made.take_source(name, (kind, object), lock),
                (names::KUSTOMIZE_API_VERSION, names::KUSTOMIZATION) => {
                    if let Ok(typed) = parse::kustomization(object) {
                        made.kustomizations.insert(name, typed.spec);
                    }
                }
                _ => {}
            }
        }
        made
    }

    fn take_source(&mut self, name: String, (kind, object): (&str, &Object), lock: &LockFile) {
        match kind {
            names::GIT_REPOSITORY => {
                if let Ok(typed) = parse::git_repository(object) {
                    let spec = typed.spec;
                    let pin = lock::of_source(lock, &spec.url, spec.reference.as_ref());
                    self.sources.insert(name, MadeSource { spec, pin });
                }
            }
            names::HELM_REPOSITORY => {
                if let Ok(typed) = parse::helm_repository(object) {
                    let pins = lock.charts(&typed.spec.url);
                    if !pins.is_empty() {
                        self.charts.insert(name.clone(), pins);
                    }
                    self.repositories.insert(name, MadeRepository(typed.spec));
                }
            }
            names::OCI_REPOSITORY => {
                if let Ok(typed) = parse::oci_repository(object) {
                    let spec = typed.spec;
                    let pin = lock.artifact(&spec.url, followed(&spec));
                    self.oci.insert(name, MadeArtifact { spec, pin });
                }
            }
            names::BUCKET => {
                if let Ok(typed) = parse::bucket(object) {
                    let spec = typed.spec;
                    let prefix = spec.prefix.as_deref().unwrap_or_default();
                    let pin = lock.bucket(&address(&spec), prefix);
                    self.buckets.insert(name, MadeBucket { spec, pin });
                }
            }
            _ => {}
        }
    }

    fn is_empty(&self) -> bool {
        *self == Made::default()
    }
}

// === impl Vouchers ===

impl Vouchers {
    /// Begins with the copies in the state. One that cannot be read is made again by the next build.
    pub(crate) fn open(store: Store) -> Result<Self, StoreError> {
        let mut owners = BTreeMap::new();
        for key in store.remembered_keys(PREFIX)? {
            let made = store.recall(&key)?;
            let made = made.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if let (Some(made), Some(owner)) = (made, key.strip_prefix(PREFIX)) {
                owners.insert(owner.to_owned(), made);
            }
        }
        Ok(Vouchers {
            store,
            owners: Mutex::new(owners),
        })
    }

    /// Takes what the build of a Kustomization holds, and gives the sources for which that is news.
    pub(crate) fn record(&self, owner: &Named, made: Made) -> Vec<Named> {
        let mut owners = self.owners();
        let owner = owner.to_string();
        if owners.get(&owner) == Some(&made) {
            return Vec::new();
        }
        let bytes = serde_json::to_vec(&made);
        let kept = match bytes {
            Ok(_) if made.is_empty() => self.store.unremember(&key(&owner)),
            Ok(bytes) => self.store.remember(&key(&owner), &bytes),
            Err(_) => Ok(()),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "what commits made could not be kept; after a restart it is built again first");
        }
        let changed = changed(owners.get(&owner), &made);
        owners.insert(owner, made);
        changed
    }

    /// Forgets what a Kustomization that is gone has made; gives its sources.
    pub(crate) fn forget(&self, owner: &Named) -> Vec<Named> {
        let changed = self.record(owner, Made::default());
        self.owners().remove(&owner.to_string());
        changed
    }

    /// Forgets everything: it was another cluster's.
    pub(crate) fn clear(&self) {
        self.owners().clear();
    }

    /// The source as a verified commit has it.
    pub(crate) fn source(&self, name: &Named) -> Option<MadeSource> {
        let name = name.to_string();
        let owners = self.owners();
        owners
            .values()
            .find_map(|made| made.sources.get(&name).cloned())
    }

    /// The repository of charts as a verified commit has it.
    pub(crate) fn repository(&self, name: &Named) -> Option<MadeRepository> {
        let name = name.to_string();
        let owners = self.owners();
        owners
            .values()
            .find_map(|made| made.repositories.get(&name).cloned())
    }

    /// The versions of charts that are pinned for a repository.
    pub(crate) fn chart_pins(&self, name: &Named) -> Vec<ChartPin> {
        let name = name.to_string();
        let owners = self.owners();
        let pins = owners.values().find_map(|made| made.charts.get(&name));
        pins.cloned().unwrap_or_default()
    }

    /// The artifact of a registry as a verified commit has it.
    pub(crate) fn artifact(&self, name: &Named) -> Option<MadeArtifact> {
        let name = name.to_string();
        let owners = self.owners();
        owners
            .values()
            .find_map(|made| made.oci.get(&name).cloned())
    }

    /// The bucket as a verified commit has it.
    pub(crate) fn bucket(&self, name: &Named) -> Option<MadeBucket> {
        let name = name.to_string();
        let owners = self.owners();
        owners
            .values()
            .find_map(|made| made.buckets.get(&name).cloned())
    }

    /// Whether a verified commit has the Kustomization, and has it as it is.
    pub(crate) fn made_kustomization(&self, name: &Named, live: &KustomizationSpec) -> bool {
        let name = name.to_string();
        let owners = self.owners();
        let mut specs = owners
            .values()
            .filter_map(|made| made.kustomizations.get(&name));
        specs.any(|made| builds_the_same(made, live))
    }

    /// Whether a build of this Kustomization is known.
    pub(crate) fn knows(&self, owner: &Named) -> bool {
        self.owners().contains_key(&owner.to_string())
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<String, Made>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl MadeRepository ===

impl MadeRepository {
    /// Whether the object in the cluster gives the same charts: how often it is asked, and whether, anybody may say.
    pub(crate) fn is(&self, live: &HelmRepositorySpec) -> bool {
        let plain = |spec: &HelmRepositorySpec| HelmRepositorySpec {
            interval: None,
            timeout: None,
            suspend: false,
            // The API server fills in what the definition says.
            provider: spec.provider.or(Some(RegistryProvider::Generic)),
            ..spec.clone()
        };
        plain(&self.0) == plain(live)
    }
}

// === impl MadeArtifact ===

impl MadeArtifact {
    /// Whether the object in the cluster gives the same files: how often it is asked, and whether, anybody may say.
    pub(crate) fn is(&self, live: &OciRepositorySpec) -> bool {
        let same = OciRepositorySpec {
            interval: live.interval,
            timeout: live.timeout,
            suspend: live.suspend,
            // The API server fills in what the definition says.
            provider: self.spec.provider.or(live.provider),
            layer_selector: filled_in(self.spec.layer_selector.clone()),
            ..self.spec.clone()
        };
        let live = OciRepositorySpec {
            layer_selector: filled_in(live.layer_selector.clone()),
            ..live.clone()
        };
        same == live
    }
}

// === impl MadeBucket ===

impl MadeBucket {
    /// Whether the object in the cluster gives the same files: how often it is asked, and whether, anybody may say.
    pub(crate) fn is(&self, live: &BucketSpec) -> bool {
        let same = BucketSpec {
            interval: live.interval,
            timeout: live.timeout,
            suspend: live.suspend,
            // The API server fills in what the definition says.
            provider: self.spec.provider.or(live.provider),
            ..self.spec.clone()
        };
        same == *live
    }
}

fn filled_in(selector: Option<OciLayerSelector>) -> Option<OciLayerSelector> {
    selector.map(|selector| OciLayerSelector {
        operation: selector.operation.or(Some(OciLayerOperation::Extract)),
        ..selector
    })
}

// === impl MadeSource ===

impl MadeSource {
    /// Whether the object in the cluster gives the same files: how often it is asked, and whether, anybody may say.
    pub(crate) fn is(&self, live: &GitRepositorySpec) -> bool {
        let same = GitRepositorySpec {
            interval: live.interval,
            timeout: live.timeout,
            suspend: live.suspend,
            ..self.spec.clone()
        };
        plain(same) == plain(live.clone())
    }
}

fn key(owner: &str) -> String {
    format!("{PREFIX}{owner}")
}

/// The API server fills in what the definition says.
fn plain(mut spec: GitRepositorySpec) -> GitRepositorySpec {
    if let Some(verification) = &mut spec.verification {
        verification.mode.get_or_insert(GitVerificationMode::Head);
    }
    spec
}

/// Whether two specs make the same objects from the same revision.
pub(crate) fn builds_the_same(made: &KustomizationSpec, live: &KustomizationSpec) -> bool {
    let path = |spec: &KustomizationSpec| spec.path.clone().unwrap_or_default();
    let source = |spec: &KustomizationSpec| {
        let reference = &spec.source_ref;
        (
            reference.kind,
            reference.name.clone(),
            reference.namespace.clone(),
        )
    };
    path(made) == path(live)
        && source(made) == source(live)
        && made.patches == live.patches
        && made.components == live.components
        && made.images == live.images
        && made.post_build == live.post_build
        && made.target_namespace == live.target_namespace
        && (&made.name_prefix, &made.name_suffix) == (&live.name_prefix, &live.name_suffix)
}

fn changed(before: Option<&Made>, after: &Made) -> Vec<Named> {
    let empty = Made::default();
    let before = before.unwrap_or(&empty);
    let mut names = moved(&before.sources, &after.sources);
    names.extend(moved(&before.repositories, &after.repositories));
    names.extend(moved(&before.charts, &after.charts));
    names.extend(moved(&before.oci, &after.oci));
    names.extend(moved(&before.buckets, &after.buckets));
    names
        .into_iter()
        .filter_map(|name| name.split_once('/'))
        .map(|(namespace, name)| Named::new(namespace, name))
        .collect()
}

/// The names under which one has something else than the other.
fn moved<'m, T: PartialEq>(
    before: &'m BTreeMap<String, T>,
    after: &'m BTreeMap<String, T>,
) -> BTreeSet<&'m String> {
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .collect()
}
