//! `trust accept`: a person on the node says at which commit a source stood whose ratchet is lost.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use windlass_state::{ACCEPT_FILE, Inspection, Line, RatchetError, RatchetFile};

use super::arguments::AcceptArguments;
use super::error::TrustError;
use super::node::NodeTrust;
use super::record::unreadable;
use crate::screen::Screen;

pub(crate) fn run(
    screen: &mut Screen<'_>,
    node: &NodeTrust,
    arguments: &AcceptArguments,
) -> Result<(), TrustError> {
    let (source, commit) = (&arguments.source, arguments.commit);
    let is_name = |(namespace, name): (&str, &str)| {
        !namespace.is_empty() && !name.is_empty() && !name.contains(char::is_whitespace)
    };
    if !source.split_once('/').is_some_and(is_name) {
        return Err(TrustError::Usage(format!(
            "{source:?} is no source; name it as NAMESPACE/NAME, such as flux-system/flux-system"
        )));
    }
    // A word that nobody waits for would lie there and decide the next loss.
    if !is_lost(node, source)? {
        return Err(TrustError::Wanted {
            what: format!("the ratchet of {source} is not lost; there is nothing to decide"),
            next: "`windlass trust show` says where it stands".to_owned(),
        });
    }
    let path = node.state.join(ACCEPT_FILE);
    let mut options = OpenOptions::new();
    // The agent believes only what nobody else can write.
    let opened = options.append(true).create(true).mode(0o644).open(&path);
    opened
        .and_then(|mut file| file.write_all(format!("{source} {commit}\n").as_bytes()))
        .map_err(|source| TrustError::Write { path, source })?;
    screen.success(&format!("{source} stood at {commit}"))?;
    Ok(screen.action(
        "the agent follows it within the interval of the source, if the commit verifies from the introduction on",
    )?)
}

/// Whether one of the source's lines has to be made again.
fn is_lost(node: &NodeTrust, source: &str) -> Result<bool, TrustError> {
    let ratchets = match RatchetFile::open(&node.state) {
        Err(RatchetError::Lost { .. }) => return Ok(true),
        opened => opened.map_err(|error| TrustError::Usage(error.to_string()))?,
    };
    let inspection = Inspection::open(&node.state).map_err(unreadable)?;
    let kept = inspection.kept_lines().map_err(unreadable)?;
    let mut lines: Vec<Line> = kept
        .into_iter()
        .map(|(line, _)| line)
        .filter(|line| line.source == source)
        .collect();
    if lines.is_empty() && !ratchets.lines().any(|(line, _)| line.source == source) {
        // Nothing of it is kept here, so which line it follows only the agent knows.
        lines.push(Line {
            source: source.to_owned(),
            url: String::new(),
            selector: String::new(),
        });
    }
    Ok(lines.iter().any(|line| ratchets.is_lost(line)))
}
