//! `trust show`: what a node trusts; without network and cluster.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_object::yaml;
use windlass_state::{HistoryEntry, Line, Verdict};
use windlass_trust::{Mode, Signers};

use super::arguments::ShowArguments;
use super::error::TrustError;
use super::log::entry_data;
use super::record::Record;
use super::words::{counted, short};
use crate::arguments::DataOutput;
use crate::screen::Screen;
use crate::{table, words};

/// What a node's configuration says about trust.
#[derive(Debug, Clone)]
pub struct NodeTrust {
    /// The root source, as NAMESPACE/NAME.
    pub source: String,
    /// The repository of the root source.
    pub url: String,
    /// Its branch.
    pub branch: String,
    /// The files with the keys that may sign.
    pub key_files: Vec<PathBuf>,
    /// The list of sources that the node itself allows; it need not be there.
    pub sources: PathBuf,
    /// The pinned introduction commit.
    pub introduction: Option<String>,
    /// Which of the new commits must be signed.
    pub mode: Mode,
    /// Where the node keeps its state.
    pub state: PathBuf,
    /// Where its agent can be asked.
    pub socket: PathBuf,
}

/// What the configuration says, or that there is none.
pub(crate) fn known(node: Option<&NodeTrust>) -> Result<&NodeTrust, TrustError> {
    node.ok_or_else(|| TrustError::Wanted {
        what: "only a node knows that: no agent answers here, and there is no configuration that can be read".to_owned(),
        next: "run it on a node with sudo; in a clone there is `windlass trust verify`".to_owned(),
    })
}

/// A key that may sign, and where it is listed.
struct NodeKey<'a> {
    file: &'a Path,
    principal: String,
    key: String,
    kind: &'static str,
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
    record: &Record<'_>,
    arguments: &ShowArguments,
) -> Result<(), TrustError> {
    let keys = keys(node)?;
    let listed = listed(node)?;
    let standings = standings(record)?;
    if let Some(output) = arguments.output {
        let data = shown_data(node, &keys, &listed, &standings);
        return print_data(screen, &data, output);
    }
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", format!("{name:<14}{value}").trim_end());
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
    fact("keys", "");
    for key in &keys {
        let file = key.file.display();
        let _ = writeln!(
            text,
            "  {}  {} {}  ({file})",
            key.principal, key.kind, key.key
        );
    }
    if !listed.is_empty() {
        let _ = writeln!(text, "sources listed by {}", node.sources.display());
    }
    for line in &listed {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
    text.push_str(&standing_table(&standings));
    text.push_str("\nNo signature covers\n");
    for point in uncovered(node, &listed, &standings) {
        let _ = writeln!(text, "  {point}");
    }
    Ok(screen.print(&text)?)
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
fn uncovered(node: &NodeTrust, listed: &[String], standings: &[Standing]) -> Vec<String> {
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
    let unverified = listed
        .iter()
        .filter_map(|line| line.strip_suffix("unverified"));
    points.extend(unverified.map(|url| {
        format!(
            "{}: all of it, because {} says so",
            url.trim(),
            node.sources.display()
        )
    }));
    points.push("what images hold: pin them by digest".to_owned());
    points.push("Secrets and ConfigMaps of the cluster that manifests refer to (substituteFrom, valuesFrom)".to_owned());
    points
}

fn keys(node: &NodeTrust) -> Result<Vec<NodeKey<'_>>, TrustError> {
    let mut keys = Vec::new();
    for file in &node.key_files {
        let bytes = std::fs::read(file).map_err(|source| TrustError::Read {
            path: file.clone(),
            source,
        })?;
        let name = file.display().to_string();
        let signers = Signers::parse([(name.as_str(), bytes.as_slice())])?;
        keys.extend(signers.keys().into_iter().map(|key| NodeKey {
            file,
            principal: key.principal,
            key: key.key,
            kind: key.kind.as_str(),
        }));
    }
    Ok(keys)
}

/// The lines of the node's own list, as they stand there.
fn listed(node: &NodeTrust) -> Result<Vec<String>, TrustError> {
    let text = match std::fs::read_to_string(&node.sources) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|source| TrustError::Read {
            path: node.sources.clone(),
            source,
        })?,
    };
    let lines = text.lines().filter_map(|line| line.split('#').next());
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

fn standings(record: &Record<'_>) -> Result<Vec<Standing>, TrustError> {
    let history = record.history()?;
    let ratchets = record.ratchets()?;
    let standings = ratchets.into_iter().map(|(line, ratchet)| {
        let of_line = || history.iter().filter(|entry| entry.line == line);
        Standing {
            head: ratchet.head.to_string(),
            introduction: ratchet.introduction.to_string(),
            counter: ratchet.counter,
            last: of_line().next().cloned(),
            accepted: of_line()
                .find(|entry| entry.verdict == Verdict::Accepted)
                .cloned(),
            line,
        }
    });
    Ok(standings.collect())
}

fn shown_data(
    node: &NodeTrust,
    keys: &[NodeKey<'_>],
    listed: &[String],
    standings: &[Standing],
) -> Value {
    let keys = keys
        .iter()
        .map(|key| json!({ "principal": key.principal, "key": key.key, "kind": key.kind, "file": key.file }));
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
        "sources": listed,
        "keys": keys.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
        "uncovered": uncovered(node, listed, standings),
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
