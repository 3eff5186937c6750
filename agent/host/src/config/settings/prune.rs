//! The section that says how much a revision may delete without asking.

use crate::config::inputs::SectionReader;

/// `[prune]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruneSettings {
    /// Whether a revision that deletes much is held.
    pub guard: bool,
    /// Percent of the objects of a Kustomization; more is much.
    pub share: u32,
    /// Fewer objects are never much.
    pub least: u32,
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> PruneSettings {
    PruneSettings {
        guard: section.boolean("guard", true),
        share: section.number("share", 30, 1, 100),
        least: section.number("least", 10, 1, 10_000),
    }
}
