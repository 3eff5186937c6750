//! The section that says who this node is.

use std::net::IpAddr;
use std::path::Path;

use super::{check_name, is_subdomain, listen};
use crate::config::inputs::{Located, SectionReader};

/// `[node]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// The name this node goes by in Leases and events.
    pub name: String,
    /// At which address the cluster reaches it; else the one that its Node has.
    pub address: Option<IpAddr>,
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
    Some(NodeSettings {
        name,
        address: listen::address(section),
    })
}
