//! `trust policy`: what a `windlass.policy` says, and whether it may take the place of another.

mod draft;
mod edit;
mod sign;

use std::fs;

use windlass_trust::{Charter, Duty, POLICY_FILE, Revocation, policy_file};

pub(super) use self::draft::{Draft, NewPrincipal};

use super::arguments::{
    PolicyCheckArguments, PolicyShowArguments, PolicyWhat, RepositoryArguments,
};
use super::clone::LocalClone;
use super::error::TrustError;
use super::revision;
use super::words::{counted, quoted, short, shown};
use crate::screen::Screen;

pub(crate) fn run(screen: &mut Screen<'_>, what: &PolicyWhat) -> Result<(), TrustError> {
    match what {
        PolicyWhat::Show(arguments) => show(screen, arguments),
        PolicyWhat::Check(arguments) => check(screen, arguments),
        PolicyWhat::Edit(arguments) => edit::run(screen, arguments),
        PolicyWhat::Sign(arguments) => sign::run(screen, arguments),
    }
}

fn show(screen: &mut Screen<'_>, arguments: &PolicyShowArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let commit = revision::commit(&clone, &arguments.commit)?;
    let Some(text) = policy_file(&clone, &commit)? else {
        let line = format!(
            "{} has no {POLICY_FILE}: only keys that are pinned on the nodes may sign",
            short(&commit)
        );
        screen.success(&line)?;
        return Ok(());
    };
    let charter = read(&text)?;
    screen.print(&described(&charter))?;
    Ok(())
}

fn check(screen: &mut Screen<'_>, arguments: &PolicyCheckArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let file = arguments.file.clone();
    let path = file.unwrap_or_else(|| clone.work_dir().join(POLICY_FILE));
    let text = fs::read(&path).map_err(|source| TrustError::Read {
        path: path.clone(),
        source,
    })?;
    let charter = read(&text)?;
    let after = revision::commit(&clone, &arguments.after)?;
    let before = policy_file(&clone, &after)?.filter(|before| *before != text);
    // One that cannot be read grants nothing, and a root gets past it.
    if let Some(before) = before.and_then(|before| Charter::parse(&before).ok()) {
        may_follow(
            &charter,
            &before,
            &shown(&path),
            &format!("the one of {}", short(&after)),
        )?;
    }
    screen.success(&format!(
        "{} may follow {}: version {}, {}, {} revoked; commit it with a key that is pinned on the nodes",
        shown(&path),
        short(&after),
        charter.version(),
        counted(charter.principals().count(), "principal"),
        counted(charter.revocations().count(), "key"),
    ))?;
    Ok(())
}

/// Whether a file may take the place of another one.
fn may_follow(
    charter: &Charter,
    before: &Charter,
    file: &str,
    other: &str,
) -> Result<(), TrustError> {
    charter
        .follows(before)
        .map_err(|reason| TrustError::Wanted {
            what: format!("{file} may not follow {other}: {reason}"),
            next: format!(
                "raise its version above {} and keep every revocation",
                before.version()
            ),
        })
}

/// Says what the file is now and how it gets to the nodes.
pub(super) fn tell_what_next(
    screen: &mut Screen<'_>,
    charter: &Charter,
    subject: &str,
) -> Result<(), TrustError> {
    screen.success(&format!(
        "{POLICY_FILE} is version {} now",
        charter.version()
    ))?;
    if charter.threshold() > 1 {
        screen.action(&format!(
            "{} keys that are pinned on the nodes must sign it: `windlass trust policy sign`, each of them",
            charter.threshold()
        ))?;
    }
    let commit = format!("git commit -S -m {} {POLICY_FILE}", quoted(subject));
    Ok(screen.action(&format!(
        "look at it (git diff), then commit it with a key that is pinned on the nodes: git add {POLICY_FILE} && {commit}"
    ))?)
}

pub(super) fn read(text: &[u8]) -> Result<Charter, TrustError> {
    Charter::parse(text).map_err(|error| TrustError::Wanted {
        what: error.to_string(),
        next: "correct it; docs/policy.md has every field".to_owned(),
    })
}

fn described(charter: &Charter) -> String {
    let mut text = format!("version {}\n", charter.version());
    if charter.threshold() > 1 {
        text.push_str(&format!(
            "{} pinned keys must sign a change of it\n",
            charter.threshold()
        ));
    }
    for (name, duty, paths) in charter.principals() {
        let may = match duty {
            Duty::Sign => "change",
            Duty::Bump => "raise versions in",
        };
        text.push_str(&format!("{name} may {may} {}\n", paths.join(", ")));
        for (key, _) in charter.keys().filter(|(_, owner)| *owner == name) {
            text.push_str(&format!("  {key}\n"));
        }
    }
    if let Some(keys) = charter.heartbeat() {
        text.push_str("it asks for a heartbeat, by a pinned key");
        for key in keys.keys() {
            text.push_str(&format!(" or {}", key.key));
        }
        text.push('\n');
    }
    let unrendered: Vec<&str> = charter.unrendered().collect();
    if !unrendered.is_empty() {
        text.push_str(&format!("no render reads {}\n", unrendered.join(", ")));
    }
    for (key, how) in charter.revocations() {
        let since = match how {
            Revocation::Soft => "revoked from here on",
            Revocation::Hard => "revoked for all that is not accepted yet",
        };
        text.push_str(&format!("{key} {since}\n"));
    }
    text
}
