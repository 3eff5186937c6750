//! One pass of an OCIRepository: asks the registry, keeps what is new if somebody vouches for it, and says so.

use std::sync::Arc;

use windlass_api::oci_repository::{OciRepositorySpec, OciRepositoryStatus};
use windlass_state::{BlobDigest, Store, StoreError};
use windlass_wire::FailureClass;

use super::choose::{Chosen, check_first, check_version, choose, first};
use super::status::{conclude, trouble};
use super::{OciSnapshot, Selection, recall, takes_anything, user};
use crate::archive::{self, ArchiveSnapshot, Basis, First, OpenError};
use crate::artifact::Outcome;
use crate::context::Context;
use crate::download::DownloadError;
use crate::kept;
use crate::named::Named;
use crate::net::Net;
use crate::registry::access::{self, Access};
use crate::registry::verify::{self, Verification, VerifyError};
use crate::registry::{Layer, Manifest, RegistryError, Repository, whole};
use crate::source::spec::Unusable;

/// Bytes of a layer: five times the largest chart that is taken, and many times what manifests have.
const LAYER_BYTES: u64 = 50 * 1024 * 1024;

/// What one pass works with.
pub(crate) type Pass = archive::pass::Pass<OciRepositorySpec, OciRepositoryStatus>;

/// Why the artifact in use is not the one that is asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassError {
    #[error("{}", .0.message)]
    Unusable(Unusable),
    /// Only another spec helps.
    #[error("{0}")]
    Spec(String),
    #[error("failed to determine the artifact tag: no match found for semver: {0}")]
    NoMatch(String),
    #[error("failed to pull artifact")]
    Registry(#[from] RegistryError),
    #[error("{0}")]
    Layer(String),
    #[error("{0}")]
    Verification(String),
    #[error("failed to extract layer contents from artifact")]
    Open(#[from] OpenError),
    #[error(
        "tag '{tag}' named {first} when this node used it first, and names {found} now; the first stays in use. To take the \
         other, name it by its digest in spec.ref, or pin it in windlass.lock"
    )]
    Changed {
        tag: String,
        first: BlobDigest,
        found: BlobDigest,
    },
    #[error(
        "the highest version within the range is '{offered}', and '{held}' is in use; a range never leads back. To go back, \
         change the range or name the digest"
    )]
    Lower { held: String, offered: String },
    #[error(
        "nothing pins '{followed}' of {url}, and the node's config takes only what is pinned ([remote] unpinned_artifacts); \
         name a digest in spec.ref, or add an [[oci]] entry to windlass.lock"
    )]
    NotPinned { url: String, followed: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the pass broke off: {0}")]
    Broke(String),
}

impl From<VerifyError> for PassError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Spec(message) => PassError::Spec(message),
            VerifyError::Registry(error) => error.into(),
            error @ VerifyError::Signature(_) => PassError::Verification(error.to_string()),
        }
    }
}

impl PassError {
    /// Whether trying again soon may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            PassError::Registry(RegistryError::Download(DownloadError::Failed {
                class, ..
            })) => !class.needs_a_person() || *class == FailureClass::NotFound,
            PassError::Unusable(unusable) => !unusable.stalled,
            PassError::Verification(_)
            | PassError::Registry(_)
            | PassError::Store(_)
            | PassError::Broke(_) => true,
            _ => false,
        }
    }
}

/// Runs one pass: the first one takes what the node keeps, the others ask the network.
pub(crate) async fn run(context: &Arc<Context>, pass: Pass) -> Outcome<OciSnapshot> {
    let (snapshot, error) = match &pass.seen.spec {
        Err(_) => (None, None),
        Ok(spec) => look(context, &pass, spec.clone()).await,
    };
    let trouble = pass.trouble(error.as_ref().map(trouble));
    let object = match pass.speaks(trouble.as_ref()) {
        true => conclude(context, &pass, snapshot.as_ref(), trouble.as_ref()).await,
        false => None,
    };
    pass.outcome(|spec| spec.interval.0, (snapshot, trouble, object))
}

/// The artifact in use after this pass, and why it is not another one.
async fn look(
    context: &Arc<Context>,
    pass: &Pass,
    spec: OciRepositorySpec,
) -> (Option<OciSnapshot>, Option<PassError>) {
    let meta = &pass.seen.meta;
    let kept = match recall(&context.keep.store, &meta.name, &meta.uid) {
        Ok(kept) => kept,
        Err(error) => return (None, Some(error.into())),
    };
    if !pass.loaded {
        return (kept, None);
    }
    let (basis, access, verification) = match prepare(context, pass, &spec).await {
        Ok(ready) => ready,
        Err(error) => return (kept, Some(error)),
    };
    let (context, name, held) = (Arc::clone(context), meta.name.clone(), kept.clone());
    let uid = meta.uid.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let world: (&Store, &Net) = (&context.keep.store, &context.net);
        let repository = Repository {
            store: world.0,
            net: world.1,
            access: &access,
            url: spec.url.clone(),
        };
        let renewal = Renewal {
            repository: &repository,
            name: &name,
            uid: &uid,
            spec: &spec,
            basis: &basis,
            verification: verification.as_ref(),
            selection: Selection::of(&spec),
            kept: held,
        };
        renewal.run()
    });
    match asked.await {
        Ok(Ok(snapshot)) => (Some(snapshot), None),
        Ok(Err(error)) => (kept, Some(error)),
        Err(panic) => (kept, Some(PassError::Broke(panic.to_string()))),
    }
}

/// Why the artifact may be used, and what asking for it takes.
async fn prepare(
    context: &Context,
    pass: &Pass,
    spec: &OciRepositorySpec,
) -> Result<(Basis, Access, Option<Verification>), PassError> {
    let name = &pass.seen.meta.name;
    let basis = pass.basis.clone().map_err(PassError::Unusable)?;
    let access = access::of_oci_repository(context, name, spec).await;
    let access = access.map_err(PassError::Unusable)?;
    let verification = verify::read(context, name, spec.verification.as_ref()).await?;
    Ok((basis, access, verification))
}

/// What finding the present artifact takes.
struct Renewal<'a> {
    repository: &'a Repository<'a>,
    name: &'a Named,
    uid: &'a str,
    spec: &'a OciRepositorySpec,
    basis: &'a Basis,
    verification: Option<&'a Verification>,
    selection: Selection,
    kept: Option<OciSnapshot>,
}

impl Renewal<'_> {
    fn run(self) -> Result<OciSnapshot, PassError> {
        let store = self.repository.store;
        match choose(self.repository, self.spec, self.basis)? {
            Chosen::Digest(digest, tag) => self.take(&digest.to_string(), tag, None),
            Chosen::Tag(tag) if takes_anything(self.basis, self.spec) => {
                self.take(&tag.clone(), Some(tag), None)
            }
            Chosen::Tag(tag) => {
                check_version(self.kept.as_ref(), &self.selection, &tag)?;
                let first = first(store, &self.spec.url, &tag)?;
                // A signature says more than what was there first.
                let first = Some(first).filter(|_| self.verification.is_none());
                self.take(&tag.clone(), Some(tag), first)
            }
        }
    }

    /// Takes what a reference names, if it is signed where that is asked for, and what it named first where that counts.
    fn take(
        self,
        reference: &str,
        tag: Option<String>,
        first: Option<First>,
    ) -> Result<OciSnapshot, PassError> {
        let store = self.repository.store;
        let manifest = match self.present() {
            // Nobody has to be asked what is behind a digest.
            Some(kept) if kept.manifest.to_string() == reference => None,
            _ => self.manifest(reference)?,
        };
        let found = match (&manifest, self.present()) {
            (Some(manifest), _) => manifest.digest,
            (None, Some(kept)) => kept.manifest,
            (None, None) => return Err(unnamed()),
        };
        let verified = self.verify(found)?;
        if let (Some(first), Some(tag)) = (&first, &tag) {
            check_first(first, tag, found)?;
        }
        let snapshot = self.finish(manifest, tag, verified)?;
        if let Some(first) = first {
            first.keep(store, found)?;
        }
        Ok(snapshot)
    }

    /// By which keys the signature is good; none where it is not asked for.
    fn verify(&self, found: BlobDigest) -> Result<Option<String>, PassError> {
        let Some(verification) = self.verification else {
            return Ok(None);
        };
        let fingerprint = Some(verification.fingerprint.clone());
        let kept = self.kept.as_ref();
        let known = kept.is_some_and(|kept| {
            (kept.manifest, &kept.verified) == (found, &fingerprint)
                && kept.selection.url == self.selection.url
        });
        if !known {
            verification.check(self.repository, found)?;
        }
        Ok(fingerprint)
    }

    /// What is kept, if it is for the same spec.
    fn present(&self) -> Option<&OciSnapshot> {
        let kept = self.kept.as_ref();
        kept.filter(|kept| kept.selection == self.selection)
    }

    /// The manifest that a reference names; none where it is that of what is kept.
    fn manifest(&self, reference: &str) -> Result<Option<Manifest>, PassError> {
        let known = self.present().map(|kept| &kept.manifest);
        Ok(self.repository.manifest(reference, known)?)
    }

    /// Keeps what a manifest names.
    fn finish(
        self,
        manifest: Option<Manifest>,
        tag: Option<String>,
        verified: Option<String>,
    ) -> Result<OciSnapshot, PassError> {
        let looked_at = verified.is_some() || !takes_anything(self.basis, self.spec);
        let vouched = self.basis.made && looked_at;
        let snapshot = match (manifest, self.present()) {
            (None, None) => return Err(unnamed()),
            (None, Some(kept)) => OciSnapshot {
                archive: ArchiveSnapshot {
                    revision: revision(tag.as_deref(), kept.manifest),
                    vouched,
                    ..kept.archive.clone()
                },
                tag,
                verified,
                ..kept.clone()
            },
            (Some(manifest), _) => OciSnapshot {
                verified,
                ..self.keep(&manifest, tag, vouched)?
            },
        };
        if self.kept.as_ref() != Some(&snapshot) {
            kept::remember(self.repository.store, &user(self.name), &snapshot)?;
        }
        Ok(snapshot)
    }

    fn keep(
        &self,
        manifest: &Manifest,
        tag: Option<String>,
        vouched: bool,
    ) -> Result<OciSnapshot, PassError> {
        let (store, layer) = (self.repository.store, self.layer(manifest)?);
        let bytes = match store.blob(&layer.digest)? {
            Some(bytes) => bytes,
            None => whole(&self.repository.layer(layer, LAYER_BYTES)?)?,
        };
        let taken = self.selection.taken();
        let artifact = taken.artifact(&bytes, &layer.digest)?;
        let blob = store.keep_blob(&user(self.name), &bytes)?;
        store.collect_blobs()?;
        Ok(OciSnapshot {
            archive: ArchiveSnapshot {
                revision: revision(tag.as_deref(), manifest.digest),
                blob,
                artifact,
                taken,
                annotations: manifest.annotations.clone(),
                vouched,
            },
            selection: self.selection.clone(),
            tag,
            manifest: manifest.digest,
            verified: None,
            uid: self.uid.to_owned(),
        })
    }

    fn layer<'m>(&self, manifest: &'m Manifest) -> Result<&'m Layer, PassError> {
        let layer = match self.selection.media_type() {
            Some(media_type) => manifest.layer(media_type).ok_or_else(|| {
                format!("failed to find layer with media type '{media_type}' in artifact")
            }),
            None => {
                let first = manifest.layers.first();
                first.ok_or_else(|| "no layers found in artifact".to_owned())
            }
        };
        layer.map_err(PassError::Layer)
    }
}

fn unnamed() -> PassError {
    let what = "that a manifest is as it was which was not named";
    PassError::Registry(DownloadError::Unexpected { what }.into())
}

/// As Flux writes it.
fn revision(tag: Option<&str>, digest: BlobDigest) -> String {
    match tag {
        Some(tag) => format!("{tag}@{digest}"),
        None => digest.to_string(),
    }
}
