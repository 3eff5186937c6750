//! The section that times the Leases.

use std::time::Duration;

use super::{MINUTE, SECOND};
use crate::config::inputs::SectionReader;

/// client-go jitters retries by 20 %, so the deadline must leave room for one jittered retry.
const RETRY_JITTER_PERCENT: u32 = 120;

/// `[leadership]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadershipSettings {
    /// How long a silent leader is believed.
    pub lease_duration: Duration,
    /// How long a leader tries to renew before it stops.
    pub renew_deadline: Duration,
    /// How often everybody tries.
    pub retry_period: Duration,
    /// Whether Flux's own Leases are held too.
    pub flux_leases: bool,
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> LeadershipSettings {
    let lease_duration = section.duration("lease_duration", 12 * SECOND, 5 * SECOND, 10 * MINUTE);
    let renew_deadline = section.duration("renew_deadline", 8 * SECOND, 2 * SECOND, 10 * MINUTE);
    let retry_period = section.duration("retry_period", 2 * SECOND, SECOND, 5 * MINUTE);
    if renew_deadline >= lease_duration {
        let message = "must be shorter than lease_duration, or two nodes could lead at once";
        complain(section, "renew_deadline", "lease_duration", message);
    }
    if retry_period * RETRY_JITTER_PERCENT / 100 >= renew_deadline {
        let message = "must be well below renew_deadline (at most five sixths of it), or one lost request ends a term";
        complain(section, "retry_period", "renew_deadline", message);
    }
    let flux_leases = section.boolean("flux_leases", true);
    LeadershipSettings {
        lease_duration,
        renew_deadline,
        retry_period,
        flux_leases,
    }
}

/// Reports at the first of two keys that is written; one of them is, since the defaults fit.
fn complain(
    section: &mut SectionReader<'_>,
    key: &'static str,
    other: &'static str,
    message: &str,
) {
    let written = section
        .inputs
        .get(section.name, key)
        .or_else(|| section.inputs.get(section.name, other));
    if let Some(origin) = written.map(|written| written.origin.clone()) {
        section.wrong(&origin, key, message);
    }
}
