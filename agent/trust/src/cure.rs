//! What to do about a refusal: one sentence with the command.

use crate::{Mode, Refusal, RefusalReason, Since};

pub(crate) fn next_step(refusal: &Refusal) -> String {
    match &refusal.reason {
        RefusalReason::UnsupportedSignature { .. }
        | RefusalReason::UnsupportedKeyType { .. }
        | RefusalReason::WeakKey { .. } => {
            format!("with a listed key of another kind {}", vouch(refusal))
        }
        RefusalReason::KeyNotValid { .. } => format!(
            "if the key is still in good hands, change its validity in the trust file on the nodes; otherwise {}",
            vouch(refusal)
        ),
        RefusalReason::PresenceMissing { .. } => format!(
            "set no-touch-required in its line of the trust file on the nodes, or with somebody at the key {}",
            vouch(refusal)
        ),
        RefusalReason::UnknownKey { .. } => format!(
            "if you know whose key it is, let its owner in (`windlass trust add NAME --key FILE`, or as a root \
             `windlass trust roots add`); otherwise {}",
            vouch(refusal)
        ),
        RefusalReason::KeyNotForGit { .. } => format!(
            "add git to the namespaces option of its line on the nodes, or {}",
            vouch(refusal)
        ),
        RefusalReason::BadSignature { .. } | RefusalReason::AmbiguousObject { .. } => {
            format!(
                "find out who made it; if its content is right, {}",
                vouch(refusal)
            )
        }
        RefusalReason::PolicyInvalid { .. }
        | RefusalReason::PolicyRemoved
        | RefusalReason::PolicyNotNewer { .. }
        | RefusalReason::RevocationDropped { .. } => format!(
            "put windlass.policy right in a new commit (`windlass trust policy check` says what is wrong), then {}",
            vouch(refusal)
        ),
        RefusalReason::PathNotAllowed { .. }
        | RefusalReason::TooManyChanges { .. }
        | RefusalReason::PolicyNeedsRoot => {
            format!("with a key that is pinned on the nodes {}", vouch(refusal))
        }
        RefusalReason::PolicyNeedsMore { .. } => format!(
            "let the others run `windlass trust policy sign`, commit windlass.policy.sig beside it, then {}",
            vouch(refusal)
        ),
        RefusalReason::NotABump { .. } => format!(
            "look at the change (`git show {}`), and if it is wanted, {}",
            refusal.commit,
            vouch(refusal)
        ),
        RefusalReason::HashCollision => format!(
            "do not use the repository until you know who put it there; `git cat-file -p {}` shows it",
            refusal.commit
        ),
        RefusalReason::NotACommit { .. } => format!(
            "point the source at a commit; `git cat-file -p {}` shows what it is",
            refusal.commit
        ),
        _ => find_again(refusal),
    }
}

/// Makes one signed merge that vouches for what is new, without rewriting anything; its first parent is where the node
/// stands.
fn countersign(refusal: &Refusal) -> String {
    let from = match (&refusal.reason, refusal.rule.since.commit()) {
        (RefusalReason::NotFastForward { accepted, .. }, _) => Some(*accepted),
        (_, since) => since,
    };
    let from = from.map_or_else(String::new, |oid| format!(" --from {oid}"));
    format!("run `windlass trust countersign{from}` in a clone and push")
}

/// How new commits are vouched for after the fact.
fn vouch(refusal: &Refusal) -> String {
    match (refusal.rule.mode, refusal.rule.since) {
        (_, Since::FirstSigned | Since::Pinned) => {
            "sign it (`git commit --amend -S`) and push, or let `windlass trust init` make a signed introduction"
                .to_owned()
        }
        (Mode::Path | Mode::FirstParent, _) => countersign(refusal),
        // A merge on top changes nothing where each commit must be signed itself.
        (Mode::All, Since::Accepted(base) | Since::Introduction(base)) => format!(
            "sign what is new again (`git rebase --exec 'git commit --amend --no-edit -S' {base}`) and push with \
             --force-with-lease; `windlass trust countersign` is enough under mode path"
        ),
    }
}

/// What to do where the commit itself is not what stands in the way.
fn find_again(refusal: &Refusal) -> String {
    match &refusal.reason {
        RefusalReason::NotDescendantOfIntroduction { .. } => format!(
            "check URL and branch of the source (`windlass trust show` prints what is pinned); if they are right, \
             {}, or pin another introduction on the nodes",
            countersign(refusal)
        ),
        RefusalReason::NotOnFirstParents { .. } => {
            format!("merge the other way round, or {}", countersign(refusal))
        }
        RefusalReason::TagNotTrusted { .. } => format!(
            "sign the tag with a listed key (`git tag -s -f`) and push it, or {}",
            vouch(refusal)
        ),
        RefusalReason::LowerVersion { accepted, found } => format!(
            "push the tag {accepted} or a higher one; to go back on purpose, commit another range to the source, \
             such as \"{found}\": it begins a line of its own"
        ),
        RefusalReason::VersionNotSigned { accepted, tag, .. } => format!(
            "sign the tag with a key that is pinned on the nodes (`git tag -s -f {tag} {}`) and push it, or release from a \
             commit on top of {accepted}",
            refusal.commit
        ),
        RefusalReason::NotAVersion { .. } => {
            "push a tag such as v1.2.3; `windlass trust show` prints what was accepted".to_owned()
        }
        RefusalReason::NotThePinnedCommit { pinned } => format!(
            "ask the owner of the Git server why it answers with another commit than {pinned}"
        ),
        RefusalReason::NotFastForward { accepted, .. } => format!(
            "what is followed was rewound or rewritten: push a commit on top of {accepted}, or {}; to go back on purpose, \
             sign that with `windlass trust override {}`",
            countersign(refusal),
            refusal.commit
        ),
        RefusalReason::OverrideNotTrusted { .. } => format!(
            "push a commit on top of what was accepted, or sign another override: `windlass trust override {}`",
            refusal.commit
        ),
        RefusalReason::OverrideNeedsMore { .. } => format!(
            "let the others run `git fetch --tags` and `windlass trust override {}` in their clones, and push the tag",
            refusal.commit
        ),
        _ => vouch(refusal),
    }
}
