//! What is wrong with a node, by what it knows of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use windlass_api::node::NodeStatus;
use windlass_control::Standing;

/// How long the remote of the root source may be silent: a forge that restarts is no alarm.
const OFFLINE: Duration = Duration::from_secs(600);
/// Bytes that have to be left for state: a fetch takes some MiB, a log rotation tens of them.
const FREE_DISK: u64 = 256 * 1024 * 1024;

/// What is wrong by a short name that stays, with the words for it.
pub(super) type Wrong = BTreeMap<&'static str, String>;

/// Judges a node; the API server may be silent for `patience`.
pub(super) fn wrong(standing: &Standing, patience: Duration, now: Timestamp) -> Wrong {
    let says = NodeStatus::from_annotations(&standing.says);
    let longer = |since: Timestamp, than: Duration| {
        let seconds = now.duration_since(since).as_secs();
        u64::try_from(seconds).is_ok_and(|seconds| seconds >= than.as_secs())
    };
    let silent = standing
        .silent_since
        .filter(|since| longer(*since, patience));
    let offline = says.offline_since.map(|since| since.timestamp());
    let offline = offline.filter(|since| longer(*since, OFFLINE));
    let full = says.free_disk.filter(|bytes| *bytes < FREE_DISK);
    let all = [
        (
            "api-server",
            silent.map(|since| {
                let server = &standing.server;
                format!("the API server at {server} does not answer since {since}")
            }),
        ),
        (
            "refused",
            says.refused
                .map(|why| format!("what the root source offers is refused: {why}")),
        ),
        (
            "source",
            offline.map(|since| {
                format!("the remote of the root source does not answer since {since}")
            }),
        ),
        (
            "manifests",
            says.manifests
                .map(|why| format!("manifests on the node: {why}")),
        ),
        (
            "disk",
            full.map(|bytes| {
                format!(
                    "{} MiB are left for the node's state",
                    bytes / (1024 * 1024)
                )
            }),
        ),
    ];
    let wrong = all.into_iter().filter_map(|(what, why)| Some((what, why?)));
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn names(silent: Option<i64>, says: &NodeStatus) -> Vec<&'static str> {
        let standing = Standing {
            node: "n".to_owned(),
            version: String::new(),
            server: "https://127.0.0.1:6443".to_owned(),
            silent_since: silent.map(|ago| at(NOW - ago)),
            says: says.to_annotations(),
        };
        let wrong = wrong(&standing, Duration::from_secs(60), at(NOW));
        wrong.into_keys().collect()
    }

    #[test]
    fn a_node_is_well_until_something_lasts() {
        let well = NodeStatus::default();
        assert!(names(None, &well).is_empty());
        assert!(names(Some(59), &well).is_empty());
        assert_eq!(names(Some(60), &well), ["api-server"]);
        // A clock that was put back makes nothing last.
        assert!(names(Some(-5), &well).is_empty());
        let offline = |ago: i64| NodeStatus {
            offline_since: Some(at(NOW - ago).into()),
            ..NodeStatus::default()
        };
        assert!(names(None, &offline(599)).is_empty());
        assert_eq!(names(None, &offline(600)), ["source"]);
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let says = NodeStatus {
            refused: Some("InvalidCommit: unsigned".to_owned()),
            manifests: Some("a.yaml: bad".to_owned()),
            free_disk: Some(FREE_DISK - 1),
            ..NodeStatus::default()
        };
        assert_eq!(
            names(Some(100), &says),
            ["api-server", "disk", "manifests", "refused"]
        );
    }
}
