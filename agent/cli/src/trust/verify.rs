//! `trust verify`: whether nodes would accept a history, and why, commit by commit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use windlass_trust::{
    Charter, Introduction, Mode, Oid, Policy, RefusalReason, Verdict, verify_each, verify_under,
};

use super::arguments::VerifyArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::pins::Pins;
use super::policy;
use super::report::Report;
use super::revision::{self, Range};
use crate::screen::{Eyes, Screen};

pub(crate) fn run(screen: &mut Screen<'_>, arguments: &VerifyArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    judge(screen, &clone, arguments).map_err(|error| clone.explain(error))
}

/// Whether nodes whose trust begins right before the newest commit of a clone, or where `trust init` had it begin, would take that commit.
pub(crate) fn newest(repository: &Path, signers: &[PathBuf]) -> Result<(), TrustError> {
    let clone = LocalClone::open(repository)?;
    let head = revision::range(&clone, "HEAD")?.to;
    let parent = revision::parents(&clone, &head)?.first().copied();
    let begun = Pins::of(&clone).introduction()?.is_some();
    let range = parent.filter(|_| !begun);
    let arguments = VerifyArguments {
        repository: repository.to_owned(),
        range: range.map(|parent| format!("{parent}..HEAD")),
        signers: signers.to_vec(),
        mode: Mode::Path,
        introduction: None,
        policy: None,
        quiet: true,
        output: None,
    };
    let (mut results, mut progress) = (io::sink(), io::sink());
    run(
        &mut Screen::new(&mut results, &mut progress, Eyes::Program),
        &arguments,
    )
}

fn judge(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    arguments: &VerifyArguments,
) -> Result<(), TrustError> {
    let pins = Pins::of(clone);
    let range = revision::range(clone, arguments.range.as_deref().unwrap_or("HEAD"))?;
    let begin = begin(clone, &pins, arguments, &range)?;
    let policy = Policy {
        signers: pins.signers(&arguments.signers)?,
        introduction: match begin {
            Begin::After(oid) => Introduction::Commit(oid),
            Begin::AtRoot(_) => Introduction::FirstSigned,
        },
        mode: arguments.mode,
    };
    let file = arguments.policy.as_deref();
    let under = Under {
        policy,
        charter: file.map(charter).transpose()?,
    };
    let mut report = Report::new(screen, arguments);
    if let Begin::AtRoot(root) = begin {
        // Nothing vouches for the first commit but its own signature.
        let verdict = look(clone, &under, &root, &mut report)?;
        if matches!(verdict, Verdict::Refused(_)) || root == range.to {
            return report.finish(&range.to, verdict);
        }
    }
    let under = Under {
        policy: Policy {
            introduction: Introduction::Commit(begin.commit()),
            ..under.policy
        },
        ..under
    };
    let verdict = look(clone, &under, &range.to, &mut report)?;
    report.finish(&range.to, verdict)
}

/// What the commits are judged by.
struct Under {
    policy: Policy,
    /// What stands for the policies in the commits.
    charter: Option<Charter>,
}

fn charter(path: &Path) -> Result<Charter, TrustError> {
    let text = fs::read(path).map_err(|source| TrustError::Read {
        path: path.to_owned(),
        source,
    })?;
    policy::read(&text)
}

/// Where the commits that are looked at begin.
#[derive(Debug, Clone, Copy)]
enum Begin {
    /// After a commit that is vouched for by its id.
    After(Oid),
    /// At the first commit of the history, which must itself be signed.
    AtRoot(Oid),
}

impl Begin {
    fn commit(self) -> Oid {
        match self {
            Self::After(oid) | Self::AtRoot(oid) => oid,
        }
    }
}

fn begin(
    clone: &LocalClone,
    pins: &Pins,
    arguments: &VerifyArguments,
    range: &Range,
) -> Result<Begin, TrustError> {
    if let Some(from) = range.from {
        return Ok(Begin::After(from));
    }
    if let Some(introduction) = &arguments.introduction {
        return revision::commit(clone, introduction).map(Begin::After);
    }
    if let Some(introduction) = pins.introduction()? {
        return Ok(Begin::After(introduction));
    }
    root(clone, range.to).map(Begin::AtRoot)
}

/// The first commit of a history, by first parents.
fn root(clone: &LocalClone, head: Oid) -> Result<Oid, TrustError> {
    let mut oid = head;
    while let Some(parent) = revision::parents(clone, &oid)?.first() {
        oid = *parent;
    }
    Ok(oid)
}

fn look(
    clone: &LocalClone,
    under: &Under,
    head: &Oid,
    report: &mut Report<'_, '_>,
) -> Result<Verdict, TrustError> {
    let tell = &mut |commit| report.tell(commit);
    let verdict = match &under.charter {
        Some(charter) => verify_under(clone, &under.policy, charter, head, tell)?,
        None => verify_each(clone, &under.policy, None, head, tell)?,
    };
    if let Verdict::Refused(refusal) = &verdict
        && clone.is_shallow()
        && let RefusalReason::NotDescendantOfIntroduction { introduction } = refusal.reason
    {
        return Err(TrustError::Shallow {
            missing: introduction,
        });
    }
    Ok(verdict)
}
