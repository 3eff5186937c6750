//! Verdicts that say no: what was looked at, why it is refused, and what to do next.

mod cause;

use std::fmt;

use crate::headers::Ambiguity;
use crate::{Mode, ObjectKind, Oid, Since, cure};

/// A commit was looked at and is refused; nothing of the new range is used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refused commit must be reported"]
pub struct Refusal {
    /// The commit at fault; with several, the oldest.
    pub commit: Oid,
    /// The first line of its message, safe to print; empty when unreadable.
    pub subject: String,
    /// Its author's name and mail as the commit claims, safe to print; empty when unreadable.
    pub author: String,
    /// The rule that the commit breaks.
    pub rule: Rule,
    /// Why.
    pub reason: RefusalReason,
}

/// What a head was judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Which of the new commits must be signed.
    pub mode: Mode,
    /// After which commit a commit is new.
    pub since: Since,
}

/// Why a commit is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The commit has no signature.
    Unsigned,
    /// The signature is of a kind that is not verified (OpenPGP, X.509).
    UnsupportedSignature {
        /// The kind in a person's words.
        kind: &'static str,
    },
    /// The signing key is of a type that is not verified.
    UnsupportedKeyType {
        /// The type's name in SSH.
        key_type: String,
    },
    /// The signing key is too weak or broken to count, listed or not.
    WeakKey {
        /// The key's fingerprint.
        fingerprint: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The signature's algorithm or the hash of its message is not allowed.
    UnsupportedHash {
        /// The algorithm's name.
        algorithm: String,
    },
    /// The signature cannot be read.
    MalformedSignature {
        /// What is wrong with it.
        detail: String,
    },
    /// The signature was made for something else.
    WrongNamespace {
        /// What it was made for.
        namespace: String,
        /// What it should have been made for.
        wanted: &'static str,
    },
    /// The signing key is not listed.
    UnknownKey {
        /// The key's fingerprint as `ssh-keygen -l` prints it.
        fingerprint: String,
    },
    /// The signing key is listed, but its line does not allow Git.
    KeyNotForGit {
        /// The key's fingerprint.
        fingerprint: String,
        /// Whose line it is.
        principal: String,
    },
    /// The signing key does not count at the commit's place in history.
    KeyNotValid {
        /// The key's fingerprint.
        fingerprint: String,
        /// Whose key it is.
        principal: String,
        /// Why.
        fault: KeyFault,
    },
    /// Nobody showed the security key what its line demands.
    PresenceMissing {
        /// The key's fingerprint.
        fingerprint: String,
        /// What should have been done with it, as a participle.
        demand: &'static str,
    },
    /// The signature does not fit the commit: it was changed after it was signed.
    BadSignature {
        /// The fingerprint of the key that the signature names.
        fingerprint: String,
    },
    /// The commit could be read in more than one way.
    AmbiguousObject {
        /// Where.
        detail: String,
    },
    /// The object carries a SHA-1 collision attack.
    HashCollision,
    /// The policy in the repository knows the key and does not let it change this path.
    PathNotAllowed {
        /// Whose key it is.
        principal: String,
        /// The path, safe to print.
        path: String,
    },
    /// The policy in the repository does not let the key change everything, and more is changed than can be looked at.
    TooManyChanges {
        /// Paths that are looked at in one range.
        limit: usize,
    },
    /// The policy in the repository lets the key raise versions only, and this is more.
    NotABump {
        /// Whose key it is.
        principal: String,
        /// The path, safe to print.
        path: String,
        /// What is more than that, safe to print.
        detail: String,
    },
    /// The policy in the repository revokes the key.
    RevokedByPolicy {
        /// The key's fingerprint.
        fingerprint: String,
        /// Whose key it is.
        principal: String,
    },
    /// Somebody else than a root changes the policy.
    PolicyNeedsRoot,
    /// Fewer root keys signed the change of the policy than it asks for.
    PolicyNeedsMore {
        /// How many it asks for.
        needed: usize,
        /// How many signed.
        found: usize,
    },
    /// The policy cannot be read.
    PolicyInvalid {
        /// What is wrong, and where.
        detail: String,
    },
    /// The policy is gone.
    PolicyRemoved,
    /// The policy was changed and its version was not raised.
    PolicyNotNewer {
        /// The version before.
        before: u64,
        /// The version now.
        found: u64,
    },
    /// The policy does not revoke a key any more, or less.
    RevocationDropped {
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// The head is not a commit.
    NotACommit {
        /// What it is.
        kind: ObjectKind,
    },
    /// The head does not descend from the introduction commit.
    NotDescendantOfIntroduction {
        /// The pinned commit.
        introduction: Oid,
    },
    /// The way by first parents goes past the last accepted commit, or the introduction: this merge
    /// has it on another side.
    NotOnFirstParents {
        /// The commit that first parents must lead to.
        accepted: Oid,
    },
    /// The commit is not signed, and the tag that names it does not vouch for it either.
    TagNotTrusted {
        /// The tag's name.
        tag: String,
        /// Why it does not.
        cause: String,
    },
    /// A range of versions offers a lower one than the one accepted last.
    LowerVersion {
        /// The version accepted last, as its tag writes it.
        accepted: String,
        /// The version offered now.
        found: String,
    },
    /// A range of versions offers a higher one that does not descend from the commit accepted last, and nobody signed that
    /// it is one.
    VersionNotSigned {
        /// The commit accepted last.
        accepted: Oid,
        /// The tag, safe to print.
        tag: String,
        /// Why the tag's signature does not count.
        cause: String,
    },
    /// A range of versions was answered with a tag that is no version.
    NotAVersion {
        /// The tag.
        tag: String,
    },
    /// Another commit came than the one that is pinned.
    NotThePinnedCommit {
        /// The pinned one.
        pinned: Oid,
    },
    /// The head does not descend from the commit accepted last.
    NotFastForward {
        /// The commit accepted last.
        accepted: Oid,
        /// By how many commits it lies behind that; none where it lies beside it.
        behind: Option<usize>,
    },
    /// An override would go back to it, and does not count.
    OverrideNotTrusted {
        /// Why it does not.
        cause: String,
    },
    /// An override would go back to it, and fewer roots signed it than the policy asks for.
    OverrideNeedsMore {
        /// How many it asks for.
        needed: usize,
        /// How many signed.
        found: usize,
    },
}

/// Why a listed key does not count at a place in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFault {
    /// The commit claims a date before the key was valid.
    NotYetValid,
    /// The key had expired by the commit's date or by its place in history.
    Expired,
    /// The key is revoked, for this place in history or for all.
    Revoked,
    /// The signature itself was made for a time that is over at its place in history.
    SignatureExpired,
}

// === impl Refusal ===

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.statement(), self.next_step())
    }
}

impl Refusal {
    /// What is wrong with which commit, under which rule; without what to do about it.
    #[must_use]
    pub fn statement(&self) -> String {
        let mut text = format!("commit {}", self.commit);
        if !self.subject.is_empty() {
            text.push_str(&format!(" \"{}\"", self.subject));
        }
        if !self.author.is_empty() {
            text.push_str(&format!(" by {}", self.author));
        }
        let Self { rule, reason, .. } = self;
        text.push_str(&format!(" is refused: {reason} ({rule})"));
        text
    }

    /// What a person does next, with the command.
    #[must_use]
    pub fn next_step(&self) -> String {
        cure::next_step(self)
    }
}

// === impl RefusalReason ===

impl From<Ambiguity> for RefusalReason {
    fn from(ambiguity: Ambiguity) -> Self {
        Self::AmbiguousObject {
            detail: ambiguity.0,
        }
    }
}

impl RefusalReason {
    /// Whether it holds whatever stands before the commit and whoever is trusted.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Unsigned | Self::AmbiguousObject { .. })
    }

    /// A stable word for conditions, events and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "Unsigned",
            Self::UnsupportedSignature { .. } => "UnsupportedSignature",
            Self::UnsupportedKeyType { .. } => "UnsupportedKeyType",
            Self::WeakKey { .. } => "WeakKey",
            Self::UnsupportedHash { .. } => "UnsupportedHash",
            Self::MalformedSignature { .. } => "MalformedSignature",
            Self::WrongNamespace { .. } => "WrongNamespace",
            Self::UnknownKey { .. } => "UnknownKey",
            Self::KeyNotForGit { .. } => "KeyNotForGit",
            Self::KeyNotValid { fault, .. } => fault.code(),
            Self::PresenceMissing { .. } => "PresenceMissing",
            Self::BadSignature { .. } => "BadSignature",
            Self::AmbiguousObject { .. } => "AmbiguousObject",
            Self::PathNotAllowed { .. } => "PathNotAllowed",
            Self::TooManyChanges { .. } => "TooManyChanges",
            Self::NotABump { .. } => "NotABump",
            Self::RevokedByPolicy { .. } => "RevokedByPolicy",
            Self::PolicyNeedsRoot => "PolicyNeedsRoot",
            Self::PolicyNeedsMore { .. } => "PolicyNeedsMore",
            Self::PolicyInvalid { .. } => "PolicyInvalid",
            Self::PolicyRemoved => "PolicyRemoved",
            Self::PolicyNotNewer { .. } => "PolicyNotNewer",
            Self::RevocationDropped { .. } => "RevocationDropped",
            Self::HashCollision => "HashCollision",
            Self::NotACommit { .. } => "NotACommit",
            Self::NotDescendantOfIntroduction { .. } => "NotDescendantOfIntroduction",
            Self::NotOnFirstParents { .. } => "NotOnFirstParents",
            Self::TagNotTrusted { .. } => "TagNotTrusted",
            Self::LowerVersion { .. } => "LowerVersion",
            Self::VersionNotSigned { .. } => "VersionNotSigned",
            Self::NotAVersion { .. } => "NotAVersion",
            Self::NotThePinnedCommit { .. } => "NotThePinnedCommit",
            Self::NotFastForward { .. } => "NotFastForward",
            Self::OverrideNotTrusted { .. } => "OverrideNotTrusted",
            Self::OverrideNeedsMore { .. } => "OverrideNeedsMore",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.cause())
    }
}

// === impl Rule ===

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since {
            Since::Accepted(oid) => write!(out, "mode {} since the accepted {oid}", self.mode),
            Since::Introduction(oid) => {
                write!(out, "mode {} since the introduction {oid}", self.mode)
            }
            Since::FirstSigned => write!(out, "the first head must be signed"),
            Since::Pinned => write!(out, "a pinned commit"),
        }
    }
}

// === impl KeyFault ===

impl KeyFault {
    const fn code(self) -> &'static str {
        match self {
            Self::NotYetValid => "KeyNotYetValid",
            Self::Expired => "KeyExpired",
            Self::Revoked => "KeyRevoked",
            Self::SignatureExpired => "SignatureExpired",
        }
    }

    const fn cause(self) -> &'static str {
        match self {
            Self::NotYetValid => "was not valid yet at the date that it claims",
            Self::Expired => "had expired by its date or by its place in history",
            Self::Revoked => "is revoked",
            Self::SignatureExpired => "signed it for a time that is over",
        }
    }
}
