//! `windlass.policy`: who beside the roots may change what, in the repository itself.
//!
//! The file is at the root of a repository. It counts from the commit after the one that holds it, so nobody grants
//! anything to themselves; only a root key, one that is pinned on the node, may change it. docs/policy.md describes it.

mod glob;
mod quorum;
mod read;

use std::collections::BTreeMap;

pub use self::quorum::{POLICY_NAMESPACE, POLICY_SIGNATURES, policy_signers, signatures};
pub use self::read::CharterError;

use self::glob::Glob;
use crate::commit::Commit;
use crate::object::load_kind;
use crate::tree::find_file;
use crate::{LoadError, ObjectKind, ObjectReader, Oid, RefusalReason, Signer, Signers};

/// The file's name, at the root of the repository.
pub const POLICY_FILE: &str = "windlass.policy";

/// What a `windlass.policy` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    version: u64,
    threshold: usize,
    closed: Closed,
    /// The keys whose heartbeat counts beside the roots'; none where no heartbeat is asked for.
    heartbeat: Option<Signers>,
    principals: Vec<Principal>,
    /// Every key of every principal.
    signers: Signers,
    /// Which principal a key is of, by its fingerprint.
    owners: BTreeMap<String, usize>,
    revoked: BTreeMap<String, Revocation>,
}

/// Somebody who may change something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Principal {
    name: String,
    duty: Duty,
    paths: Vec<Glob>,
}

/// What a principal's signature is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Any change of its paths.
    Sign,
    /// Versions that rise, and files that no render reads.
    Bump,
}

/// How far a principal may change a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Nothing,
    Anything,
    /// Only as `bump` lets it.
    Bump,
}

/// The files that no render reads, so that a bot may change them alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closed(Vec<Glob>);

/// How far a revocation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revocation {
    /// What the key signs after the commit that revokes it does not count.
    Soft,
    /// Nothing that the key signed counts that was not accepted before.
    Hard,
}

/// Gives the text of the policy of a commit; none where it has none. Whether it counts is not said.
///
/// # Errors
/// The commit, its directory or the file is not there or cannot be read.
pub fn policy_file(reader: &dyn ObjectReader, commit: &Oid) -> Result<Option<Vec<u8>>, LoadError> {
    let bytes = load_kind(reader, commit, ObjectKind::Commit)?;
    let Ok(commit) = Commit::parse(&bytes) else {
        return Ok(None);
    };
    let bytes = load_kind(reader, &commit.tree, ObjectKind::Tree)?;
    let file = find_file(&commit.tree, &bytes, POLICY_FILE.as_bytes());
    let file = file.ok().flatten();
    file.map(|file| load_kind(reader, &file, ObjectKind::Blob))
        .transpose()
}

/// Whether a line may move from one commit to another that need not descend from it: the policy may not go back, or a key
/// that was revoked since would count again.
///
/// # Errors
/// A commit, its directory or its policy could not be loaded.
pub(crate) fn policy_stays(
    reader: &dyn ObjectReader,
    from: &Oid,
    to: &Oid,
) -> Result<Result<(), RefusalReason>, LoadError> {
    let (Some(before), now) = (policy_file(reader, from)?, policy_file(reader, to)?) else {
        return Ok(Ok(()));
    };
    Ok(match now {
        None => Err(RefusalReason::PolicyRemoved),
        Some(now) if now == before => Ok(()),
        Some(now) => in_order(&before, &now),
    })
}

fn in_order(before: &[u8], now: &[u8]) -> Result<(), RefusalReason> {
    Charter::parse(now)?.follows(&Charter::parse(before)?)
}

// === impl Charter ===

impl Charter {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read in full, or grants what cannot be granted; the message says where and what to do.
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        read::read(bytes)
    }

    /// The version, which each change must raise.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many roots have to sign a change of the file.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Everybody named in it: name, what for, and the paths as they are written.
    pub fn principals(&self) -> impl Iterator<Item = (&str, Duty, Vec<&str>)> {
        self.principals.iter().map(|principal| {
            let paths = principal.paths.iter().map(Glob::as_str).collect();
            (principal.name.as_str(), principal.duty, paths)
        })
    }

    /// The paths that no render reads, as they are written.
    pub fn unrendered(&self) -> impl Iterator<Item = &str> {
        self.closed.0.iter().map(Glob::as_str)
    }

    /// Every key in it, with the principal it is of.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.owners.iter().filter_map(|(key, owner)| {
            let principal = self.principals.get(*owner)?;
            Some((key.as_str(), principal.name.as_str()))
        })
    }

    /// Every revoked key.
    pub fn revocations(&self) -> impl Iterator<Item = (&str, Revocation)> {
        self.revoked.iter().map(|(key, how)| (key.as_str(), *how))
    }

    /// The keys that may sign a heartbeat beside the roots; none where none is asked for.
    pub fn heartbeat(&self) -> Option<&Signers> {
        self.heartbeat.as_ref()
    }

    /// The keys whose signatures are looked at.
    pub(crate) fn signers(&self) -> &Signers {
        &self.signers
    }

    /// Whether nothing a key signed may come in any more.
    pub(crate) fn bars(&self, key: &str) -> bool {
        self.revoked.get(key) == Some(&Revocation::Hard)
    }

    /// Whether what a key signs from now on does not count.
    pub(crate) fn revokes(&self, key: &str) -> bool {
        self.revoked.contains_key(key)
    }

    /// Gives the signer under the name of its principal.
    ///
    /// # Errors
    /// The key is revoked.
    pub(crate) fn admit(&self, signer: Signer) -> Result<Signer, RefusalReason> {
        let principal = self.owner(&signer.key).map(|it| it.name.clone());
        let principal = principal.unwrap_or_else(|| signer.principal.clone());
        if self.revokes(&signer.key) {
            return Err(RefusalReason::RevokedByPolicy {
                fingerprint: signer.key,
                principal,
            });
        }
        Ok(Signer {
            principal,
            ..signer
        })
    }

    /// How far the owner of a key may change a path.
    pub(crate) fn grant(&self, key: &str, path: &[u8]) -> Grant {
        let owner = self.owner(key);
        let owner = owner.filter(|owner| owner.paths.iter().any(|glob| glob.matches(path)));
        match owner {
            None => Grant::Nothing,
            Some(_) if is_about_the_policy(path) => Grant::Nothing,
            Some(owner) if owner.duty == Duty::Bump && !self.closed.has(path) => Grant::Bump,
            Some(_) => Grant::Anything,
        }
    }

    /// Whether the owner of a key may change whatever lies below a directory of the repository. The policy itself lies in none.
    pub(crate) fn grants_all_below(&self, key: &str, directory: &[u8]) -> bool {
        let owner = self.owner(key);
        let owner = owner.filter(|owner| owner.duty == Duty::Sign && !directory.is_empty());
        owner.is_some_and(|owner| owner.paths.iter().any(|glob| glob.has_all_below(directory)))
    }

    /// Whether this may come after another one.
    ///
    /// # Errors
    /// It is not newer, or a revocation is gone from it.
    pub fn follows(&self, before: &Charter) -> Result<(), RefusalReason> {
        if self.version <= before.version {
            return Err(RefusalReason::PolicyNotNewer {
                before: before.version,
                found: self.version,
            });
        }
        let dropped = before.revoked.iter().find(|(key, how)| {
            let now = self.revoked.get(*key);
            now.is_none_or(|now| now < how)
        });
        match dropped {
            Some((key, _)) => Err(RefusalReason::RevocationDropped {
                fingerprint: key.clone(),
            }),
            None => Ok(()),
        }
    }

    fn owner(&self, key: &str) -> Option<&Principal> {
        self.principals.get(*self.owners.get(key)?)
    }
}

// === impl RefusalReason ===

impl From<CharterError> for RefusalReason {
    fn from(error: CharterError) -> Self {
        let detail = error.to_string();
        Self::PolicyInvalid { detail }
    }
}

fn is_about_the_policy(path: &[u8]) -> bool {
    [POLICY_FILE.as_bytes(), POLICY_SIGNATURES.as_bytes()].contains(&path)
}

// === impl Closed ===

impl Closed {
    /// Whether no render may read the file.
    pub(crate) fn has(&self, path: &[u8]) -> bool {
        self.0.iter().any(|glob| glob.matches(path))
    }

    /// What is closed in a commit with this directory. A policy that cannot be read lets no bot in, and closes nothing.
    ///
    /// # Errors
    /// The directory or the file could not be loaded.
    pub(crate) fn of(reader: &dyn ObjectReader, tree: &Oid) -> Result<Self, LoadError> {
        let bytes = load_kind(reader, tree, ObjectKind::Tree)?;
        let file = find_file(tree, &bytes, POLICY_FILE.as_bytes());
        let Some(file) = file.ok().flatten() else {
            return Ok(Self::default());
        };
        let charter = Charter::parse(&load_kind(reader, &file, ObjectKind::Blob)?);
        Ok(charter.map(|charter| charter.closed).unwrap_or_default())
    }
}
