//! `trust override`: a signed tag takes nodes back to an older commit, once.

use windlass_trust::{
    Introduction, Mode, Oid, Policy, Ratchet, Recall, Recalled, Refusal, RefusalReason, Signers,
    read_recall, recall_tag, verify_recall,
};

use super::arguments::OverrideArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::pins::Pins;
use super::programs::Git;
use super::signing_key::SigningKey;
use super::words::{counted, short};
use super::{agreed, init, revision};
use crate::screen::Screen;

/// From where to where, on which branch.
struct Way {
    branch: String,
    from: Oid,
    to: Oid,
}

/// What is to be signed.
struct Draft {
    /// What the tag is put over: the commit, or the tag of the root who signed before.
    target: Oid,
    /// The tag of that name that is there now.
    before: Option<Oid>,
    recall: Recall,
}

pub(crate) fn run(
    screen: &mut Screen<'_>,
    arguments: &OverrideArguments,
) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    sign(screen, &clone, arguments).map_err(|error| clone.explain(error))
}

fn sign(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    arguments: &OverrideArguments,
) -> Result<(), TrustError> {
    let git = Git::new(clone.work_dir());
    let signers = Pins::of(clone).signers(&arguments.signers)?;
    let way = way(clone, arguments)?;
    let draft = draft(clone, &git, &way, arguments.reason.as_deref())?;
    show(screen, &git, &way, &draft)?;
    let question = format!("Take nodes back to {}?", short(&way.to));
    agreed(screen, &question, arguments.yes)?;
    let signing = SigningKey::signing(&git, arguments.key.as_deref())?;
    let name = recall_tag(&way.to);
    let tag = signing.tag_signed(&name, &draft.target, &draft.recall.message())?;
    match judge(clone, arguments, &way, signers, tag) {
        Ok(Ok(recalled)) => {
            let signers = recalled.signers.join(" and ");
            screen.success(&format!("{name}: signed by {signers}, verified"))?;
            tell_what_next(screen, clone, &way, &name)
        }
        Ok(Err(Refusal {
            reason: RefusalReason::OverrideNeedsMore { needed, found },
            ..
        })) => {
            screen.success(&format!("{name}: signed by {found} of {needed} roots"))?;
            Ok(screen.action(&format!(
                "push it: git push --force origin refs/tags/{name}; then let another root run `git fetch --tags --force` and \
                 `windlass trust override {}`",
                way.to
            ))?)
        }
        refused => {
            git.put_tag_back(&name, draft.before)?;
            Err(match refused {
                Ok(Err(refusal)) => TrustError::Refused(Box::new(refusal)),
                Ok(Ok(_)) => TrustError::Declined,
                Err(error) => error,
            })
        }
    }
}

fn way(clone: &LocalClone, arguments: &OverrideArguments) -> Result<Way, TrustError> {
    let branch = init::branch(clone, arguments.branch.as_deref())?;
    let from = match &arguments.from {
        Some(from) => revision::commit(clone, from)?,
        None => {
            let names = [
                format!("refs/remotes/origin/{branch}"),
                format!("refs/heads/{branch}"),
            ];
            let [remote, local] = names.map(|name| clone.reference(&name));
            match (remote?, local?) {
                (Some(head), _) | (None, Some(head)) => head,
                (None, None) => revision::commit(clone, &branch)?,
            }
        }
    };
    Ok(Way {
        from,
        to: revision::commit(clone, &arguments.to)?,
        branch,
    })
}

/// What is to be said: anew, or what another root said already of this way.
fn draft(
    clone: &LocalClone,
    git: &Git,
    way: &Way,
    reason: Option<&str>,
) -> Result<Draft, TrustError> {
    let before = clone.reference(&format!("refs/tags/{}", recall_tag(&way.to)))?;
    let said = before.and_then(|tag| read_recall(clone, &way.to, &tag));
    if let (Some(target), Some(recall)) = (before, said)
        && recall.from.contains(&way.from)
        && reason.is_none_or(|reason| reason == recall.reason)
    {
        return Ok(Draft {
            target,
            before,
            recall,
        });
    }
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let reason = reason.ok_or_else(|| TrustError::Wanted {
        what: "an override says why".to_owned(),
        next: "give --reason TEXT; nodes show it".to_owned(),
    })?;
    let left = git.run(&["rev-list", &way.from.to_string(), &format!("^{}", way.to)])?;
    let from: Vec<Oid> = left.lines().filter_map(|line| line.parse().ok()).collect();
    if from.is_empty() {
        return Err(TrustError::Wanted {
            what: format!("{} does not lie behind {}", short(&way.to), short(&way.from)),
            next: "name the commit that nodes accepted last with --from (`windlass get sources git` shows it)"
                .to_owned(),
        });
    }
    Ok(Draft {
        target: way.to,
        before,
        recall: Recall {
            from,
            to: way.to,
            reason: reason.to_owned(),
        },
    })
}

fn show(screen: &mut Screen<'_>, git: &Git, way: &Way, draft: &Draft) -> Result<(), TrustError> {
    let format = "--format=%h \"%s\", %ar";
    let [from, to] = [&way.from, &way.to].map(ToString::to_string);
    let changes = git.run(&["diff", "--stat", "--find-renames", &format!("{from}..{to}")])?;
    let text = format!(
        "From  {}\nto    {}\n\n{} is left, because: {}\n\n{}\n\n",
        git.run(&["log", "-1", format, &from])?,
        git.run(&["log", "-1", format, &to])?,
        counted(draft.recall.from.len(), "commit"),
        draft.recall.reason,
        if changes.is_empty() {
            " no file differs"
        } else {
            &changes
        },
    );
    Ok(screen.print(&text)?)
}

/// Judges the tag as a node would that stands where the way begins.
fn judge(
    clone: &LocalClone,
    arguments: &OverrideArguments,
    way: &Way,
    signers: Signers,
    tag: Oid,
) -> Result<Result<Recalled, Refusal>, TrustError> {
    let introduction = match &arguments.introduction {
        Some(named) => Some(revision::commit(clone, named)?),
        None => Pins::of(clone).introduction()?,
    };
    // Where this clone knows of none, only the tag can be judged here.
    let introduction = introduction.unwrap_or(way.to);
    let ratchet = Ratchet {
        head: way.from,
        introduction,
        counter: 1,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let policy = Policy {
        signers,
        introduction: Introduction::Commit(introduction),
        mode: Mode::Path,
    };
    // The tag that git just wrote is there for a reader that opens now.
    let fresh = LocalClone::open(clone.path())?;
    Ok(verify_recall(&fresh, &policy, &ratchet, (way.to, tag))?)
}

fn tell_what_next(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    way: &Way,
    name: &str,
) -> Result<(), TrustError> {
    let Way { branch, to, .. } = way;
    let mut push = format!("push it: git push --force origin refs/tags/{name}");
    if clone.reference(&format!("refs/remotes/origin/{branch}"))? != Some(*to) {
        push.push_str(&format!(
            ", and set the branch back: git push --force-with-lease origin {to}:refs/heads/{branch}"
        ));
    }
    Ok(screen.action(&push)?)
}
