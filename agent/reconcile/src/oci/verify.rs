//! Whether an artifact carries the signature that its OCIRepository asks for (`spec.verify`).

use windlass_api::oci_repository::{OciRepositorySpec, OciVerification, VerificationProvider};
use windlass_api::reasons;
use windlass_state::BlobDigest;
use windlass_trust::CosignKey;
use windlass_wire::FailureClass;

use super::pass::PassError;
use crate::context::Context;
use crate::download::DownloadError;
use crate::named::Named;
use crate::registry::{Manifest, RegistryError, Repository, whole};
use crate::source::secret;

/// What a layer with a signature is (sigstore/cosign, `specs/SIGNATURE_SPEC.md`).
const LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Bytes of what was signed; it names an artifact and little more.
const PAYLOAD_BYTES: u64 = 64 * 1024;

/// Signatures of one artifact that are looked at: a person or two, and the build servers that signed it again.
const SIGNATURES: usize = 64;

/// Whose signatures count.
#[derive(Debug)]
pub(super) struct Verification {
    keys: Vec<CosignKey>,
    /// The same for the same keys.
    pub(super) fingerprint: String,
}

/// Reads the keys that a spec names; none where it asks for no signature.
pub(super) async fn read(
    context: &Context,
    name: &Named,
    spec: &OciRepositorySpec,
) -> Result<Option<Verification>, PassError> {
    let Some(wanted) = &spec.verification else {
        return Ok(None);
    };
    refuse_unsupported(wanted)?;
    let Some(reference) = &wanted.secret_ref else {
        return Err(unsupported("spec.verify without secretRef (keyless)"));
    };
    let why = ("spec.verify.secretRef", reasons::VERIFICATION_ERROR);
    let fields = secret::read(context, name, &reference.name, why).await;
    let fields = fields.map_err(|unusable| PassError::Verification(unusable.message))?;
    let files = fields.iter().filter(|(file, _)| file.ends_with(".pub"));
    let (mut keys, mut all) = (Vec::new(), String::new());
    for (file, pem) in files {
        let key = CosignKey::parse(pem).map_err(|error| {
            let secret = &reference.name;
            PassError::Verification(format!("{file} in secret '{secret}' {error}"))
        })?;
        keys.push(key);
        all.push_str(pem);
    }
    if keys.is_empty() {
        let secret = &reference.name;
        return Err(PassError::Verification(format!(
            "secret '{secret}' of spec.verify.secretRef holds no key whose name ends with .pub; put cosign.pub into it"
        )));
    }
    let fingerprint = BlobDigest::of(all.as_bytes()).to_string();
    Ok(Some(Verification { keys, fingerprint }))
}

fn refuse_unsupported(wanted: &OciVerification) -> Result<(), PassError> {
    if wanted.provider != VerificationProvider::Cosign {
        return Err(unsupported("spec.verify.provider notation"));
    }
    if wanted.trusted_root_secret_ref.is_some() {
        return Err(unsupported("spec.verify.trustedRootSecretRef"));
    }
    if !wanted.match_oidc_identity.is_empty() {
        return Err(unsupported("spec.verify.matchOIDCIdentity"));
    }
    Ok(())
}

fn unsupported(what: &str) -> PassError {
    PassError::Spec(format!(
        "{what} is not supported by this version of windlass; name a Secret with the public key of cosign in \
         spec.verify.secretRef"
    ))
}

impl Verification {
    /// Looks for a signature of the artifact, in the registry that it is in.
    pub(super) fn check(
        &self,
        repository: &Repository<'_>,
        artifact: BlobDigest,
    ) -> Result<(), PassError> {
        let none = || {
            let url = windlass_wire::DisplayUrl(&repository.url).to_string();
            PassError::Verification(format!(
                "no matching signatures were found for '{url}@{artifact}'"
            ))
        };
        let tag = format!("sha256-{}.sig", artifact.hex());
        let manifest = match repository.manifest(&tag, None) {
            Ok(manifest) => manifest.ok_or_else(none)?,
            Err(RegistryError::Download(DownloadError::Failed {
                class: FailureClass::NotFound,
                ..
            })) => return Err(none()),
            Err(error) => return Err(error.into()),
        };
        match self.is_signed(repository, &manifest, artifact)? {
            true => Ok(()),
            false => Err(none()),
        }
    }

    fn is_signed(
        &self,
        repository: &Repository<'_>,
        manifest: &Manifest,
        artifact: BlobDigest,
    ) -> Result<bool, PassError> {
        let layers = manifest.layers.iter();
        let layers = layers.filter(|layer| layer.media_type == LAYER);
        for layer in layers.take(SIGNATURES) {
            let Some(signature) = layer.annotations.get(SIGNATURE) else {
                continue;
            };
            let payload = whole(&repository.layer(layer, PAYLOAD_BYTES)?)?;
            let mut keys = self.keys.iter();
            if keys.any(|key| key.vouches(&artifact, &payload, signature)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
