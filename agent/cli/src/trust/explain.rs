//! `trust explain`: which rule lets one commit in after each of its parents, or keeps it out.

use windlass_trust::{Introduction, Mode, Oid, Policy, Verdict, verify};

use super::arguments::ExplainArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::pins::Pins;
use super::revision;
use super::words::short;
use crate::screen::Screen;

pub(crate) fn run(screen: &mut Screen<'_>, arguments: &ExplainArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    explain(screen, &clone, arguments).map_err(|error| clone.explain(error))
}

fn explain(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    arguments: &ExplainArguments,
) -> Result<(), TrustError> {
    let signers = Pins::of(clone).signers(&arguments.signers)?;
    let roots = signers.keys();
    let commit = revision::commit(clone, &arguments.commit)?;
    let parents = revision::parents(clone, &commit)?;
    let mut refused = None;
    let mut accepted = parents.is_empty();
    for parent in &parents {
        let policy = Policy {
            signers: signers.clone(),
            introduction: Introduction::Commit(*parent),
            mode: Mode::Path,
        };
        match verify(clone, &policy, None, &commit)? {
            Verdict::Accepted(verdict) => {
                accepted = true;
                let key = verdict
                    .proof
                    .signers
                    .first()
                    .map(|signed| signed.key.as_str());
                let is_root = roots.iter().any(|root| Some(root.key.as_str()) == key);
                screen.success(&let_in(&commit, parent, &verdict.signer, is_root))?;
            }
            Verdict::Refused(refusal) => {
                screen.print(&format!(
                    "✗ {} may not follow {}: {}\n",
                    short(&commit),
                    short(parent),
                    refusal.reason
                ))?;
                refused = Some(refusal);
            }
        }
    }
    if parents.is_empty() {
        screen.print("it has no parents: only an introduction that is pinned can let it in\n")?;
    }
    match refused {
        Some(refusal) if !accepted => Err(TrustError::Wanted {
            what: format!("no rule lets {} in", short(&commit)),
            next: refusal.next_step(),
        }),
        _ => Ok(()),
    }
}

fn let_in(commit: &Oid, parent: &Oid, signer: &str, is_root: bool) -> String {
    let rule = if is_root {
        "whose key is pinned on the nodes and may change everything".to_owned()
    } else {
        format!(
            "whom windlass.policy of {} lets change all that it changes",
            short(parent)
        )
    };
    format!(
        "{} may follow {}: it is signed by {signer}, {rule}",
        short(commit),
        short(parent)
    )
}
