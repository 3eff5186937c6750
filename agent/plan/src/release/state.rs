//! Where a release stands.

use std::fmt;

use windlass_api::helm_release::{HelmReleaseSpec, HelmReleaseStatus};

use crate::release::failures::Remediation;
use crate::release::history::{has_been_tested, has_failed_test, latest};

/// Where a release is kept, goes, and comes from.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// Namespace of its Secrets.
    pub storage_namespace: &'p str,
    /// Namespace it goes to.
    pub namespace: &'p str,
    /// Its name, shortened.
    pub release: &'p str,
    /// Its chart's name.
    pub chart: &'p str,
}

/// The newest revision in the storage, compared with what it should be.
#[derive(Clone, Copy, Debug)]
pub struct Found<'f> {
    /// Helm's word for where it stands.
    pub status: &'f str,
    /// Whether its digest is the one in the history. A history of another version of Flux has other digests, and
    /// is believed.
    pub observed: bool,
    /// Whether chart and version are the wanted ones.
    pub same_chart: bool,
    /// Whether the values are the wanted ones.
    pub same_values: bool,
    /// Digest of the post-renderers in the spec; none where there are none.
    pub post_renderers: Option<&'f str>,
    /// Digest of the common metadata in the spec; none where there is none.
    pub common_metadata: Option<&'f str>,
}

/// Where a release stands, and why where that is worth words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not there.
    Absent(&'static str),
    /// It is there, but not as we left it.
    Unmanaged(&'static str),
    /// Something else is wanted.
    OutOfSync(&'static str),
    /// An action on it was begun and not ended.
    Locked(String),
    /// Its tests have not run.
    Untested,
    /// It is as it should be.
    InSync,
    /// It failed, or a test of it did.
    Failed(&'static str),
}

/// A status that says nothing about what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear(pub String);

// === impl Unclear ===

impl fmt::Display for Unclear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "unable to determine state for release with status '{}'",
            self.0
        )
    }
}

impl std::error::Error for Unclear {}

/// Where a release stands; `found` is none where the storage holds none of it.
///
/// # Errors
/// Its newest revision has a status that nothing can follow from.
pub fn state(
    spec: &HelmReleaseSpec,
    status: &HelmReleaseStatus,
    generation: i64,
    found: Option<&Found<'_>>,
) -> Result<State, Unclear> {
    const UNINSTALLED: &str = "found uninstalled release in storage";
    let Some(found) = found else {
        return Ok(State::Absent("no release in storage for object"));
    };
    if found.status.starts_with("pending-") {
        return Ok(State::Locked(format!(
            "release with status '{}'",
            found.status
        )));
    }
    if latest(&status.history).is_none() {
        return Ok(match found.status {
            "uninstalled" => State::Absent(UNINSTALLED),
            _ => State::Unmanaged("found existing release in storage"),
        });
    }
    if !found.observed {
        return Ok(State::Unmanaged(
            "release not observed to be made for object",
        ));
    }
    match found.status {
        "failed" => Ok(State::Failed("")),
        "uninstalled" => Ok(State::Absent(UNINSTALLED)),
        "deployed" => Ok(deployed(spec, status, generation, found)),
        other => Err(Unclear(other.to_owned())),
    }
}

fn deployed(
    spec: &HelmReleaseSpec,
    status: &HelmReleaseStatus,
    generation: i64,
    found: &Found<'_>,
) -> State {
    if !found.same_chart {
        return State::OutOfSync("release chart changed");
    }
    if !found.same_values {
        return State::OutOfSync("release config values changed");
    }
    // Digests are noted after an action, so within one generation they are never compared again.
    if status.observed_generation != Some(generation) {
        if found.post_renderers != status.observed_post_renderers_digest.as_deref() {
            return State::OutOfSync("postrenderers digest has changed");
        }
        if found.common_metadata != status.observed_common_metadata_digest.as_deref() {
            return State::OutOfSync("common metadata digest has changed");
        }
    }
    if let Some(test) = spec.test.as_ref().filter(|test| test.enable) {
        let current = latest(&status.history);
        if !current.is_some_and(has_been_tested) {
            return State::Untested;
        }
        let remediation = Remediation::active(spec, status);
        let counts = remediation.is_some_and(|remediation| {
            !remediation
                .ignores_failed_tests
                .unwrap_or(test.ignore_failures)
        });
        if counts && current.is_some_and(has_failed_test) {
            return State::Failed("release has test in failed phase");
        }
    }
    State::InSync
}
