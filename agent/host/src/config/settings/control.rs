//! The section that says how commands reach the agent.

use std::path::PathBuf;

use super::path_or;
use crate::config::inputs::SectionReader;

/// `[control]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSettings {
    /// The agent's socket for commands on this node.
    pub socket: PathBuf,
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> ControlSettings {
    ControlSettings {
        socket: path_or(section, "socket", windlass_api::names::CONTROL_SOCKET),
    }
}
