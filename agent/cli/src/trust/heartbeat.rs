//! `trust heartbeat`: a signed tag says for a while that the repository is looked after.

use jiff::{SignedDuration, Timestamp};
use windlass_trust::{Charter, HEARTBEAT_TAG, POLICY_FILE, heartbeat_message, policy_file};

use super::arguments::HeartbeatArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::programs::Git;
use super::revision;
use super::signing_key::SigningKey;
use super::words::short;
use crate::screen::Screen;

/// As nodes have it: one that never expires says nothing.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(crate) fn run(
    screen: &mut Screen<'_>,
    arguments: &HeartbeatArguments,
) -> Result<(), TrustError> {
    let length = arguments.length;
    if !length.is_positive() || length > LONGEST {
        return Err(TrustError::Wanted {
            what: format!("a heartbeat is not good for {length:#}"),
            next: "give --for a time up to a year, a few times as long as the pause between two of them".to_owned(),
        });
    }
    let clone = LocalClone::open(&arguments.repository)?;
    let git = Git::new(clone.work_dir());
    let commit = revision::commit(&clone, &arguments.commit)?;
    let signing = SigningKey::signing(&git, arguments.key.as_deref())?;
    let until = Timestamp::now() + length;
    let message = heartbeat_message(until.as_second());
    signing.tag_signed(HEARTBEAT_TAG, &commit, &message)?;
    screen.success(&format!(
        "{HEARTBEAT_TAG} over {}: signed, good until {until:.0}",
        short(&commit)
    ))?;
    let text = policy_file(&clone, &commit)?;
    let charter = text.and_then(|text| Charter::parse(&text).ok());
    if charter.is_none_or(|charter| charter.heartbeat().is_none()) {
        screen.action(&format!(
            "nodes listen for it once {POLICY_FILE} has a table [heartbeat]; docs/policy.md shows one"
        ))?;
    }
    let reference = format!("refs/tags/{HEARTBEAT_TAG}");
    if arguments.push {
        git.run(&["push", "--quiet", "--force", "origin", &reference])?;
        return Ok(screen.success("pushed to origin")?);
    }
    Ok(screen.action(&format!("push it: git push --force origin {reference}"))?)
}
