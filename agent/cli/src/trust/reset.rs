//! `trust reset`: when all keys are lost, trust begins anew on a node, with a commit and keys that a person names there.
//!
//! Every reset is noted in the state directory for ever, before anything changes. The agent lifts the ratchet only where that note
//! and the configuration name the same introduction.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use toml_edit::{DocumentMut, value};
use windlass_state::RESET_FILE;
use windlass_trust::Signers;

use super::agreed;
use super::arguments::ResetArguments;
use super::change::Change;
use super::error::TrustError;
use super::node::NodeTrust;
use super::pins;
use crate::screen::Screen;

pub(crate) fn run(
    screen: &mut Screen<'_>,
    node: &NodeTrust,
    arguments: &ResetArguments,
) -> Result<(), TrustError> {
    let (keys, signers) = keys(node, arguments)?;
    let config = config(node, arguments)?;
    screen.print(&shown(node, arguments, &keys))?;
    let question = format!("Let trust in {} begin anew?", node.source);
    agreed(screen, &question, arguments.yes)?;
    note(node, arguments, &keys)?;
    for change in signers.iter().chain([&config]) {
        change.write(Some(&change.path))?;
    }
    screen.success(&format!(
        "trust in {} begins with {} on this node",
        node.source, arguments.introduction
    ))?;
    Ok(screen.action(
        "let the agent read it: sudo systemctl reload windlass; do the same on the other nodes",
    )?)
}

/// The keys that count from now on, and the file to write where they are others.
fn keys(
    node: &NodeTrust,
    arguments: &ResetArguments,
) -> Result<(Vec<String>, Option<Change>), TrustError> {
    let mut read = Vec::new();
    let mut change = None;
    for (number, path) in node.key_files.iter().enumerate() {
        let from = arguments.signers.as_ref().filter(|_| number == 0);
        let text = read_file(from.unwrap_or(path))?;
        if from.is_some() {
            let (path, text) = (path.clone(), text.clone());
            change = Some(Change { path, text });
        }
        read.push((path.display().to_string(), text));
    }
    let files = read
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()));
    let signers = Signers::parse(files)?;
    let keys: Vec<String> = signers.keys().iter().map(pins::shown).collect();
    if keys.is_empty() {
        return Err(TrustError::Wanted {
            what: "there would be no key that may sign".to_owned(),
            next: "give --signers FILE; `windlass trust init --again` in a clone writes one"
                .to_owned(),
        });
    }
    Ok((keys, change))
}

/// The configuration with the new introduction.
fn config(node: &NodeTrust, arguments: &ResetArguments) -> Result<Change, TrustError> {
    let path = arguments.config.clone();
    let text = read_file(&path)?;
    let unusable = |why: String| TrustError::Unusable {
        path: path.clone(),
        why,
    };
    let mut document: DocumentMut = text.parse().map_err(|error| unusable(format!("{error}")))?;
    let root = document
        .get_mut("root")
        .and_then(|root| root.as_table_mut());
    let root = root.ok_or_else(|| unusable("has no table [root]".to_owned()))?;
    if node.introduction.is_some() && !root.contains_key("introduction") {
        return Err(unusable(
            "does not name the introduction that is pinned: another file of the configuration does; put it here first"
                .to_owned(),
        ));
    }
    root.insert("introduction", value(arguments.introduction.to_string()));
    Ok(Change {
        text: document.to_string(),
        path,
    })
}

fn shown(node: &NodeTrust, arguments: &ResetArguments, keys: &[String]) -> String {
    let before = node
        .introduction
        .as_deref()
        .unwrap_or("the first signed head");
    let mut text = format!(
        "{} follows {}, branch {}.\n\nTrust began with {before}\nand begins anew {}\n\nWho may sign from then on:\n",
        node.source, node.url, node.branch, arguments.introduction
    );
    for key in keys {
        text.push_str(&format!("  {key}\n"));
    }
    text.push_str(
        "\nWhat was accepted before counts for nothing then, and no signature says that this is the right commit: you do.\n\n",
    );
    text
}

/// Notes it for ever, on the disk before anything else is.
fn note(node: &NodeTrust, arguments: &ResetArguments, keys: &[String]) -> Result<(), TrustError> {
    let path = node.state.join(RESET_FILE);
    let line = format!(
        "{:.0} {} {} instead of {}; keys: {}\n",
        Timestamp::now(),
        node.source,
        arguments.introduction,
        node.introduction
            .as_deref()
            .unwrap_or("the first signed head"),
        keys.join(", ")
    );
    let mut options = OpenOptions::new();
    // The agent believes only what nobody else can write.
    let opened = options.append(true).create(true).mode(0o644).open(&path);
    opened
        .and_then(|mut file| {
            file.write_all(line.as_bytes())?;
            file.sync_all()
        })
        .map_err(|source| TrustError::Write { path, source })
}

fn read_file(path: &Path) -> Result<String, TrustError> {
    fs::read_to_string(path).map_err(|source| TrustError::Read {
        path: path.to_owned(),
        source,
    })
}
