//! `trust add`, `retire` and `revoke`: who is in `windlass.policy`, from one version to the next.

use windlass_trust::{POLICY_FILE, Revocation};

use super::arguments::{AddArguments, RetireArguments, RevokeArguments};
use super::clone::LocalClone;
use super::error::TrustError;
use super::pins::Pins;
use super::policy::{Draft, NewPrincipal, tell_what_next};
use super::programs::Git;
use super::signing_key::SigningKey;
use crate::screen::Screen;

pub(crate) fn add(screen: &mut Screen<'_>, arguments: &AddArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let git = Git::new(clone.work_dir());
    let key = SigningKey::named(&git, &arguments.key)?;
    let mut draft = Draft::open(&clone)?;
    draft.add(&NewPrincipal {
        name: &arguments.name,
        public: &key.public,
        paths: &arguments.paths,
        bumps: arguments.role.is_some(),
    })?;
    let finished = draft.finish()?;
    finished.write()?;
    tell_what_next(
        screen,
        &finished.charter,
        &format!("Let {} in", arguments.name),
    )
}

pub(crate) fn retire(
    screen: &mut Screen<'_>,
    arguments: &RetireArguments,
) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let mut draft = Draft::open(&clone)?;
    let gone = draft.retire(&arguments.who)?;
    let finished = draft.finish()?;
    finished.write()?;
    screen.success(&format!(
        "{gone} is out of {POLICY_FILE}; what was signed until then stays good"
    ))?;
    tell_what_next(
        screen,
        &finished.charter,
        &format!("Retire {}", arguments.who),
    )
}

pub(crate) fn revoke(
    screen: &mut Screen<'_>,
    arguments: &RevokeArguments,
) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let mut draft = Draft::open(&clone)?;
    let how = if arguments.hard {
        Revocation::Hard
    } else {
        Revocation::Soft
    };
    let keys = draft.revoke(&arguments.who, how, &arguments.reason)?;
    let finished = draft.finish()?;
    finished.write()?;
    let reach = match how {
        Revocation::Soft => "what it signs after this commit counts no more",
        Revocation::Hard => "nothing that it signed and no node has accepted counts any more",
    };
    for key in &keys {
        screen.success(&format!("{key} is revoked: {reach}"))?;
        if is_pinned(&clone, key) {
            screen.action(&format!(
                "{key} is pinned as a root: take it out of the trust files of the nodes too"
            ))?;
        }
    }
    tell_what_next(
        screen,
        &finished.charter,
        &format!("Revoke {}", arguments.who),
    )
}

/// Whether this clone knows the key as a root; a clone without pins knows of none.
fn is_pinned(clone: &LocalClone, key: &str) -> bool {
    let roots = Pins::of(clone).signers(&[]).unwrap_or_default();
    roots.keys().iter().any(|root| root.key == key)
}
