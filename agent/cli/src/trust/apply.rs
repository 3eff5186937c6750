//! `trust apply`: the roots of a clone written onto nodes, over ssh; and what a node does with them.

use std::collections::BTreeSet;
use std::io::Read as _;

use windlass_trust::Signers;

use super::agreed;
use super::arguments::ApplyArguments;
use super::change::Change;
use super::clone::LocalClone;
use super::error::TrustError;
use super::node::{NodeTrust, known};
use super::pins::{Keys, Pins, shown};
use super::programs::ssh::Ssh;
use crate::screen::Screen;

/// What a node says that has them already.
const SAME: &str = "has these keys already\n";

/// Most bytes that a node takes.
const LIMIT: u64 = 1024 * 1024;

pub(crate) fn run(
    screen: &mut Screen<'_>,
    node: Option<&NodeTrust>,
    arguments: &ApplyArguments,
) -> Result<(), TrustError> {
    if arguments.node.is_empty() {
        return take(screen, known(node)?, arguments);
    }
    let keys = Pins::of(&LocalClone::open(&arguments.repository)?).keys()?;
    give(screen, &keys, arguments)
}

/// Shows what would change on each node, and changes it.
fn give(
    screen: &mut Screen<'_>,
    keys: &Keys,
    arguments: &ApplyArguments,
) -> Result<(), TrustError> {
    let bundle =
        serde_json::to_string(keys).map_err(|error| TrustError::Usage(error.to_string()))?;
    let (mut wanting, mut failed) = (Vec::new(), Vec::new());
    for name in &arguments.node {
        let node = Ssh::new(&arguments.far, name)?;
        match node.windlass(&["trust", "apply", "--check"], &bundle) {
            Ok(said) => {
                screen.print(&format!("{name}\n{}", indented(&said)))?;
                if !said.contains(SAME.trim_end()) {
                    wanting.push(node);
                }
            }
            Err(error) => {
                screen.failure(&format!("{name}: {error}"))?;
                failed.push(name.clone());
            }
        }
    }
    if arguments.check {
        wanting.clear();
    }
    if !wanting.is_empty() {
        let question = format!("Write them to {}?", names(&wanting));
        agreed(screen, &question, arguments.yes)?;
    }
    for node in wanting {
        match node.windlass(&["trust", "apply", "--yes"], &bundle) {
            Ok(_) => screen.success(&format!("{}: its roots are these now", node.name()))?,
            Err(error) => {
                screen.failure(&format!("{}: {error}", node.name()))?;
                failed.push(node.name().to_owned());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(TrustError::Wanted {
        what: format!(
            "not told: {}; each goes by the roots that it has",
            failed.join(", ")
        ),
        next: format!(
            "windlass trust apply --node {}, when they answer",
            failed.join(",")
        ),
    })
}

fn names(nodes: &[Ssh<'_>]) -> String {
    let names: Vec<&str> = nodes.iter().map(Ssh::name).collect();
    names.join(", ")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// On the node: reads keys from its standard input, looks at all of them, and puts them in the place of those that count.
fn take(
    screen: &mut Screen<'_>,
    node: &NodeTrust,
    arguments: &ApplyArguments,
) -> Result<(), TrustError> {
    let keys = read()?;
    let text = changes(node, &keys)?;
    screen.print(&text)?;
    if arguments.check || text == SAME {
        return Ok(());
    }
    agreed(screen, "Let these keys count on this node?", arguments.yes)?;
    write(node, &keys)
}

fn read() -> Result<Keys, TrustError> {
    let mut text = String::new();
    std::io::stdin().take(LIMIT).read_to_string(&mut text)?;
    serde_json::from_str(&text).map_err(|error| TrustError::Wanted {
        what: format!("what was to be read are no keys: {error}"),
        next: "run it on your laptop, in the clone: windlass trust apply --node NODE".to_owned(),
    })
}

/// What counts from then on and did not, and what does no more.
fn changes(node: &NodeTrust, keys: &Keys) -> Result<String, TrustError> {
    let old = Keys::read(&node.key_files)?;
    let all = |keys: &Keys| -> Result<BTreeSet<String>, TrustError> {
        Ok(keys.signers()?.keys().iter().map(shown).collect())
    };
    let (now, then) = (all(&old)?, all(keys)?);
    if then.is_empty() {
        return Err(TrustError::Usage(
            "no key could sign any more; nothing was changed".to_owned(),
        ));
    }
    if old == *keys {
        return Ok(SAME.to_owned());
    }
    let mut text = String::new();
    for (sign, keys) in [("+", then.difference(&now)), ("-", now.difference(&then))] {
        text.extend(keys.map(|key| format!("{sign} {key}\n")));
    }
    let before: BTreeSet<&str> = old.lines.lines().collect();
    for line in keys.lines.lines().filter(|line| !before.contains(line)) {
        let signers = Signers::parse([("line", line.as_bytes())])?.keys();
        if signers.iter().map(shown).any(|key| now.contains(&key)) {
            text.push_str(&format!("~ {line}\n"));
        }
    }
    if text.is_empty() {
        text.push_str("the same keys, written otherwise\n");
    }
    if now.is_disjoint(&then) {
        text.push_str("! nobody who could sign until now can any more\n");
    }
    Ok(text)
}

/// The files of a node that say it, the list of keys first.
fn files(node: &NodeTrust, keys: &Keys) -> Vec<Change> {
    let Some(list) = node.key_files.first() else {
        return Vec::new();
    };
    let certificates = keys.certificates.iter().map(|(name, text)| Change {
        path: list.with_file_name(name),
        text: text.clone(),
    });
    let lines = Change {
        path: list.clone(),
        text: keys.lines.clone(),
    };
    [lines].into_iter().chain(certificates).collect()
}

/// What is new comes before what is old goes: at no time does nobody's key count.
fn write(node: &NodeTrust, keys: &Keys) -> Result<(), TrustError> {
    let files = files(node, keys);
    let Some(list) = node.key_files.first() else {
        return Ok(());
    };
    for change in files.iter().rev() {
        change.write(Some(list))?;
    }
    let stays = |path: &&std::path::PathBuf| !files.iter().any(|change| change.path == **path);
    for path in node.key_files.iter().filter(stays) {
        std::fs::remove_file(path).map_err(|source| TrustError::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}
