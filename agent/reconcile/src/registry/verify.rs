//! Whether an artifact carries the signature that its OCIRepository or HelmChart asks for (`spec.verify`).

use windlass_api::oci_repository::{OciVerification, VerificationProvider};
use windlass_api::reasons;
use windlass_state::BlobDigest;
use windlass_trust::CosignKey;

use super::{Manifest, RegistryError, Repository, whole};
use crate::context::Context;
use crate::named::Named;
use crate::source::secret;

/// What a layer with a signature is (sigstore/cosign, `specs/SIGNATURE_SPEC.md`).
const LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// What a bundle of sigstore is, whatever its version (sigstore/protobuf-specs).
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// Bytes of a bundle: what was signed, and what logs and clocks say of it.
const BUNDLE_BYTES: u64 = 1024 * 1024;

/// Bytes of what was signed; it names an artifact and little more.
const PAYLOAD_BYTES: u64 = 64 * 1024;

/// Signatures of one artifact that are looked at: a person or two, and the build servers that signed it again.
const SIGNATURES: usize = 64;

/// Whose signatures count.
#[derive(Clone, Debug)]
pub(crate) struct Verification {
    keys: Vec<CosignKey>,
    /// The same for the same keys.
    pub(crate) fingerprint: String,
}

/// Why an artifact does not count as signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// Only another spec helps.
    #[error("{0}")]
    Spec(String),
    #[error("failed to verify the signature using provider 'cosign': {0}")]
    Signature(String),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Reads the keys that a spec names; none where it asks for no signature.
pub(crate) async fn read(
    context: &Context,
    name: &Named,
    wanted: Option<&OciVerification>,
) -> Result<Option<Verification>, VerifyError> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    refuse_unsupported(wanted)?;
    let Some(reference) = &wanted.secret_ref else {
        return Err(unsupported("spec.verify without secretRef (keyless)"));
    };
    let why = ("spec.verify.secretRef", reasons::VERIFICATION_ERROR);
    let fields = secret::read(context, name, &reference.name, why).await;
    let fields = fields.map_err(|unusable| VerifyError::Signature(unusable.message))?;
    let files = fields.iter().filter(|(file, _)| file.ends_with(".pub"));
    let (mut keys, mut all) = (Vec::new(), String::new());
    for (file, pem) in files {
        let key = CosignKey::parse(pem).map_err(|error| {
            let secret = &reference.name;
            VerifyError::Signature(format!("{file} in secret '{secret}' {error}"))
        })?;
        keys.push(key);
        all.push_str(pem);
    }
    if keys.is_empty() {
        let secret = &reference.name;
        return Err(VerifyError::Signature(format!(
            "secret '{secret}' of spec.verify.secretRef holds no key whose name ends with .pub; put cosign.pub into it"
        )));
    }
    let fingerprint = BlobDigest::of(all.as_bytes()).to_string();
    Ok(Some(Verification { keys, fingerprint }))
}

fn refuse_unsupported(wanted: &OciVerification) -> Result<(), VerifyError> {
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

fn unsupported(what: &str) -> VerifyError {
    VerifyError::Spec(format!(
        "{what} is not supported by this version of windlass; name a Secret with the public key of cosign in \
         spec.verify.secretRef"
    ))
}

impl Verification {
    /// Looks for a signature of the artifact, in the registry that it is in: where cosign put it before version 3, and in a
    /// bundle that refers to it.
    pub(crate) fn check(
        &self,
        repository: &Repository<'_>,
        artifact: BlobDigest,
    ) -> Result<(), VerifyError> {
        let tag = format!("sha256-{}.sig", artifact.hex());
        let beside = match repository.manifest(&tag, None) {
            Ok(manifest) => manifest,
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error.into()),
        };
        let signed = match beside {
            Some(manifest) => self.is_signed(repository, &manifest, artifact)?,
            None => false,
        };
        if signed || self.is_signed_in_bundle(repository, artifact)? {
            return Ok(());
        }
        let url = windlass_wire::DisplayUrl(&repository.url).to_string();
        Err(VerifyError::Signature(format!(
            "no matching signatures were found for '{url}@{artifact}'"
        )))
    }

    fn is_signed_in_bundle(
        &self,
        repository: &Repository<'_>,
        artifact: BlobDigest,
    ) -> Result<bool, VerifyError> {
        let referrers = repository.referrers(artifact)?;
        let bundles = referrers
            .iter()
            .filter(|one| one.artifact_type.starts_with(BUNDLE));
        for bundle in bundles.take(SIGNATURES) {
            let manifest = repository.manifest(&bundle.digest, None)?;
            let layers = manifest.iter().flat_map(|manifest| &manifest.layers);
            for layer in layers.filter(|layer| layer.media_type.starts_with(BUNDLE)) {
                let bytes = whole(&repository.layer(layer, BUNDLE_BYTES)?)?;
                let mut keys = self.keys.iter();
                if keys.any(|key| key.vouches_in_bundle(&artifact, &bytes)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn is_signed(
        &self,
        repository: &Repository<'_>,
        manifest: &Manifest,
        artifact: BlobDigest,
    ) -> Result<bool, VerifyError> {
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
