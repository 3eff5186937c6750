//! Verdicts that say no: what was looked at, why it is refused, and what to do next.

use std::fmt;

use crate::{ObjectKind, Oid};

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
    /// Why.
    pub reason: RefusalReason,
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
    /// The signature hashes its message in a way that is not allowed.
    UnsupportedHash {
        /// The hash's name.
        algorithm: String,
    },
    /// The signature cannot be read.
    MalformedSignature {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The signature was made for something else than a commit.
    WrongNamespace {
        /// What it was made for.
        namespace: String,
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
    /// The head does not descend from the commit accepted last.
    NotFastForward {
        /// The commit accepted last.
        accepted: Oid,
    },
}

// === impl Refusal ===

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "commit {}", self.commit)?;
        if !self.subject.is_empty() {
            write!(formatter, " \"{}\"", self.subject)?;
        }
        if !self.author.is_empty() {
            write!(formatter, " by {}", self.author)?;
        }
        write!(formatter, " is refused: {}", self.reason)
    }
}

// === impl RefusalReason ===

impl RefusalReason {
    /// A stable word for conditions, events and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "Unsigned",
            Self::UnsupportedSignature { .. } => "UnsupportedSignature",
            Self::UnsupportedKeyType { .. } => "UnsupportedKeyType",
            Self::UnsupportedHash { .. } => "UnsupportedHash",
            Self::MalformedSignature { .. } => "MalformedSignature",
            Self::WrongNamespace { .. } => "WrongNamespace",
            Self::UnknownKey { .. } => "UnknownKey",
            Self::KeyNotForGit { .. } => "KeyNotForGit",
            Self::BadSignature { .. } => "BadSignature",
            Self::AmbiguousObject { .. } => "AmbiguousObject",
            Self::HashCollision => "HashCollision",
            Self::NotACommit { .. } => "NotACommit",
            Self::NotDescendantOfIntroduction { .. } => "NotDescendantOfIntroduction",
            Self::NotFastForward { .. } => "NotFastForward",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_cause(out)?;
        out.write_str("; ")?;
        self.write_cure(out)
    }
}

impl RefusalReason {
    fn write_cause(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => write!(out, "it is not signed"),
            Self::UnsupportedSignature { kind } => {
                write!(out, "its signature is {kind}, which is not supported yet")
            }
            Self::UnsupportedKeyType { key_type } => {
                write!(
                    out,
                    "its key is of type {key_type}, which is not supported yet"
                )
            }
            Self::UnsupportedHash { algorithm } => {
                write!(
                    out,
                    "its signature uses the hash {algorithm:?}, not sha256 or sha512"
                )
            }
            Self::MalformedSignature { detail } => {
                write!(out, "its signature cannot be read: {detail}")
            }
            Self::WrongNamespace { namespace } => {
                write!(
                    out,
                    "its signature was made for {namespace:?} and not for git"
                )
            }
            Self::UnknownKey { fingerprint } => {
                write!(out, "its key {fingerprint} is not in the allowed signers")
            }
            Self::KeyNotForGit {
                fingerprint,
                principal,
            } => {
                write!(
                    out,
                    "its key {fingerprint} is listed for {principal}, but not for git"
                )
            }
            Self::BadSignature { fingerprint } => {
                write!(
                    out,
                    "it was changed after it was signed with the key {fingerprint}"
                )
            }
            Self::AmbiguousObject { detail } => {
                write!(out, "it can be read in more than one way: {detail}")
            }
            Self::HashCollision => write!(out, "it carries a SHA-1 collision attack"),
            Self::NotACommit { kind } => write!(out, "it is a {kind} and not a commit"),
            Self::NotDescendantOfIntroduction { introduction } => {
                write!(
                    out,
                    "it does not descend from the introduction commit {introduction}"
                )
            }
            Self::NotFastForward { accepted } => write!(
                out,
                "it does not descend from {accepted}, the commit accepted last: the branch was \
                 rewound or rewritten"
            ),
        }
    }

    fn write_cure(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned
            | Self::UnsupportedHash { .. }
            | Self::MalformedSignature { .. }
            | Self::WrongNamespace { .. } => {
                write!(
                    out,
                    "sign it again (git commit --amend -S for the last one) and push"
                )
            }
            Self::UnsupportedSignature { .. } | Self::UnsupportedKeyType { .. } => {
                write!(
                    out,
                    "sign with an ssh-ed25519 key (git config gpg.format ssh)"
                )
            }
            Self::UnknownKey { .. } => write!(
                out,
                "add the key to the trust file on the nodes if you know whose it is, otherwise \
                 sign the commit with a listed key and push"
            ),
            Self::KeyNotForGit { .. } => {
                write!(
                    out,
                    "add git to the namespaces option of its line or use another key"
                )
            }
            Self::BadSignature { .. } | Self::AmbiguousObject { .. } => {
                write!(
                    out,
                    "find out who made it, then make and sign the commit again and push"
                )
            }
            Self::HashCollision => {
                write!(
                    out,
                    "do not use the repository until you know who put it there"
                )
            }
            Self::NotACommit { .. } => write!(out, "point the source at a commit"),
            Self::NotDescendantOfIntroduction { .. } => write!(
                out,
                "check URL and branch of the source, or pin another introduction commit on the \
                 nodes"
            ),
            Self::NotFastForward { accepted } => {
                write!(out, "push a commit that has {accepted} behind it")
            }
        }
    }
}
