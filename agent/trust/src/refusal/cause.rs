//! What is wrong, in a person's words.

use crate::RefusalReason;

impl RefusalReason {
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each reason")]
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Unsigned => "it is not signed".to_owned(),
            Self::UnsupportedSignature { kind } => {
                format!("its signature is {kind}, which is not supported yet")
            }
            Self::UnsupportedKeyType { key_type } => {
                format!("its key is of type {key_type}, which is not supported")
            }
            Self::WeakKey {
                fingerprint,
                detail,
            } => format!("its key {fingerprint} does not count: {detail}"),
            Self::UnsupportedHash { algorithm } => {
                format!("its signature is made with {algorithm:?}, which is too weak or not known")
            }
            Self::MalformedSignature { detail } => {
                format!("its signature is broken: {detail}")
            }
            Self::WrongNamespace { namespace, wanted } => {
                format!("its signature was made for {namespace:?} and not for {wanted}")
            }
            Self::UnknownKey { fingerprint } => {
                format!("its key {fingerprint} is not in the allowed signers")
            }
            Self::KeyNotForGit {
                fingerprint,
                principal,
            } => {
                format!("its key {fingerprint} is listed for {principal}, but not for git")
            }
            Self::KeyNotValid {
                fingerprint,
                principal,
                fault,
            } => format!("its key {fingerprint} of {principal} {}", fault.cause()),
            Self::PresenceMissing {
                fingerprint,
                demand,
            } => format!("the security key {fingerprint} was not {demand} to sign it"),
            Self::BadSignature { fingerprint } => {
                format!("it was changed after it was signed with the key {fingerprint}")
            }
            Self::AmbiguousObject { detail } => {
                format!("it can be read in two ways: {detail}")
            }
            Self::PathNotAllowed { principal, path } => {
                format!("{principal} may not change {path:?} by windlass.policy")
            }
            Self::TooManyChanges { limit } => format!(
                "more than {limit} paths change in directories of which the signer has not all by windlass.policy"
            ),
            Self::NotABump {
                principal,
                path,
                detail,
            } => format!(
                "{principal} may only raise versions by windlass.policy, and changes more in {path:?}: {detail}"
            ),
            Self::RevokedByPolicy {
                fingerprint,
                principal,
            } => format!("its key {fingerprint} of {principal} is revoked by windlass.policy"),
            Self::PolicyNeedsRoot => {
                "it changes windlass.policy, which only a key that is pinned on the nodes may"
                    .to_owned()
            }
            Self::PolicyNeedsMore { needed, found } => format!(
                "it changes windlass.policy, for which {needed} keys that are pinned on the nodes must sign, and {found} did"
            ),
            Self::PolicyInvalid { detail } => format!("its policy cannot be used: {detail}"),
            Self::PolicyRemoved => "it takes windlass.policy away".to_owned(),
            Self::PolicyNotNewer { before, found } => {
                format!(
                    "it changes windlass.policy from version {before} to {found}, which is not higher"
                )
            }
            Self::RevocationDropped { fingerprint } => {
                format!(
                    "its windlass.policy does not revoke {fingerprint} any more, or only softly"
                )
            }
            Self::HashCollision => "it carries a SHA-1 collision attack".to_owned(),
            Self::NotACommit { kind } => format!("it is a {kind} and not a commit"),
            Self::NotDescendantOfIntroduction { introduction } => {
                format!("it does not descend from the introduction commit {introduction}")
            }
            Self::NotOnFirstParents { accepted } => {
                format!("first parents lead past {accepted}, which this merge has on another side")
            }
            Self::TagNotTrusted { tag, cause } => {
                format!("it is not signed, and its tag {tag} does not vouch for it: {cause}")
            }
            Self::LowerVersion { accepted, found } => {
                format!("its version {found} is lower than {accepted}, the version accepted last")
            }
            Self::VersionNotSigned {
                accepted,
                tag,
                cause,
            } => format!(
                "it does not descend from {accepted}, the commit accepted last, and its tag {tag} does not vouch for the higher \
                 version: {cause}"
            ),
            Self::NotAVersion { tag } => format!("its tag {tag:?} is no version"),
            Self::NotThePinnedCommit { pinned } => format!("it is not the pinned commit {pinned}"),
            Self::NotFastForward {
                accepted,
                behind: None,
            } => {
                format!("it does not descend from {accepted}, the commit accepted last")
            }
            Self::NotFastForward {
                accepted,
                behind: Some(commits),
            } => {
                let end = if *commits == 1 { "" } else { "s" };
                format!("it is {commits} commit{end} behind {accepted}, the commit accepted last")
            }
            Self::OverrideNotTrusted { cause } => {
                format!("the override that would go back to it does not count: {cause}")
            }
            Self::OverrideNeedsMore { needed, found } => format!(
                "{needed} keys that are pinned on the nodes must sign the override that goes back to it, and {found} did"
            ),
        }
    }
}
