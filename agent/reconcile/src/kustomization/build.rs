//! From a verified revision to the objects to apply: render, substitute, mark as owned.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use windlass_api::kustomization::{KustomizationSpec, SubstituteStrategy};
use windlass_api::{migrate, names, reasons};
use windlass_host::config::Unpinned;
use windlass_kustomize::substitute::{self, Options, Strategy};
use windlass_kustomize::{BuildError, Built, Cause, Overlay};
use windlass_object::Object;
use windlass_plan::{change, fingerprint};
use windlass_sops::Keyring;

use super::decrypt::{self, Decrypting};
use super::inputs::Inputs;
use super::pass::Pass;
use super::pinned::{Naming, Pinned, World};
use crate::net::Net;
use crate::offer::Offer;
use crate::source::access::SourceAccess;
use crate::view::View;
use crate::vouch::Made;
use crate::work::error::StageError;
use crate::work::hidden::Hidden;

/// What a build gives.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) objects: Vec<Object>,
    /// Digest of all objects together, for `status.history`.
    pub(crate) digest: String,
    /// What of our own kinds is in it, if the revision vouches for anything.
    pub(crate) made: Made,
    /// What is not what it was.
    pub(crate) doubts: Doubts,
}

/// Where what is used is not what it was, as sentences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts {
    /// What was decrypted is not what was encrypted.
    pub(crate) integrity: Vec<String>,
    /// What is in another place is not what this node met there first.
    pub(crate) remote: Vec<String>,
}

/// Renders the revision. The work is done on a thread of its own, because it reads and computes.
pub(crate) async fn build(
    pass: &Pass,
    offer: &Offer,
    inputs: Inputs,
) -> Result<Rendered, StageError> {
    tracing::debug!(kustomization = %pass.name, revision = offer.revision(), "builds");
    let Inputs {
        keys, variables, ..
    } = inputs;
    let job = Job {
        keep: Arc::clone(&pass.keep),
        offer: offer.clone(),
        owner: pass.name.clone(),
        spec: pass.spec.clone(),
        variables,
        keys,
        hidden: pass.hidden.clone(),
        net: Arc::clone(&pass.net),
        unpinned: pass.remote.unpinned,
    };
    let rendered = tokio::task::spawn_blocking(move || job.run()).await;
    rendered.unwrap_or_else(|panic| {
        Err(StageError::retry(
            reasons::BUILD_FAILED,
            format!("the build broke off: {panic}"),
        ))
    })
}

struct Job {
    keep: Arc<crate::source::keep::Keep>,
    offer: Offer,
    owner: crate::named::Named,
    spec: KustomizationSpec,
    variables: BTreeMap<String, String>,
    /// The keys of `spec.decryption`.
    keys: Option<Arc<Keyring>>,
    hidden: Hidden,
    net: Arc<Net>,
    unpinned: Unpinned,
}

impl Job {
    fn run(self) -> Result<Rendered, StageError> {
        let failed = |message: String| StageError::retry(reasons::BUILD_FAILED, message);
        let reader = self
            .keep
            .store
            .reader()
            .map_err(|error| failed(error.to_string()))?;
        let store = &self.keep.store;
        let view = self.offer.view(store, &reader).map_err(failed)?;
        let access = self.offer.access();
        let pinned = Pinned::new(&view, &reader, self.world(&view, &access)?);
        let (mut built, integrity) = self.built(&pinned)?;
        pinned.forget_the_rest();
        substitute::substitute(&mut built, &self.variables, self.substitution())
            .map_err(|error| failed(format!("post build failed: {error}")))?;
        let objects = built
            .into_iter()
            .map(|built| self.own(built.object))
            .collect::<Result<Vec<_>, _>>()?;
        let digest = digest_of_all(&objects);
        let made = if self.offer.is_vouched_for() {
            Made::of(&objects, pinned.lock().map_err(failed)?)
        } else {
            Made::default()
        };
        Ok(Rendered {
            objects,
            digest,
            made,
            doubts: Doubts {
                integrity,
                remote: pinned.changed(),
            },
        })
    }

    fn world<'w>(
        &'w self,
        view: &'w View<'_>,
        access: &'w SourceAccess,
    ) -> Result<World<'w>, StageError> {
        let naming = match (&self.offer, view.files()) {
            (Offer::Commit(snapshot), _) => Naming::Commit(&snapshot.source),
            (Offer::Archive(_), Some(files)) => Naming::Archive(files),
            (Offer::Archive(_), None) => {
                let message = "the archive has no files".to_owned();
                return Err(StageError::retry(reasons::BUILD_FAILED, message));
            }
        };
        Ok(World {
            store: &self.keep.store,
            net: &self.net,
            owner: &self.owner,
            naming,
            access,
            unpinned: self.unpinned,
        })
    }

    /// What kustomize makes of the files, decrypted; and where that is not what was encrypted.
    fn built(&self, tree: &Pinned<'_>) -> Result<(Vec<Built>, Vec<String>), StageError> {
        let failed = |message: String| StageError::retry(reasons::BUILD_FAILED, message);
        let path = directory(self.spec.path.as_deref().unwrap_or_default());
        let overlay = overlay(&self.spec).map_err(failed)?;
        let broke = |error: BuildError| build_failed(path, &error);
        let Some(keys) = self.keys.as_deref() else {
            let built = windlass_kustomize::build(tree, path, &overlay).map_err(broke)?;
            return Ok((built, Vec::new()));
        };
        let decrypting = Decrypting::new(keys, tree, self.hidden.clone());
        let clear = decrypting.before_build(path, &overlay)?;
        let mut built = windlass_kustomize::build(&clear, path, &overlay).map_err(broke)?;
        built
            .iter_mut()
            .try_for_each(|built| decrypting.after_build(built))?;
        Ok((built, decrypting.into_doubts()))
    }

    fn substitution(&self) -> Options {
        let post_build = self.spec.post_build.as_ref();
        let always = post_build.and_then(|wanted| wanted.substitute_strategy)
            == Some(SubstituteStrategy::Always);
        Options {
            strategy: if always {
                Strategy::Always
            } else {
                Strategy::WithVariables
            },
            ..Options::default()
        }
    }

    fn own(&self, mut object: Object) -> Result<Object, StageError> {
        decrypt::refuse_ciphertext(&object)?;
        to_served_version(&mut object);
        change::prepare(&mut object);
        object.set_label(names::OWNER_NAME, &self.owner.name);
        object.set_label(names::OWNER_NAMESPACE, &self.owner.namespace);
        Ok(object)
    }
}

/// Old versions of Flux's kinds, which no API server serves any more, become the served ones.
fn to_served_version(object: &mut Object) {
    let kind = object.gvk();
    let Some(version) = migrate::migrated(&kind.group, &kind.kind, &kind.version) else {
        return;
    };
    if let Some(fields) = object.as_value_mut().as_object_mut() {
        let api_version = format!("{}/{version}", kind.group);
        fields.insert("apiVersion".to_owned(), api_version.into());
    }
}

/// One digest for all objects, for the history.
fn digest_of_all(objects: &[Object]) -> String {
    let mut hash = Sha256::new();
    for object in objects {
        hash.update(fingerprint::digest(object));
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}

fn build_failed(path: &str, error: &BuildError) -> StageError {
    // Flux looks for the path before it builds, and names another reason.
    if matches!(*error.cause, Cause::PathNotFound { .. }) {
        return StageError::retry(reasons::ARTIFACT_FAILED, error.cause.to_string());
    }
    StageError::retry(
        reasons::BUILD_FAILED,
        format!("kustomize build of './{path}' failed: {error}"),
    )
}

/// `./a/b/` and `/a/b` mean `a/b`: paths of a Kustomization start at the root of the source.
fn directory(path: &str) -> &str {
    path.trim_start_matches("./")
        .trim_matches('/')
        .trim_start_matches("./")
}

fn overlay(spec: &KustomizationSpec) -> Result<Overlay, String> {
    let spec = serde_json::to_value(spec).map_err(|error| error.to_string())?;
    Overlay::from_spec(&spec)
}
