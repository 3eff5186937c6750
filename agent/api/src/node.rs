//! What a node says about itself, as annotations of Leases: the leading one of windlass's own Lease, and each node of the
//! one that is the node's. Not Flux's.

use std::collections::BTreeMap;

use crate::time::Time;

const VERSION: &str = "windlass.dev/version";
const REVISION: &str = "windlass.dev/revision";
const FETCHED_AT: &str = "windlass.dev/fetched-at";
const OFFLINE_SINCE: &str = "windlass.dev/offline-since";
const READY: &str = "windlass.dev/ready";
/// What it does.
pub const ROLE: &str = "windlass.dev/role";
/// Where other nodes ask it, and the public key that it proves: an address with a port, a space, and 64 hex digits.
pub const PEER: &str = "windlass.dev/peer";
const REFUSED: &str = "windlass.dev/refused";
const ROOTS: &str = "windlass.dev/roots";
const MANIFESTS: &str = "windlass.dev/manifests-problem";
const METRICS: &str = "windlass.dev/metrics";
const FREE_DISK: &str = "windlass.dev/free-disk";

/// The state of a node. What is not known, or not said in that Lease, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// Version of windlass.
    pub version: Option<String>,
    /// Last revision of the root source that was verified, as `main@sha1:…`.
    pub revision: Option<String>,
    /// When the remote of the root source last answered.
    pub fetched_at: Option<Time>,
    /// Since when it does not answer.
    pub offline_since: Option<Time>,
    /// How many objects are ready, and of how many.
    pub ready: Option<(u64, u64)>,
    /// What the node does: `leader`, `standby`, or why neither.
    pub role: Option<String>,
    /// Why it does not take what the root source offers: reason and message.
    pub refused: Option<String>,
    /// Digest of what the node holds history to; nodes of one cluster should have the same.
    pub roots: Option<String>,
    /// What is wrong with the manifests in the node's own folder.
    pub manifests: Option<String>,
    /// Bytes left where the node keeps its state.
    pub free_disk: Option<u64>,
    /// Where others reach its metrics: address and port.
    pub metrics: Option<String>,
    /// Where other nodes ask it, and its public key.
    pub peer: Option<String>,
}

impl NodeStatus {
    /// The annotations that say so; what is `None` has none.
    pub fn to_annotations(&self) -> BTreeMap<String, String> {
        let time = |time: Option<Time>| time.map(|time| time.to_string());
        let all = [
            (VERSION, self.version.clone()),
            (REVISION, self.revision.clone()),
            (FETCHED_AT, time(self.fetched_at)),
            (OFFLINE_SINCE, time(self.offline_since)),
            (
                READY,
                self.ready.map(|(ready, total)| format!("{ready}/{total}")),
            ),
            (ROLE, self.role.clone()),
            (REFUSED, self.refused.clone()),
            (ROOTS, self.roots.clone()),
            (MANIFESTS, self.manifests.clone()),
            (FREE_DISK, self.free_disk.map(|bytes| bytes.to_string())),
            (METRICS, self.metrics.clone()),
            (PEER, self.peer.clone()),
        ];
        let said = all
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        said.collect()
    }

    /// Reads the annotations; one that cannot be read counts as not there.
    pub fn from_annotations(annotations: &BTreeMap<String, String>) -> NodeStatus {
        let text = |name: &str| annotations.get(name).cloned();
        let time = |name: &str| {
            let timestamp: jiff::Timestamp = annotations.get(name)?.parse().ok()?;
            Some(Time::new(timestamp))
        };
        let ready = annotations.get(READY).and_then(|text| {
            let (ready, total) = text.split_once('/')?;
            Some((ready.parse().ok()?, total.parse().ok()?))
        });
        NodeStatus {
            version: text(VERSION),
            revision: text(REVISION),
            fetched_at: time(FETCHED_AT),
            offline_since: time(OFFLINE_SINCE),
            ready,
            role: text(ROLE),
            refused: text(REFUSED),
            roots: text(ROOTS),
            manifests: text(MANIFESTS),
            free_disk: annotations
                .get(FREE_DISK)
                .and_then(|text| text.parse().ok()),
            metrics: text(METRICS),
            peer: text(PEER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_from_its_annotations() {
        let at = |second| Some(jiff::Timestamp::from_second(second).unwrap().into());
        let status = NodeStatus {
            version: Some("0.1.0".to_owned()),
            revision: Some("main@sha1:01".to_owned()),
            fetched_at: at(10),
            offline_since: at(20),
            ready: Some((7, 9)),
            role: Some("leader".to_owned()),
            refused: Some("InvalidCommit: unsigned".to_owned()),
            roots: Some("01ff".to_owned()),
            manifests: Some("a.yaml: bad".to_owned()),
            free_disk: Some(5_000_000_000),
            metrics: Some("192.0.2.1:9797".to_owned()),
            peer: Some(format!("192.0.2.1:9294 {}", "ab".repeat(32))),
        };
        assert_eq!(
            NodeStatus::from_annotations(&status.to_annotations()),
            status
        );
        assert!(NodeStatus::default().to_annotations().is_empty());
    }

    #[test]
    fn an_annotation_that_makes_no_sense_counts_as_not_there() {
        let pairs = [
            (READY, "some"),
            (FETCHED_AT, "now"),
            (FREE_DISK, "much"),
            (VERSION, "0.2.0"),
        ];
        let annotations = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let expected = NodeStatus {
            version: Some("0.2.0".to_owned()),
            ..NodeStatus::default()
        };
        assert_eq!(NodeStatus::from_annotations(&annotations), expected);
    }
}
