//! What is followed in a repository, and which way each kind may move.

use std::fmt;

use semver::Version;

use crate::{Oid, Ratchet, RefusalReason, text};

/// What is followed in a repository. Another one is another line with a ratchet of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A branch by its short name: it moves to descendants only.
    Branch(String),
    /// A tag by its short name: made anew, it moves to descendants only.
    Tag(String),
    /// The highest tag within a range of versions: it moves to higher versions only.
    Semver(String),
    /// A full reference name: as a branch.
    Name(String),
    /// A commit: it is itself and moves nowhere.
    Commit(Oid),
}

/// What a selector found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// What the reference names: a commit, or an annotated tag over one.
    pub target: Oid,
    /// The reference's full name, such as `refs/tags/v1.2.3`; empty for a commit.
    pub reference: &'a str,
}

/// A commit that a line may move to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The commit, with every tag over it taken off.
    pub commit: Oid,
    /// The short name of the tag that named it, if one did.
    pub tag: Option<String>,
}

/// What must hold of a candidate beside its signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing was accepted on this line: the candidate begins it.
    Start,
    /// It is the commit that was accepted last.
    Stay,
    /// It must descend from the commit that was accepted last.
    Descend,
    /// It is a higher version, which need not descend from the lower one: releases are made on branches of their own.
    Rise,
}

// === impl Selector ===

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(formatter, "branch {name}"),
            Self::Tag(name) => write!(formatter, "tag {name}"),
            Self::Semver(range) => write!(formatter, "semver {range}"),
            Self::Name(name) => write!(formatter, "name {name}"),
            Self::Commit(oid) => write!(formatter, "commit {oid}"),
        }
    }
}

/// Says which way a line goes when it moves to the candidate, and what must then hold of it.
///
/// # Errors
/// The line does not go that way, whoever signed the candidate.
pub fn advance(
    ratchet: Option<&Ratchet>,
    selector: &Selector,
    candidate: &Candidate,
) -> Result<Step, RefusalReason> {
    match selector {
        Selector::Commit(pinned) if *pinned != candidate.commit => {
            return Err(RefusalReason::NotThePinnedCommit { pinned: *pinned });
        }
        // Whether the version lies in the range says whoever chose it; that it is one, is said here.
        Selector::Semver(_) if version(candidate.tag.as_deref()).is_none() => {
            let tag = candidate.tag.as_deref().unwrap_or_default();
            return Err(RefusalReason::NotAVersion {
                tag: text::shown(tag.as_bytes()),
            });
        }
        _ => {}
    }
    let Some(ratchet) = ratchet else {
        return Ok(Step::Start);
    };
    if ratchet.head == candidate.commit {
        return Ok(Step::Stay);
    }
    let Selector::Semver(_) = selector else {
        return Ok(Step::Descend);
    };
    let (Some(accepted), Some(found)) = (&ratchet.version, &candidate.tag) else {
        return Ok(Step::Descend);
    };
    let versions = (version(Some(accepted)), version(Some(found)));
    let (Some(accepted_version), Some(found_version)) = versions else {
        return Ok(Step::Descend);
    };
    match found_version.cmp_precedence(&accepted_version) {
        std::cmp::Ordering::Less => Err(RefusalReason::LowerVersion {
            accepted: accepted.clone(),
            found: found.clone(),
        }),
        std::cmp::Ordering::Equal => Ok(Step::Descend),
        std::cmp::Ordering::Greater => Ok(Step::Rise),
    }
}

/// Gives the higher of two versions, as tags write them.
pub(crate) fn higher(one: Option<String>, other: Option<String>) -> Option<String> {
    match (version(one.as_deref()), version(other.as_deref())) {
        (Some(first), Some(second)) if second.cmp_precedence(&first).is_gt() => other,
        (Some(_), _) => one,
        (None, _) => other,
    }
}

/// Says whether two tags write the same version, `v1.0.0` and `1.0.0+b` for instance.
pub(crate) fn same_version(one: Option<&str>, other: Option<&str>) -> bool {
    match (version(one), version(other)) {
        (Some(one), Some(other)) => one.cmp_precedence(&other).is_eq(),
        _ => false,
    }
}

/// Reads a tag's version: strict semver, with or without a leading `v` (fluxcd/pkg/version, `ParseVersion`).
fn version(tag: Option<&str>) -> Option<Version> {
    let tag = tag?;
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}
