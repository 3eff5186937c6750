//! Flux's `spec.verify`, on top of the node's own rules, with Flux's reasons and messages (source-controller,
//! `verifySignature`).

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_api::git_repository::GitVerificationMode;
use windlass_api::reasons;
use windlass_state::Tip;
use windlass_trust::{
    ObjectKind, ObjectReader, Oid, RawObject, RefusalReason, SecretKeys, VerifyError, load,
};

use super::fetch::FetchError;
use super::spec::Unusable;
use super::status::Problem;

/// What `spec.verify` asks for.
#[derive(Clone, Debug, Default)]
pub(crate) enum Verification {
    #[default]
    NotAsked,
    /// It is asked for, but the Secret was not read: what is kept is only loaded.
    Later,
    With {
        mode: GitVerificationMode,
        keys: Arc<SecretKeys>,
    },
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Confirmed {
    #[default]
    NotAsked,
    /// The revision is kept from before; the next pass looks.
    NotYet,
    /// For the status.
    Yes { mode: &'static str, message: String },
}

// === impl Verification ===

impl Verification {
    /// Reads the keys out of the Secret's data.
    pub(crate) fn with(
        mode: Option<GitVerificationMode>,
        secret: &BTreeMap<String, String>,
    ) -> Result<Self, Unusable> {
        let failed = |message: String| Unusable {
            reason: reasons::VERIFICATION_ERROR,
            message,
            stalled: false,
        };
        let entries = secret
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_bytes()));
        let keys = SecretKeys::parse(entries)
            .map_err(|error| failed(format!("the secret of spec.verify.secretRef: {error}")))?;
        if keys.is_empty() {
            return Err(failed(
                "the secret of spec.verify.secretRef holds no public key; add entries *.sshpub or *.asc".to_owned(),
            ));
        }
        Ok(Verification::With {
            mode: mode.unwrap_or(GitVerificationMode::Head),
            keys: Arc::new(keys),
        })
    }

    pub(crate) fn is_asked(&self) -> bool {
        !matches!(self, Verification::NotAsked)
    }

    /// Checks a commit and the tag over it with the keys of the Secret.
    pub(super) fn confirm(
        &self,
        reader: &dyn ObjectReader,
        commit: Oid,
        tip: Option<&Tip>,
    ) -> Result<Result<Confirmed, Problem>, FetchError> {
        let (mode, keys) = match self {
            Verification::NotAsked => return Ok(Ok(Confirmed::NotAsked)),
            Verification::Later => return Ok(Ok(Confirmed::NotYet)),
            Verification::With { mode, keys } => (*mode, keys),
        };
        let check = Check {
            reader,
            keys,
            commit,
        };
        let mut lines = Vec::new();
        if matches!(
            mode,
            GitVerificationMode::Tag | GitVerificationMode::TagAndHead
        ) {
            match check.tag(tip)? {
                Ok(line) => lines.push(line),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        if mode != GitVerificationMode::Tag {
            match check.head()? {
                Ok(line) => lines.push(line),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        let message = format!("verified signature of{}", lines.concat());
        let mode = word(mode);
        Ok(Ok(Confirmed::Yes { mode, message }))
    }
}

struct Check<'a> {
    reader: &'a dyn ObjectReader,
    keys: &'a SecretKeys,
    commit: Oid,
}

impl Check<'_> {
    fn head(&self) -> Result<Result<String, Problem>, FetchError> {
        let commit = self.commit;
        let raw = self.load(&commit)?;
        Ok(match self.keys.commit_signer(&raw.bytes) {
            Ok(signer) => {
                let key = signer.flux_key();
                Ok(format!("\n\t- commit '{commit}' with key '{key}'"))
            }
            Err(why) => {
                let message = format!("signature verification of commit '{commit}' failed: {why}");
                Err(Problem::refused(reasons::INVALID_COMMIT_SIGNATURE, message))
            }
        })
    }

    fn tag(&self, tip: Option<&Tip>) -> Result<Result<String, Problem>, FetchError> {
        let named =
            tip.and_then(|tip| Some((tip.reference.strip_prefix("refs/tags/")?, tip.target)));
        let Some((name, target)) = named else {
            let message =
                "cannot verify tag object's signature if a tag reference is not specified";
            let problem = Problem::refused(reasons::INVALID_VERIFICATION_MODE, message.to_owned());
            return Ok(Err(problem.for_good()));
        };
        let raw = self.load(&target)?;
        let shown = format!("{name}@sha1:{target}");
        let invalid = |reason, why: String| Ok(Err(Problem::refused(reason, why)));
        if raw.kind != ObjectKind::Tag {
            let why = format!("cannot verify signature of tag '{name}' since it is not annotated");
            return invalid(reasons::INVALID_GIT_OBJECT, why);
        }
        let signed = match self.keys.tag_signer(&raw.bytes) {
            Ok(signed) => signed,
            Err(RefusalReason::Unsigned) => {
                let why =
                    format!("cannot verify signature of tag '{shown}' since it is not signed");
                return invalid(reasons::INVALID_GIT_OBJECT, why);
            }
            Err(why) => {
                let why = format!("signature verification of tag '{shown}' failed: {why}");
                return invalid(reasons::INVALID_TAG_SIGNATURE, why);
            }
        };
        // A tag that was signed under another name, or for another commit, says nothing about this one.
        if signed.name != name || signed.target != self.commit {
            let why = format!(
                "signature verification of tag '{shown}' failed: it was signed as '{}' for {}",
                signed.name, signed.target
            );
            return invalid(reasons::INVALID_TAG_SIGNATURE, why);
        }
        let key = signed.signer.flux_key();
        Ok(Ok(format!("\n\t- tag '{shown}' with key '{key}'")))
    }

    fn load(&self, oid: &Oid) -> Result<RawObject, FetchError> {
        let head = self.commit;
        load(self.reader, oid)
            .map_err(|source| FetchError::Verify(VerifyError::Load { head, source }))
    }
}

/// The mode as Flux writes it into the status; older versions of the API wrote `head`.
fn word(mode: GitVerificationMode) -> &'static str {
    match mode {
        GitVerificationMode::LegacyHead | GitVerificationMode::Head => "HEAD",
        GitVerificationMode::Tag => "Tag",
        GitVerificationMode::TagAndHead => "TagAndHEAD",
    }
}
