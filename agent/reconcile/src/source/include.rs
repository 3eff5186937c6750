//! `spec.include`: other sources whose files are put inside this one. Each is there only if it was vouched for on its own.

use std::sync::Arc;

use windlass_api::git_repository::GitRepositoryInclude;

use super::basis::Rule;
use super::fetch::Snapshot;
use crate::view::layers::Place;

/// One included source, at the revision that is in use.
#[derive(Clone, Debug)]
pub(crate) struct Included {
    /// What the spec says.
    pub(crate) asked: GitRepositoryInclude,
    pub(crate) place: Place,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Included {
    pub(crate) fn new(asked: &GitRepositoryInclude, snapshot: &Snapshot) -> Self {
        let (from, to) = (asked.from_path.as_deref(), asked.to_path.as_deref());
        Included {
            place: Place::new(from, to, &asked.repository.name),
            asked: asked.clone(),
            snapshot: Arc::new(snapshot.clone()),
        }
    }

    fn is_same(&self, other: &Included) -> bool {
        let content =
            |one: &Included| (one.snapshot.revision.clone(), one.snapshot.artifact.clone());
        self.asked == other.asked && content(self) == content(other)
    }
}

/// Whether both include the same files.
pub(crate) fn are_same(one: &[Included], other: &[Included]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other))
}

impl Snapshot {
    /// Whether somebody vouches for all of it, so that what it makes is vouched for too.
    pub(crate) fn is_vouched_for(&self) -> bool {
        self.rule != Rule::Unverified
            && (self.includes.iter()).all(|included| included.snapshot.is_vouched_for())
    }
}
