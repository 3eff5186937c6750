//! Whether a source may be used at all, and what makes a revision of it acceptable: pure.

use std::sync::Arc;

use windlass_trust::{Oid, Policy};
use windlass_wire::Reference;

use super::listed::How;
use crate::trust::NodeTrust;

/// Why a source is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The node's own config.
    Node,
    /// A verified commit made it, as it is.
    Commit {
        /// What `windlass.lock` in the same repository pins for it.
        pin: Option<Oid>,
        /// How the node lists its URL, if it does.
        how: Option<How>,
    },
    /// It is in the inventory of a Kustomization that this node has not built yet: good enough for commits that are
    /// signed, not for anything that rests on what the object says.
    Inventory,
    /// The node lists its URL.
    Listed(How),
    /// Its Kustomization has to be built first, or put it back first.
    NotYet {
        /// Why.
        message: String,
    },
    /// Nobody vouches for it.
    Nobody,
}

/// What makes a revision acceptable.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) rule: Rule,
    pub(crate) policy: Arc<Policy>,
}

/// The rules of decision 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// What is new is signed as the policy asks.
    Signed,
    /// As `Signed`; a tag whose commit nobody we know signed is locked to the commit that it named first.
    FirstSeen,
    /// It is this commit, whose id a verified commit names.
    Pinned(Oid),
    /// The node takes what is there.
    Unverified,
}

/// What a source that nobody vouches for is told.
pub(crate) const NOBODY: &str = "no verified commit made this object as it is; to allow it, put it into the repository, \
     where a Kustomization of a verified source applies it, or list its URL in trust.d/sources on the nodes, \
     as signed, signed-by or unverified";

/// What a source is told whose commits nobody we know signed.
pub(crate) const THREE_WAYS: &str = "three ways to allow this source: have its commits signed by an allowed signer; \
     pin a commit, in spec.ref.commit or in windlass.lock of the repository that makes this object; \
     or list its URL in trust.d/sources on the nodes, with signers of its own or as unverified";

// === impl Basis ===

impl Basis {
    /// Whether another selector may begin a new line, or has to go on from the old one.
    pub(crate) fn may_turn(&self) -> bool {
        matches!(self, Basis::Node | Basis::Commit { .. })
    }

    /// What makes a revision of `reference` acceptable; `None` when nothing does.
    pub(crate) fn trust(&self, reference: &Reference, node: &NodeTrust) -> Option<Trust> {
        let others = || Arc::clone(&node.others);
        let (rule, policy) = match self {
            Basis::Node => (Rule::Signed, Arc::clone(&node.root)),
            Basis::Commit { pin: Some(pin), .. } => (Rule::Pinned(*pin), others()),
            Basis::Commit { pin: None, how } => match (by_reference(reference), how) {
                (Rule::Pinned(pin), _) => (Rule::Pinned(pin), others()),
                (_, Some(how)) => listed(how, node),
                (rule, None) => (rule, others()),
            },
            Basis::Inventory => (Rule::Signed, others()),
            Basis::Listed(how) => listed(how, node),
            Basis::NotYet { .. } | Basis::Nobody => return None,
        };
        Some(Trust { rule, policy })
    }
}

fn listed(how: &How, node: &NodeTrust) -> (Rule, Arc<Policy>) {
    match node.policy_of(how) {
        Some(policy) => (Rule::Signed, policy),
        None => (Rule::Unverified, Arc::clone(&node.others)),
    }
}

/// A verified commit that names a commit vouches for it; one that names a tag, for what the tag names now.
fn by_reference(reference: &Reference) -> Rule {
    match reference {
        // What is no object id is refused by windlass-net, with what to write instead.
        Reference::Commit(text) => text.parse().map_or(Rule::Signed, Rule::Pinned),
        Reference::Tag(_) => Rule::FirstSeen,
        Reference::Branch(_) | Reference::Semver(_) | Reference::Name(_) => Rule::Signed,
    }
}
