//! Whether the revision in use would still be vouched for: a key may have been taken off the node since, or revoked.
//!
//! Nothing is undone by it, and drift goes on being corrected: what runs may be all that keeps the house warm. A person hears.

use windlass_trust::{Found, RefusalReason};

use super::basis::Rule;
use super::fetch::{FetchError, Snapshot};
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::chain;

/// Looks at the revision in use by what the node and the repository say now, and notes what comes of it. Blocks.
pub(super) fn look(keep: &Keep, spec: &SourceSpec, snapshot: &Snapshot) {
    match judge(keep, spec, snapshot) {
        Ok(reason) => {
            let message = reason.map(|reason| said(snapshot, &reason));
            keep.note_disowned(&spec.name, message);
        }
        Err(error) => {
            tracing::warn!(source = %spec.name, error = %chain(&error), "the revision in use could not be looked at again");
        }
    }
}

fn judge(
    keep: &Keep,
    spec: &SourceSpec,
    snapshot: &Snapshot,
) -> Result<Option<RefusalReason>, FetchError> {
    // The other rules ask for no signature; what an older windlass kept without its reference was judged by it alone.
    let (Rule::Signed, Some(tip)) = (spec.trust.rule, &snapshot.tip) else {
        return Ok(None);
    };
    let found = Found {
        target: tip.target,
        reference: &tip.reference,
    };
    let reader = keep.store.reader()?;
    Ok(windlass_trust::disowned(
        &reader,
        &spec.trust.policy,
        &found,
    )?)
}

fn said(snapshot: &Snapshot, reason: &RefusalReason) -> String {
    format!(
        "revision '{}' is applied, and would not be accepted now ({}): {reason}; drift from it goes on being corrected and \
         nothing is undone; look at what it changed (`git show {}`), then push what is right, or a revert, signed with a key \
         that counts",
        snapshot.revision,
        reason.code(),
        snapshot.source.commit(),
    )
}
