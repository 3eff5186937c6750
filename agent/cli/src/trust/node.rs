//! `trust show` and `trust log`: what a node trusts, from its own files; without network and cluster.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_object::yaml;
use windlass_state::{
    HistoryEntry, Inspection, Line, RatchetError, RatchetFile, StoreError, Verdict,
};
use windlass_trust::{Mode, Proof, Signers, Since};

use super::arguments::{LogArguments, ShowArguments};
use super::error::TrustError;
use super::words::{counted, short};
use crate::arguments::DataOutput;
use crate::screen::Screen;
use crate::{table, words};

/// What a node's configuration says about trust.
#[derive(Debug, Clone)]
pub struct NodeTrust {
    /// The repository of the root source.
    pub url: String,
    /// Its branch.
    pub branch: String,
    /// The keys that may sign.
    pub allowed_signers: PathBuf,
    /// The pinned introduction commit.
    pub introduction: Option<String>,
    /// Which of the new commits must be signed.
    pub mode: Mode,
    /// Where the node keeps its state.
    pub state: PathBuf,
}

/// How many of the newest verdicts are looked through for the last ones of each line.
const LOOKED_THROUGH: usize = 2000;

/// What the configuration says, or that there is none.
pub(crate) fn known(node: Option<&NodeTrust>) -> Result<&NodeTrust, TrustError> {
    node.ok_or_else(|| TrustError::Wanted {
        what: "only a node knows that".to_owned(),
        next: "run it on a node with sudo; in a clone there is `windlass trust verify`".to_owned(),
    })
}

/// Where one line stands, with the last word on it.
struct Standing {
    line: Line,
    head: String,
    introduction: String,
    counter: u64,
    last: Option<HistoryEntry>,
    accepted: Option<HistoryEntry>,
}

pub(crate) fn show(
    screen: &mut Screen<'_>,
    node: &NodeTrust,
    arguments: &ShowArguments,
) -> Result<(), TrustError> {
    let keys = keys(node)?;
    let standings = standings(node)?;
    if let Some(output) = arguments.output {
        return print_data(screen, &shown_data(node, &keys, &standings), output);
    }
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<14}{value}");
    };
    fact(
        "repository",
        &format!("{}, branch {}", node.url, node.branch),
    );
    fact("mode", &format!("{}: {}", node.mode, meaning(node.mode)));
    let introduction = match &node.introduction {
        Some(introduction) => format!("{introduction} (pinned)"),
        None => "the first signed head that this node saw".to_owned(),
    };
    fact("introduction", &introduction);
    fact("keys", &node.allowed_signers.display().to_string());
    for (principal, key, kind) in &keys {
        let _ = writeln!(text, "  {principal}  {kind} {key}");
    }
    text.push('\n');
    text.push_str(&standing_table(&standings));
    text.push_str("\nNo signature covers\n");
    for point in uncovered(node, &standings) {
        let _ = writeln!(text, "  {point}");
    }
    Ok(screen.print(&text)?)
}

pub(crate) fn log(
    screen: &mut Screen<'_>,
    node: &NodeTrust,
    arguments: &LogArguments,
) -> Result<(), TrustError> {
    let wanted = |entry: &HistoryEntry| {
        arguments
            .source
            .as_ref()
            .is_none_or(|part| entry.line.to_string().contains(part))
    };
    let entries = history(node)?.into_iter().filter(wanted);
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

/// What each mode asks for.
fn meaning(mode: Mode) -> &'static str {
    match mode {
        Mode::Path => "whoever signs a merge vouches for what comes in from the side",
        Mode::FirstParent => "each commit on the way by first parents is signed",
        Mode::All => "every new commit is signed",
    }
}

fn standing_table(standings: &[Standing]) -> String {
    if standings.is_empty() {
        return "nothing was accepted yet\n".to_owned();
    }
    let now = Timestamp::now().as_second();
    let rows: Vec<Vec<String>> = standings
        .iter()
        .map(|standing| {
            let last = standing.last.as_ref().map_or_else(
                || "-".to_owned(),
                |entry| {
                    let age = words::age(now - entry.at);
                    format!("{} {} {age} ago", entry.verdict.as_str(), short(&entry.to))
                },
            );
            vec![
                standing.line.source.clone(),
                standing.line.selector.clone(),
                words::shorten_digests(&standing.head),
                standing.counter.to_string(),
                last,
            ]
        })
        .collect();
    table::aligned(
        &["source", "follows", "stands at", "step", "last verdict"],
        &rows,
    )
}

/// What reaches the cluster on other grounds than a signature of its own.
fn uncovered(node: &NodeTrust, standings: &[Standing]) -> Vec<String> {
    let mut points = Vec::new();
    for standing in standings {
        points.push(format!(
            "{}: what lies before {} and its files, trusted by that id",
            standing.line.source,
            words::shorten_digests(&standing.introduction)
        ));
        let proof = standing
            .accepted
            .as_ref()
            .and_then(|entry| entry.proof.as_ref());
        let side = proof.map_or(0, |proof| {
            proof.new_commits.saturating_sub(proof.checked_commits())
        });
        if side > 0 {
            points.push(format!(
                "{}: {} from the side, which whoever signed the merge vouches for",
                standing.line.source,
                counted(side, "commit")
            ));
        }
    }
    if node.introduction.is_none() {
        points.push(
            "the choice of the introduction: none is pinned, so the first signed head became it"
                .to_owned(),
        );
    }
    points.push("what images hold: pin them by digest".to_owned());
    points.push("Secrets and ConfigMaps of the cluster that manifests refer to (substituteFrom, valuesFrom)".to_owned());
    points
}

/// The keys, as name, fingerprint and kind.
fn keys(node: &NodeTrust) -> Result<Vec<(String, String, &'static str)>, TrustError> {
    let path = &node.allowed_signers;
    let bytes = std::fs::read(path).map_err(|source| TrustError::Read {
        path: path.clone(),
        source,
    })?;
    let name = path.display().to_string();
    let signers = Signers::parse([(name.as_str(), bytes.as_slice())])?;
    let keys = signers.keys().into_iter();
    Ok(keys
        .map(|key| (key.principal, key.key, key.kind.as_str()))
        .collect())
}

fn standings(node: &NodeTrust) -> Result<Vec<Standing>, TrustError> {
    let history = history(node)?;
    let ratchets = RatchetFile::open(&node.state).map_err(lost)?;
    let standings = ratchets.lines().map(|(line, ratchet)| {
        let of_line = || history.iter().filter(|entry| entry.line == *line);
        Standing {
            line: line.clone(),
            head: ratchet.head.to_string(),
            introduction: ratchet.introduction.to_string(),
            counter: ratchet.counter,
            last: of_line().next().cloned(),
            accepted: of_line()
                .find(|entry| entry.verdict == Verdict::Accepted)
                .cloned(),
        }
    });
    Ok(standings.collect())
}

fn history(node: &NodeTrust) -> Result<Vec<HistoryEntry>, TrustError> {
    let inspection = Inspection::open(&node.state).map_err(unreadable)?;
    inspection.history(LOOKED_THROUGH).map_err(unreadable)
}

fn unreadable(error: StoreError) -> TrustError {
    TrustError::Wanted {
        what: error.to_string(),
        next: "only root and the agent's user may look: run it with sudo".to_owned(),
    }
}

fn lost(error: RatchetError) -> TrustError {
    TrustError::Usage(error.to_string())
}

fn shown_data(
    node: &NodeTrust,
    keys: &[(String, String, &'static str)],
    standings: &[Standing],
) -> Value {
    let keys = keys
        .iter()
        .map(|(principal, key, kind)| json!({ "principal": principal, "key": key, "kind": kind }));
    let lines = standings.iter().map(|standing| {
        json!({
            "source": standing.line.source,
            "url": standing.line.url,
            "follows": standing.line.selector,
            "head": standing.head,
            "introduction": standing.introduction,
            "step": standing.counter,
            "lastVerdict": standing.last.as_ref().map(entry_data),
        })
    });
    json!({
        "url": node.url,
        "branch": node.branch,
        "mode": node.mode,
        "introduction": node.introduction,
        "signers": node.allowed_signers,
        "keys": keys.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
        "uncovered": uncovered(node, standings),
    })
}

fn entry_data(entry: &HistoryEntry) -> Value {
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

/// Prints data as the other commands do.
pub(crate) fn print_data(
    screen: &mut Screen<'_>,
    data: &Value,
    output: DataOutput,
) -> Result<(), TrustError> {
    let text = match output {
        DataOutput::Json => format!("{data:#}\n"),
        DataOutput::Yaml => yaml::to_string(data),
    };
    Ok(screen.print(&text)?)
}
