//! The section that says where root puts manifests for this node to apply.

use std::path::PathBuf;

use super::path_or;
use crate::config::inputs::SectionReader;

/// `[manifests]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestsSettings {
    /// The folder; a node without it has none.
    pub dir: PathBuf,
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> ManifestsSettings {
    ManifestsSettings {
        dir: path_or(section, "dir", "/var/lib/windlass/manifests"),
    }
}
