//! What was checked before a head was accepted, as a record for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Mode, Oid, Signer};

/// Why a head was accepted: what the audit keeps and shows. It proves nothing to a program; what is loaded is
/// verified again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The rule it was judged by.
    pub mode: Mode,
    /// Where the range begins.
    pub since: Since,
    /// The head.
    pub to: Oid,
    /// Whose signatures were checked, the busiest key first.
    pub signers: Vec<SignedCommits>,
    /// How many commits are new.
    pub new_commits: usize,
    /// The signed tag that vouches for the head and all that is new, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Oid>,
    /// The commits that were left on purpose, by an override.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Oid>,
}

/// The commit that vouches for everything behind it: the range of what is new begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// The head accepted last.
    Accepted(Oid),
    /// The introduction commit that the node pins.
    Introduction(Oid),
    /// Nothing was known before: the head is signed and introduces itself.
    FirstSigned,
    /// The head is named by its id in something that is verified.
    Pinned,
}

/// How many of the checked commits one key signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCommits {
    /// Whose key, as the trust file names them.
    pub principal: String,
    /// The key's fingerprint.
    pub key: String,
    /// How many commits.
    pub commits: usize,
}

// === impl Since ===

impl Since {
    /// The commit, if there is one.
    #[must_use]
    pub fn commit(self) -> Option<Oid> {
        match self {
            Self::Accepted(oid) | Self::Introduction(oid) => Some(oid),
            Self::FirstSigned | Self::Pinned => None,
        }
    }
}

// === impl Proof ===

impl Proof {
    /// How many commits had their signature checked.
    #[must_use]
    pub fn checked_commits(&self) -> usize {
        self.signers.iter().map(|signed| signed.commits).sum()
    }
}

/// Counts signatures by key.
#[derive(Debug, Default)]
pub(crate) struct SignerCount(BTreeMap<String, SignedCommits>);

// === impl SignerCount ===

impl SignerCount {
    /// Counts one more commit by this key.
    pub(crate) fn add(&mut self, signer: &Signer) {
        if let Some(known) = self.0.get_mut(&signer.key) {
            known.commits += 1;
            return;
        }
        let first = SignedCommits {
            principal: signer.principal.clone(),
            key: signer.key.clone(),
            commits: 1,
        };
        self.0.insert(signer.key.clone(), first);
    }

    pub(crate) fn finish(self) -> Vec<SignedCommits> {
        let mut counted: Vec<SignedCommits> = self.0.into_values().collect();
        counted.sort_by_key(|signed| std::cmp::Reverse(signed.commits));
        counted
    }
}
