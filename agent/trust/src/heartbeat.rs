//! A heartbeat: a tag that says until when the repository's owner has looked after it (P8: a server that keeps news back).
//!
//! Whoever holds the server or the way to it can go on showing an old head; every signature in it is good. A tag that expires
//! and is made anew by a key out of their hands shows that.

use crate::charter::Charter;
use crate::signature::{TimeFloor, judge_tag};
use crate::tag::Tag;
use crate::{
    LoadError, ObjectKind, ObjectReader, Oid, Policy, RefusalReason, VerifiedSource, load,
    policy_file, text,
};

/// The name of the tag, without `refs/tags/`.
pub const HEARTBEAT_TAG: &str = "windlass-heartbeat";

/// Longest time for which one is good, in seconds: one that never expires says nothing.
const MAX_SECONDS: i64 = 366 * 24 * 3600;

const UNTIL: &str = "until ";

/// What a heartbeat says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Who signed it.
    pub signer: String,
    /// The commit that was newest then.
    pub commit: Oid,
    /// Until when it is good, in seconds since 1970.
    pub until: i64,
}

/// The message of the tag.
#[must_use]
pub fn heartbeat_message(until: i64) -> String {
    format!("The repository is looked after.\n\n{UNTIL}{until}\n")
}

/// Whether the policy of a revision asks for a heartbeat.
///
/// # Errors
/// The policy could not be loaded.
pub fn wants_heartbeat(
    reader: &dyn ObjectReader,
    source: &VerifiedSource,
) -> Result<bool, LoadError> {
    Ok(charter(reader, source)?.is_some_and(|charter| charter.heartbeat().is_some()))
}

/// Reads a heartbeat: a root signed it, or a key that the policy of the revision in use lists for this.
///
/// # Errors
/// Something could not be loaded. A tag that does not count is no error but a reason.
pub fn read_heartbeat(
    reader: &dyn ObjectReader,
    policy: &Policy,
    source: &VerifiedSource,
    tag: Oid,
) -> Result<Result<Heartbeat, RefusalReason>, LoadError> {
    let object = load(reader, &tag)?;
    let charter = charter(reader, source)?;
    Ok(match object.kind {
        ObjectKind::Tag => judged(&object.bytes, policy, charter.as_ref()),
        kind => Err(RefusalReason::AmbiguousObject {
            detail: format!("it is a {kind} and no annotated tag"),
        }),
    })
}

fn judged(
    bytes: &[u8],
    policy: &Policy,
    charter: Option<&Charter>,
) -> Result<Heartbeat, RefusalReason> {
    let tag = Tag::parse(bytes)?;
    let ambiguous = |detail: &str| RefusalReason::AmbiguousObject {
        detail: detail.to_owned(),
    };
    if tag.name != HEARTBEAT_TAG.as_bytes() {
        let name = text::shown(tag.name);
        return Err(ambiguous(&format!("it was signed under the name {name:?}")));
    }
    if tag.kind != ObjectKind::Commit {
        return Err(ambiguous("it is not over a commit"));
    }
    let by_root = judge_tag(&tag, &policy.signers, TimeFloor::NONE);
    let listed = charter.and_then(Charter::heartbeat);
    let signer = match (by_root, listed) {
        (Err(RefusalReason::UnknownKey { .. }), Some(listed)) => {
            judge_tag(&tag, listed, TimeFloor::NONE)?
        }
        (by_root, _) => by_root?,
    };
    if charter.is_some_and(|charter| charter.revokes(&signer.key)) {
        return Err(RefusalReason::RevokedByPolicy {
            fingerprint: signer.key,
            principal: signer.principal,
        });
    }
    let until = std::str::from_utf8(tag.message()).ok();
    let until = until.and_then(|message| message.trim_end().rsplit('\n').next());
    let until = until.and_then(|line| line.strip_prefix(UNTIL)?.parse::<i64>().ok());
    let until =
        until.ok_or_else(|| ambiguous("its message does not end with until when it is good"))?;
    if until.saturating_sub(tag.time) > MAX_SECONDS {
        return Err(ambiguous("it is good for more than a year"));
    }
    Ok(Heartbeat {
        signer: signer.principal,
        commit: tag.target,
        until,
    })
}

fn charter(
    reader: &dyn ObjectReader,
    source: &VerifiedSource,
) -> Result<Option<Charter>, LoadError> {
    let bytes = policy_file(reader, &source.commit())?;
    Ok(bytes.and_then(|bytes| Charter::parse(&bytes).ok()))
}
