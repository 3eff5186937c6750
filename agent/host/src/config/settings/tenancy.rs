//! The section that says how far apart the namespaces are kept.

use super::{check_name, is_subdomain};
use crate::config::inputs::SectionReader;

/// `[tenancy]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenancySettings {
    /// Whether an object may name sources of other namespaces.
    pub no_cross_namespace_refs: bool,
    /// The service account that objects are applied as where none is named.
    pub default_service_account: Option<String>,
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> TenancySettings {
    TenancySettings {
        no_cross_namespace_refs: section.boolean("no_cross_namespace_refs", false),
        default_service_account: account(section),
    }
}

fn account(section: &mut SectionReader<'_>) -> Option<String> {
    const KEY: &str = "default_service_account";
    let written = section.text(KEY)?;
    check_name(section, KEY, &written.value, &written.origin, is_subdomain);
    Some(written.value)
}
