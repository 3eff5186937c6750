//! Whether the repository's owner was heard lately. Where its policy asks for a heartbeat and none comes, the server may be keeping
//! news back: a person hears, and nothing else changes.

use jiff::Timestamp;
use windlass_api::meta::ConditionStatus;
use windlass_api::reasons;
use windlass_state::Reader;
use windlass_trust::{
    HEARTBEAT_TAG, Heartbeat, RefusalReason, VerifyError, descends, read_heartbeat, wants_heartbeat,
};
use windlass_wire::{FailureClass, History, Reference};

use super::ask::{Came, ask, request};
use super::basis::Rule;
use super::fetch::{FetchError, Snapshot};
use super::spec::SourceSpec;
use super::status::{Remark, chain};
use crate::context::Context;

/// How many seconds a good heartbeat is not asked for again at most.
const ASKED_AGAIN: i64 = 3600;

const CURE: &str =
    "compare the branch with your clone, then run `windlass trust heartbeat --for 7d --push` there";

/// The latest that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The policy asks for none.
    NotAsked,
    /// There is no such tag.
    Nothing,
    Tag {
        said: Result<Heartbeat, RefusalReason>,
        /// Whether the revision in use goes on from the commit that it is over.
        is_shown: bool,
        /// When it was asked for, in seconds since 1970.
        asked_at: i64,
    },
}

/// Listens for the heartbeat, if the policy of the revision in use asks for one. Blocks.
pub(super) fn look(context: &Context, spec: &SourceSpec, snapshot: &Snapshot, listens: bool) {
    if let Err(error) = hear(context, spec, snapshot, listens) {
        tracing::warn!(source = %spec.name, error = %chain(&error), "the heartbeat could not be looked for");
    }
}

fn hear(
    context: &Context,
    spec: &SourceSpec,
    snapshot: &Snapshot,
    listens: bool,
) -> Result<(), FetchError> {
    let keep = &context.keep;
    let reader = keep.store.reader()?;
    let asked = spec.trust.rule == Rule::Signed && wants(&reader, snapshot)?;
    if !asked {
        keep.note_heard(&spec.name, Heard::NotAsked);
        return Ok(());
    }
    let before = keep.heard(&spec.name);
    let now = Timestamp::now().as_second();
    if listens && !before.is_some_and(|heard| heard.is_enough(now)) {
        let heard = listen(context, spec, snapshot, now)?;
        keep.note_heard(&spec.name, heard);
    }
    Ok(())
}

fn wants(reader: &Reader, snapshot: &Snapshot) -> Result<bool, FetchError> {
    let head = snapshot.source.commit();
    let wants = wants_heartbeat(reader, &snapshot.source);
    Ok(wants.map_err(|source| VerifyError::Load { head, source })?)
}

fn listen(
    context: &Context,
    spec: &SourceSpec,
    snapshot: &Snapshot,
    now: i64,
) -> Result<Heard, FetchError> {
    let (keep, commit) = (&context.keep, snapshot.source.commit());
    let tag = Reference::Tag(HEARTBEAT_TAG.to_owned());
    let kept = keep.store.kept(&spec.line())?;
    let question = request(spec, &tag, (kept.as_ref(), None), History::All);
    let (tip, incoming) = match ask(&keep.store, &context.net, &question) {
        Ok(Some(Came { tip, incoming, .. })) => (tip, incoming),
        // Nothing was said to be known, so there is nothing that this could mean.
        Ok(None) => return Ok(Heard::Nothing),
        Err(FetchError::Failed {
            class: FailureClass::NoSuchReference,
            ..
        }) => return Ok(Heard::Nothing),
        Err(error) => return Err(error),
    };
    let policy = &spec.trust.policy;
    let said =
        read_heartbeat(&incoming, policy, &snapshot.source, tip.target).map_err(|source| {
            VerifyError::Load {
                head: commit,
                source,
            }
        })?;
    let is_shown = match &said {
        Ok(beat) => descends(&incoming, (&commit, &beat.commit), None),
        Err(_) => true,
    };
    Ok(Heard::Tag {
        said,
        is_shown,
        asked_at: now,
    })
}

/// What the condition says; `fetched` is whether the source has nothing else to complain of.
pub(super) fn say(heard: &Heard, fetched: bool, now: i64) -> Option<Remark> {
    Some(match heard {
        Heard::NotAsked => return None,
        Heard::Nothing => no(
            reasons::NO_HEARTBEAT,
            format!(
                "windlass.policy asks for a heartbeat and there is no tag {HEARTBEAT_TAG}; {CURE}"
            ),
        ),
        Heard::Tag { said: Err(why), .. } => no(
            reasons::NO_HEARTBEAT,
            format!("the tag {HEARTBEAT_TAG} does not count: {why}; {CURE}"),
        ),
        Heard::Tag {
            said: Ok(beat),
            is_shown,
            ..
        } => {
            let until = Timestamp::from_second(beat.until).unwrap_or(Timestamp::MAX);
            let about = format!("{} looked after it at commit {}", beat.signer, beat.commit);
            if beat.until <= now {
                let message = format!(
                    "{about} and was to do so again before {until}: the server may be keeping news back, or nobody signs any more; {CURE}"
                );
                no(reasons::HEARTBEAT_EXPIRED, message)
            } else if fetched && !is_shown {
                let message = format!(
                    "{about}, and what the server shows does not go on from there: it keeps news back, or that commit was never \
                     pushed; compare with your clone"
                );
                no(reasons::NEWS_WITHHELD, message)
            } else {
                let message = format!("{about}, which is good until {until}");
                Remark {
                    status: ConditionStatus::True,
                    reason: reasons::HEARTBEAT,
                    message,
                }
            }
        }
    })
}

fn no(reason: &'static str, message: String) -> Remark {
    Remark {
        status: ConditionStatus::False,
        reason,
        message,
    }
}

// === impl Heard ===

impl Heard {
    /// Whether it need not be asked for again yet.
    fn is_enough(&self, now: i64) -> bool {
        match self {
            Heard::Tag {
                said: Ok(beat),
                is_shown: true,
                asked_at,
            } => now < asked_at + ASKED_AGAIN.min((beat.until - asked_at) / 4),
            _ => false,
        }
    }
}
