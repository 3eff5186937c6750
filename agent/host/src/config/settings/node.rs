//! The section that says what this node is.

use std::net::IpAddr;
use std::path::Path;

use super::{check_name, is_subdomain, listen};
use crate::config::inputs::{Located, SectionReader};

/// `[node]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// The name this node goes by in Leases and events.
    pub name: String,
    /// What it does in the cluster.
    pub role: Role,
    /// Whether it may write there.
    pub mode: NodeMode,
    /// At which address the cluster reaches it; else the one that its Node has.
    pub address: Option<IpAddr>,
}

/// What a node does in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Leads when it is its turn, and stands by otherwise.
    #[default]
    Leader,
    /// Fetches, verifies, keeps and bears witness. It never leads, and writes nothing but its own Lease.
    Cache,
    /// As a leader, on a machine that is no node of the cluster.
    External,
}

/// Whether a node may write to the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeMode {
    /// It does what its role says.
    #[default]
    Active,
    /// It looks at what it would do, beside whoever does it now, and writes nothing.
    Observe,
}

// === impl NodeSettings ===

impl NodeSettings {
    /// Whether this node only looks.
    #[must_use]
    pub fn observes(&self) -> bool {
        self.mode == NodeMode::Observe
    }

    /// Whether this node may ever lead.
    #[must_use]
    pub fn may_lead(&self) -> bool {
        self.role != Role::Cache && !self.observes()
    }
}

pub(super) fn judge(
    section: &mut SectionReader<'_>,
    main: &Path,
    hostname: Option<&str>,
) -> Option<NodeSettings> {
    let name = match section.text("name") {
        Some(Located { value, origin }) => {
            check_name(section, "name", &value, &origin, is_subdomain);
            value
        }
        None => hostname
            .map(str::to_ascii_lowercase)
            .filter(|name| is_subdomain(name))
            .or_else(|| {
                let message = "[node] name is needed: the host name is unreadable or no valid name";
                section.problems.add(main, None, message);
                None
            })?,
    };
    let role = section.parsed("role", Role::default(), |text| match text {
        "leader" => Ok(Role::Leader),
        "cache" => Ok(Role::Cache),
        "external" => Ok(Role::External),
        _ => Err(format!(
            "must be \"leader\", \"cache\" or \"external\", not {text:?}"
        )),
    });
    let mode = section.parsed("mode", NodeMode::default(), |text| match text {
        "active" => Ok(NodeMode::Active),
        "observe" if role == Role::Cache => {
            Err("\"observe\" is for a node that would lead; a cache never writes".to_owned())
        }
        "observe" => Ok(NodeMode::Observe),
        _ => Err(format!("must be \"active\" or \"observe\", not {text:?}")),
    });
    Some(NodeSettings {
        name,
        role,
        mode,
        address: listen::address(section),
    })
}
