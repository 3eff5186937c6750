//! What `trust verify` prints: a line for each commit, then the verdict.

use serde_json::{Value, json};
use windlass_trust::{Accepted, CommitReport, Mode, Oid, Refusal, Role, SignedCommits, Verdict};

use super::arguments::VerifyArguments;
use super::error::TrustError;
use super::log::since_words;
use super::node::print_data;
use super::words::{counted, short};
use crate::arguments::DataOutput;
use crate::screen::Screen;

/// Takes what is told of each commit and prints it as it comes; as data, at the end.
pub(crate) struct Report<'s, 'w> {
    screen: &'s mut Screen<'w>,
    output: Option<DataOutput>,
    quiet: bool,
    mode: Mode,
    commits: Vec<Value>,
    /// Why printing stopped; nobody reads any more.
    broken: Option<std::io::Error>,
}

// === impl Report ===

impl<'s, 'w> Report<'s, 'w> {
    pub(crate) fn new(screen: &'s mut Screen<'w>, arguments: &VerifyArguments) -> Self {
        Self {
            screen,
            output: arguments.output,
            quiet: arguments.quiet,
            mode: arguments.mode,
            commits: Vec::new(),
            broken: None,
        }
    }

    /// One commit, parents before children.
    pub(crate) fn tell(&mut self, commit: CommitReport) {
        if self.output.is_some() {
            self.commits.push(commit_data(&commit));
            return;
        }
        let is_refused = commit.role == Role::Checked && commit.signed.is_err();
        if (self.quiet && !is_refused) || self.broken.is_some() {
            return;
        }
        self.broken = self.screen.print(&commit_text(&commit)).err();
    }

    /// The verdict on the head; a refusal is an error, so that the exit code says it.
    pub(crate) fn finish(self, head: &Oid, verdict: Verdict) -> Result<(), TrustError> {
        if let Some(broken) = self.broken {
            return Err(broken.into());
        }
        if let Some(output) = self.output {
            let data = verdict_data(head, self.mode, self.commits, &verdict);
            print_data(self.screen, &data, output)?;
        }
        match verdict {
            Verdict::Accepted(accepted) => {
                if self.output.is_none() {
                    for line in accepted_lines(&accepted) {
                        self.screen.success(&line)?;
                    }
                }
                Ok(())
            }
            Verdict::Refused(refusal) => Err(TrustError::Refused(Box::new(refusal))),
        }
    }
}

fn commit_text(report: &CommitReport) -> String {
    let (sign, who) = match (&report.signed, report.role) {
        (Ok(signer), Role::Checked) => ("✔", signer.principal.clone()),
        (_, Role::VouchedFor { by }) => ("·", format!("vouched for by {}", short(&by))),
        (Err(reason), Role::Checked) => ("✗", reason.code().to_owned()),
    };
    format!(
        "{sign} {}  {who}  {}\n",
        short(&report.commit),
        report.subject
    )
}

fn accepted_lines(accepted: &Accepted) -> Vec<String> {
    let proof = &accepted.proof;
    let new = match proof.new_commits {
        0 => "nothing new".to_owned(),
        number => counted(number, "new commit"),
    };
    let mut lines = vec![format!(
        "{} is accepted: {new} {}, mode {}",
        short(&proof.to),
        since_words(proof.since),
        proof.mode
    )];
    lines.extend(proof.signers.iter().map(signed_line));
    let side = proof.new_commits.saturating_sub(proof.checked_commits());
    if side > 0 {
        lines.push(format!(
            "{side} came in from the side, vouched for by a merge"
        ));
    }
    lines
}

fn signed_line(signed: &SignedCommits) -> String {
    format!(
        "{} signed by {}, {}",
        signed.commits, signed.principal, signed.key
    )
}

fn commit_data(report: &CommitReport) -> Value {
    let (signer, reason) = match &report.signed {
        Ok(signer) => (
            json!({ "principal": signer.principal, "key": signer.key, "kind": signer.kind.as_str() }),
            Value::Null,
        ),
        Err(reason) => (
            Value::Null,
            json!({ "code": reason.code(), "message": reason.to_string() }),
        ),
    };
    let (verdict, by) = match report.role {
        Role::Checked if report.signed.is_ok() => ("signed", None),
        Role::Checked => ("refused", None),
        Role::VouchedFor { by } => ("vouched-for", Some(by)),
    };
    json!({
        "commit": report.commit,
        "subject": report.subject,
        "author": report.author,
        "verdict": verdict,
        "vouchedForBy": by,
        "signer": signer,
        "reason": reason,
    })
}

fn verdict_data(head: &Oid, mode: Mode, commits: Vec<Value>, verdict: &Verdict) -> Value {
    let (accepted, since, signers, refusal) = match verdict {
        Verdict::Accepted(accepted) => {
            let proof = &accepted.proof;
            (true, proof.since, json!(proof.signers), Value::Null)
        }
        Verdict::Refused(refusal) => (false, refusal.rule.since, json!([]), refusal_data(refusal)),
    };
    json!({
        "head": head,
        "since": since.commit(),
        "mode": mode,
        "accepted": accepted,
        "signers": signers,
        "refusal": refusal,
        "commits": commits,
    })
}

fn refusal_data(refusal: &Refusal) -> Value {
    json!({
        "commit": refusal.commit,
        "subject": refusal.subject,
        "author": refusal.author,
        "code": refusal.reason.code(),
        "message": refusal.statement(),
        "next": refusal.next_step(),
    })
}
