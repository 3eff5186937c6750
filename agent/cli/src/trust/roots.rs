//! `trust roots`: the keys that a clone knows as pinned on the nodes. Nodes follow them only when they are told, by `trust apply`.

use serde::{Deserialize, Serialize};

use super::arguments::{RootsAddArguments, RootsFetchArguments, RootsRemoveArguments, RootsWhat};
use windlass_trust::Signer;

use super::agreed;
use super::clone::LocalClone;
use super::error::TrustError;
use super::node::{NodeTrust, known};
use super::pins::{Keys, Pins, shown};
use super::programs::Git;
use super::programs::ssh::Ssh;
use super::signing_key::SigningKey;
use crate::screen::Screen;

const NEXT: &str =
    "the nodes go by the old ones until they are told: windlass trust apply --node a,b,c";

/// What a node goes by.
#[derive(Debug, Serialize, Deserialize)]
struct Pinned {
    keys: Keys,
    introduction: Option<String>,
}

pub(crate) fn run(
    screen: &mut Screen<'_>,
    node: Option<&NodeTrust>,
    what: &RootsWhat,
) -> Result<(), TrustError> {
    match what {
        RootsWhat::Show(arguments) => {
            let keys = Pins::of(&LocalClone::open(&arguments.repository)?).keys()?;
            Ok(screen.print(&listed(&keys)?)?)
        }
        RootsWhat::Fetch(arguments) => fetch(screen, arguments),
        RootsWhat::Print(_) => print(screen, known(node)?),
        RootsWhat::Add(arguments) => add(screen, arguments),
        RootsWhat::Remove(arguments) => remove(screen, arguments),
    }
}

/// A clone that knows roots keeps them: it is the one that says what they are.
fn fetch(screen: &mut Screen<'_>, arguments: &RootsFetchArguments) -> Result<(), TrustError> {
    let pins = Pins::of(&LocalClone::open(&arguments.repository)?);
    if pins.signers_file().exists() {
        return Err(TrustError::Wanted {
            what: format!(
                "{} is there: this clone knows roots",
                pins.signers_file().display()
            ),
            next: "remove that file first, if the node knows better".to_owned(),
        });
    }
    let node = Ssh::new(&arguments.far, &arguments.node)?;
    let printed = node.windlass(&["trust", "roots", "print"], "")?;
    let unreadable = |error: String| TrustError::Program {
        command: format!("ssh {}", arguments.node),
        said: error,
    };
    let pinned: Pinned =
        serde_json::from_str(&printed).map_err(|error| unreadable(error.to_string()))?;
    screen.print(&listed(&pinned.keys)?)?;
    let question = format!(
        "This is what {} says. Compare it with another node; let this clone go by it?",
        arguments.node
    );
    agreed(screen, &question, arguments.yes)?;
    match &pinned.introduction {
        None => pins.write_keys(&pinned.keys)?,
        Some(text) => {
            let introduction = text
                .parse()
                .map_err(|error| unreadable(format!("{text}: {error}")))?;
            pins.write(&pinned.keys, &introduction)?;
        }
    }
    let said = format!("this clone knows the roots of {}", arguments.node);
    Ok(screen.success(&said)?)
}

fn print(screen: &mut Screen<'_>, node: &NodeTrust) -> Result<(), TrustError> {
    let pinned = Pinned {
        keys: Keys::read(&node.key_files)?,
        introduction: node.introduction.clone(),
    };
    let text =
        serde_json::to_string(&pinned).map_err(|error| TrustError::Usage(error.to_string()))?;
    Ok(screen.print(&format!("{text}\n"))?)
}

fn add(screen: &mut Screen<'_>, arguments: &RootsAddArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let key = SigningKey::named(&Git::new(clone.work_dir()), &arguments.key)?;
    let pins = Pins::of(&clone);
    let mut keys = pins.keys()?;
    let mut alone = Keys::default();
    alone.add(&arguments.name, &key.public);
    let (before, added) = (keys.signers()?.keys(), alone.signers()?.keys());
    let is_there = |key: &Signer| before.iter().any(|old| old.key == key.key);
    let in_the_way = alone
        .certificates
        .keys()
        .any(|name| keys.certificates.contains_key(name));
    if in_the_way || added.iter().any(is_there) {
        return Err(TrustError::Wanted {
            what: format!(
                "the key {}, or a certificate of that name, is there already",
                arguments.key
            ),
            next: "`windlass trust roots show` lists them".to_owned(),
        });
    }
    keys.add(&arguments.name, &key.public);
    pins.write_keys(&keys)?;
    screen.success(&format!(
        "{} may sign everything, as a root",
        arguments.name
    ))?;
    Ok(screen.action(NEXT)?)
}

fn remove(screen: &mut Screen<'_>, arguments: &RootsRemoveArguments) -> Result<(), TrustError> {
    let pins = Pins::of(&LocalClone::open(&arguments.repository)?);
    let mut keys = pins.keys()?;
    let gone = keys.remove(&arguments.who)?;
    let wanted = |what: String, next: &str| TrustError::Wanted {
        what,
        next: next.to_owned(),
    };
    if gone.is_empty() {
        let what = format!(
            "{} is neither the name nor the fingerprint of a root",
            arguments.who
        );
        return Err(wanted(what, "`windlass trust roots show` lists them"));
    }
    if keys.signers()?.keys().is_empty() {
        let what = format!("{} is the last root", arguments.who);
        return Err(wanted(
            what,
            "add another one first: windlass trust roots add NAME --key FILE",
        ));
    }
    pins.write_keys(&keys)?;
    for key in gone {
        screen.success(&format!("{key} is no root any more"))?;
    }
    Ok(screen.action(NEXT)?)
}

fn listed(keys: &Keys) -> Result<String, TrustError> {
    let keys = keys.signers()?.keys();
    Ok(keys.iter().map(|key| format!("{}\n", shown(key))).collect())
}
