//! `trust log`: what a node accepted and refused; without network and cluster.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_state::{HistoryEntry, Verdict};
use windlass_trust::{Proof, Since};

use super::arguments::LogArguments;
use super::error::TrustError;
use super::node::print_data;
use super::record::Record;
use super::words::{counted, short};
use crate::screen::Screen;

pub(crate) fn run(
    screen: &mut Screen<'_>,
    record: &Record<'_>,
    arguments: &LogArguments,
) -> Result<(), TrustError> {
    let wanted = |entry: &HistoryEntry| {
        arguments
            .source
            .as_ref()
            .is_none_or(|part| entry.line.to_string().contains(part))
    };
    let entries = record.history()?.into_iter().filter(wanted);
    let entries: Vec<HistoryEntry> = entries.take(arguments.limit).collect();
    if let Some(output) = arguments.output {
        let data = Value::Array(entries.iter().map(entry_data).collect());
        return print_data(screen, &data, output);
    }
    if entries.is_empty() {
        return Ok(screen.print("nothing was accepted or refused yet\n")?);
    }
    let mut text = String::new();
    for entry in &entries {
        text.push_str(&entry_text(entry));
    }
    Ok(screen.print(&text)?)
}

fn entry_text(entry: &HistoryEntry) -> String {
    let at = Timestamp::from_second(entry.at).unwrap_or_default();
    let (sign, detail) = match entry.verdict {
        Verdict::Accepted => ("✔", accepted_detail(entry)),
        Verdict::Refused => ("✗", entry.reason.clone()),
    };
    let head = short(&entry.to);
    let from = entry
        .from
        .map_or_else(String::new, |from| format!("{}..", short(&from)));
    format!(
        "{sign} {at}  {} {}  {from}{head}\n    {detail}\n",
        entry.line.source, entry.line.selector
    )
}

fn accepted_detail(entry: &HistoryEntry) -> String {
    let Some(proof) = &entry.proof else {
        let new = usize::try_from(entry.commits).unwrap_or_default();
        return format!("{} new, signed by {}", counted(new, "commit"), entry.signer);
    };
    let mut text = format!(
        "{} new {}, mode {}",
        counted(proof.new_commits, "commit"),
        since_words(proof.since),
        proof.mode
    );
    for signed in &proof.signers {
        let _ = write!(
            text,
            "; {} signed by {} ({})",
            signed.commits, signed.principal, signed.key
        );
    }
    let side = proof.new_commits.saturating_sub(proof.checked_commits());
    if side > 0 {
        let _ = write!(text, "; {side} from the side, vouched for by a merge");
    }
    if !proof.left.is_empty() {
        let left = counted(proof.left.len(), "commit");
        let _ = write!(text, "; an override left {left}");
    }
    text
}

pub(crate) fn since_words(since: Since) -> String {
    match since {
        Since::Accepted(oid) => format!("since {}", short(&oid)),
        Since::Introduction(oid) => format!("since the introduction {}", short(&oid)),
        Since::FirstSigned => "as the first signed head".to_owned(),
        Since::Pinned => "by the id that a verified commit names".to_owned(),
    }
}

/// An entry as data.
pub(crate) fn entry_data(entry: &HistoryEntry) -> Value {
    let proof: Option<&Proof> = entry.proof.as_ref();
    json!({
        "at": Timestamp::from_second(entry.at).unwrap_or_default().to_string(),
        "source": entry.line.source,
        "url": entry.line.url,
        "follows": entry.line.selector,
        "from": entry.from,
        "to": entry.to,
        "verdict": entry.verdict.as_str(),
        "reason": entry.reason,
        "signer": entry.signer,
        "commits": entry.commits,
        "proof": proof,
    })
}
