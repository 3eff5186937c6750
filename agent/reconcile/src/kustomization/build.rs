//! From a verified revision to the objects to apply: render, substitute, mark as owned.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use windlass_api::kustomization::{KustomizationSpec, SubstituteStrategy};
use windlass_api::{migrate, names, reasons};
use windlass_kustomize::substitute::{self, Options, Strategy};
use windlass_kustomize::{BuildError, Cause, EntryKind, Overlay, Tree};
use windlass_object::Object;
use windlass_plan::{change, fingerprint};
use windlass_sops::Keyring;

use super::decrypt::{self, Decrypting};
use super::inputs::Inputs;
use super::pass::Pass;
use crate::source::fetch::Snapshot;
use crate::view::View;
use crate::vouch::Made;
use crate::vouch::lock::{LOCK_FILE, LockFile};
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
    /// Where what was decrypted is not what was encrypted.
    pub(crate) doubts: Vec<String>,
}

/// Renders the revision. The work is done on a thread of its own, because it reads and computes.
pub(crate) async fn build(
    pass: &Pass,
    snapshot: &Snapshot,
    inputs: Inputs,
) -> Result<Rendered, StageError> {
    tracing::debug!(kustomization = %pass.name, revision = %snapshot.revision, "builds");
    let Inputs {
        keys, variables, ..
    } = inputs;
    let job = Job {
        keep: Arc::clone(&pass.keep),
        snapshot: snapshot.clone(),
        owner: pass.name.clone(),
        spec: pass.spec.clone(),
        variables,
        keys,
        hidden: pass.hidden.clone(),
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
    snapshot: Snapshot,
    owner: crate::named::Named,
    spec: KustomizationSpec,
    variables: BTreeMap<String, String>,
    /// The keys of `spec.decryption`.
    keys: Option<Arc<Keyring>>,
    hidden: Hidden,
}

impl Job {
    fn run(self) -> Result<Rendered, StageError> {
        let failed = |message: String| StageError::retry(reasons::BUILD_FAILED, message);
        let reader = self
            .keep
            .store
            .reader()
            .map_err(|error| failed(error.to_string()))?;
        let view = View::of(&self.snapshot, &reader).map_err(|error| failed(error.to_string()))?;
        let path = directory(self.spec.path.as_deref().unwrap_or_default());
        let overlay = overlay(&self.spec).map_err(failed)?;
        let decrypting = self.keys.as_deref();
        let decrypting = decrypting.map(|keys| Decrypting::new(keys, &view, self.hidden.clone()));
        let mut built = match &decrypting {
            None => windlass_kustomize::build(&view, path, &overlay),
            Some(it) => {
                windlass_kustomize::build(&it.before_build(path, &overlay)?, path, &overlay)
            }
        }
        .map_err(|error| build_failed(path, &error))?;
        if let Some(decrypting) = &decrypting {
            built
                .iter_mut()
                .try_for_each(|built| decrypting.after_build(built))?;
        }
        substitute::substitute(&mut built, &self.variables, self.substitution())
            .map_err(|error| failed(format!("post build failed: {error}")))?;
        let objects = built
            .into_iter()
            .map(|built| self.own(built.object))
            .collect::<Result<Vec<_>, _>>()?;
        let digest = digest_of_all(&objects);
        let made = if self.snapshot.is_vouched_for() {
            let lock = lock_file(&view).map_err(failed)?;
            Made::of(&objects, &lock)
        } else {
            Made::default()
        };
        Ok(Rendered {
            objects,
            digest,
            made,
            doubts: decrypting.map(Decrypting::into_doubts).unwrap_or_default(),
        })
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

/// Reads `windlass.lock` at the root of the repository, if there is one.
fn lock_file(view: &View<'_>) -> Result<LockFile, String> {
    let is_there = view.kind(LOCK_FILE).map_err(|error| error.to_string())?;
    if is_there != Some(EntryKind::File) {
        return Ok(LockFile::default());
    }
    let bytes = view.read(LOCK_FILE).map_err(|error| error.to_string())?;
    LockFile::parse(&bytes).map_err(|error| error.to_string())
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
