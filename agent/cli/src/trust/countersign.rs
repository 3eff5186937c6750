//! `trust countersign`: one signed merge vouches for commits that nobody signed, without a forced push.
//!
//! Its first parent is the commit accepted last and its files are the branch's, so that the way back from it to the
//! accepted commit is one step and everything else came in from the side.

use windlass_trust::{Introduction, Mode, Oid, Policy, Signers, Verdict, verify};

use super::arguments::CountersignArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::pins::Pins;
use super::programs::{Git, NewCommit};
use super::signing_key::SigningKey;
use super::words::{counted, short};
use super::{agreed, init, revision};
use crate::screen::Screen;

/// How many commits are listed; the rest is counted.
const LISTED: usize = 50;

/// What is to be vouched for.
struct Gap {
    branch: String,
    accepted: Oid,
    head: Oid,
}

pub(crate) fn run(
    screen: &mut Screen<'_>,
    arguments: &CountersignArguments,
) -> Result<(), TrustError> {
    if arguments.mode == Mode::All {
        return Err(TrustError::Wanted {
            what: "nodes whose mode is all want every single commit signed; a merge vouches for none".to_owned(),
            next: "set mode = \"path\" in [root] of the nodes' config.toml, or make the commits again, signed".to_owned(),
        });
    }
    let clone = LocalClone::open(&arguments.repository)?;
    vouch(screen, &clone, arguments).map_err(|error| clone.explain(error))
}

fn vouch(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    arguments: &CountersignArguments,
) -> Result<(), TrustError> {
    let git = Git::new(clone.work_dir());
    let signers = Pins::of(clone).signers(&arguments.signers)?;
    let gap = gap(clone, &git, &signers, arguments)?;
    let node = since(&gap.accepted, arguments.mode, &signers);
    if is_accepted(clone, &node, &gap.head)? {
        let head = short(&gap.head);
        let what = format!("{head} is accepted as it is; there is nothing to vouch for");
        return Ok(screen.success(&what)?);
    }
    show(screen, &git, &gap)?;
    let question = format!("Vouch for all of it, as it is now on {}?", gap.branch);
    agreed(screen, &question, arguments.yes)?;
    let signing = SigningKey::signing(&git, arguments.key.as_deref())?;
    let merge = merge(clone, &signing, &gap)?;
    // The objects that git just wrote are there for a reader that opens now.
    let fresh = LocalClone::open(clone.path())?;
    if let Verdict::Refused(refusal) = verify(&fresh, &node, None, &merge)? {
        return Err(TrustError::Refused(Box::new(refusal)));
    }
    git.move_branch(&gap.branch, &gap.head, &merge, "windlass trust countersign")?;
    screen.success(&format!(
        "{} on {}: signed, verified",
        short(&merge),
        gap.branch
    ))?;
    Ok(screen.action(&format!("push it: git push origin {}", gap.branch))?)
}

fn gap(
    clone: &LocalClone,
    git: &Git,
    signers: &Signers,
    arguments: &CountersignArguments,
) -> Result<Gap, TrustError> {
    let branch = init::branch(clone, arguments.branch.as_deref())?;
    let head = revision::commit(clone, &format!("refs/heads/{branch}"))?;
    git.check_pulled(clone, &branch, &head)?;
    let accepted = match &arguments.from {
        Some(from) => revision::commit(clone, from)?,
        None => {
            let policy = policy(clone, arguments.mode, signers)?;
            last_accepted(clone, git, &policy, &head)?
        }
    };
    Ok(Gap {
        branch,
        accepted,
        head,
    })
}

/// The rule of this clone.
fn policy(clone: &LocalClone, mode: Mode, signers: &Signers) -> Result<Policy, TrustError> {
    let introduction = Pins::of(clone).introduction()?;
    Ok(Policy {
        signers: signers.clone(),
        introduction: introduction.map_or(Introduction::FirstSigned, Introduction::Commit),
        mode,
    })
}

/// The rule of a node that stands at this commit.
fn since(accepted: &Oid, mode: Mode, signers: &Signers) -> Policy {
    Policy {
        signers: signers.clone(),
        introduction: Introduction::Commit(*accepted),
        mode,
    }
}

/// Finds the newest commit behind the head that a node would accept, the way by first parents first: nodes went that way.
fn last_accepted(
    clone: &LocalClone,
    git: &Git,
    policy: &Policy,
    head: &Oid,
) -> Result<Oid, TrustError> {
    let alone = Policy {
        introduction: Introduction::FirstSigned,
        ..policy.clone()
    };
    let id = head.to_string();
    for order in ["--first-parent", "--date-order"] {
        for line in git.run(&["rev-list", order, &id])?.lines() {
            let Ok(oid) = line.parse::<Oid>() else {
                continue;
            };
            if policy.introduction == Introduction::Commit(oid) {
                return Ok(oid);
            }
            // A look at the commit itself is quick; only a signed one can be a place where nodes stand.
            if is_accepted(clone, &alone, &oid)? && is_accepted(clone, policy, &oid)? {
                return Ok(oid);
            }
        }
    }
    Err(TrustError::Wanted {
        what: "no commit of this branch is signed by a listed key".to_owned(),
        next: "name the commit that nodes accepted last with --from (`windlass get sources git` shows it), or begin \
               with `windlass trust init`"
            .to_owned(),
    })
}

fn is_accepted(clone: &LocalClone, policy: &Policy, head: &Oid) -> Result<bool, TrustError> {
    Ok(matches!(
        verify(clone, policy, None, head)?,
        Verdict::Accepted(_)
    ))
}

fn show(screen: &mut Screen<'_>, git: &Git, gap: &Gap) -> Result<(), TrustError> {
    let range = format!("{}..{}", gap.accepted, gap.head);
    let format = "--format=  %h  %<(50,trunc)%s  %an, %ar";
    let commits = git.run(&["log", "--reverse", format, &range])?;
    let commits: Vec<&str> = commits.lines().collect();
    let accepted = git.run(&["log", "-1", "--format=%h \"%s\"", &gap.accepted.to_string()])?;
    let mut text = format!(
        "Since {accepted}, which nodes accepted last, {} has {}:\n\n",
        gap.branch,
        counted(commits.len(), "commit"),
    );
    for commit in commits.iter().rev().take(LISTED).rev() {
        text.push_str(commit);
        text.push('\n');
    }
    if commits.len() > LISTED {
        text.push_str(&format!("  and {} before them\n", commits.len() - LISTED));
    }
    if !git.is_ancestor(&gap.accepted, &gap.head) {
        text.push_str(
            "\nThe branch was rewritten: what nodes accepted last is not behind it any more.\n",
        );
    }
    let changes = git.run(&["diff", "--stat", "--find-renames", &range])?;
    let changes = if changes.is_empty() {
        " no file differs"
    } else {
        &changes
    };
    text.push_str(&format!(
        "\n{changes}\n\nLook closer with: git diff {}..{}\n\n",
        short(&gap.accepted),
        short(&gap.head)
    ));
    Ok(screen.print(&text)?)
}

fn merge(clone: &LocalClone, git: &Git, gap: &Gap) -> Result<Oid, TrustError> {
    let count = git.run(&[
        "rev-list",
        "--count",
        &format!("{}..{}", gap.accepted, gap.head),
    ])?;
    let commits = counted(count.parse().unwrap_or_default(), "commit");
    let message = format!(
        "Countersign {commits}\n\nWhoever signs this vouches for everything between {} and {}.\n",
        gap.accepted, gap.head
    );
    // A head that cannot be read is better found before the signature is asked for.
    revision::parents(clone, &gap.head)?;
    git.commit_signed(&NewCommit {
        tree_of: gap.head,
        parents: &[gap.accepted, gap.head],
        message: &message,
    })
}
