//! What the other nodes say they accepted, as a watch on their Leases shows it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::names;
use windlass_cluster::WatchEvent;
use windlass_state::Line;
use windlass_trust::Oid;

use super::note::{Said, read};
use crate::seen::Meta;

/// The other nodes of the cluster, by name.
#[derive(Debug)]
pub(crate) struct Peers {
    /// This node, whose own note comes back with the others.
    own: String,
    nodes: Mutex<BTreeMap<String, Note>>,
}

/// A head that another node accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerHead {
    pub(crate) node: String,
    pub(crate) head: Oid,
    /// Where the line begins for that node.
    pub(crate) introduction: Option<Oid>,
    /// What overrides left on the way there.
    pub(crate) left: Vec<Oid>,
    /// It came there otherwise than from the server, which need not show it.
    pub(crate) unshown: bool,
    /// When this node heard of it.
    pub(crate) since: Instant,
}

#[derive(Debug, Default)]
struct Note {
    heads: Vec<(Line, PeerHead)>,
    /// Whether the list that is under way has shown it.
    listed: bool,
}

impl Peers {
    pub(crate) fn new(own: String) -> Self {
        Peers {
            own,
            nodes: Mutex::default(),
        }
    }

    /// Takes news of the Leases.
    pub(crate) fn take(&self, event: WatchEvent) {
        let mut nodes = self.nodes();
        match event {
            WatchEvent::Restarted => nodes.values_mut().for_each(|note| note.listed = false),
            WatchEvent::Applied(lease) => {
                if let Some(node) = self.node(&lease) {
                    let before = nodes.remove(&node).unwrap_or_default();
                    nodes.insert(node.clone(), note(&node, &lease, &before));
                }
            }
            WatchEvent::Deleted(lease) => {
                if let Some(node) = self.node(&lease) {
                    nodes.remove(&node);
                }
            }
            WatchEvent::Synced(_) => nodes.retain(|_, note| note.listed),
            WatchEvent::Failed(error) => {
                tracing::debug!(%error, "watch interrupted; it starts again by itself");
            }
        }
    }

    /// Where the others stand on a line.
    pub(crate) fn on(&self, line: &Line) -> Vec<PeerHead> {
        let nodes = self.nodes();
        let heads = nodes.values().flat_map(|note| &note.heads);
        let heads = heads.filter(|(of, _)| of == line);
        heads.map(|(_, head)| head.clone()).collect()
    }

    fn node(&self, lease: &Value) -> Option<String> {
        let name = Meta::parse(lease)?.name.name;
        let node = name.strip_prefix(names::WITNESS)?;
        (node != self.own).then(|| node.to_owned())
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Note>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a Lease says; what it said before is as old as it was.
fn note(node: &str, lease: &Value, before: &Note) -> Note {
    let meta = Meta::parse(lease);
    let text = meta
        .as_ref()
        .and_then(|meta| meta.annotation(names::ACCEPTED));
    let unshown = meta
        .as_ref()
        .and_then(|meta| meta.annotation(names::UNSHOWN))
        .unwrap_or_default();
    // A line that stands there twice counts once.
    let said = read(text.unwrap_or_default()).into_iter();
    let said: BTreeMap<Line, Said> = said.map(|said| (said.line.clone(), said)).collect();
    let heads = said.into_values().filter_map(|said| {
        let head = said.head.parse().ok()?;
        let known = before.heads.iter();
        let mut known = known.filter(|(line, known)| *line == said.line && known.head == head);
        let since = known
            .next()
            .map_or_else(Instant::now, |(_, known)| known.since);
        let peer = PeerHead {
            unshown: unshown.split(',').any(|source| source == said.line.source),
            node: node.to_owned(),
            head,
            introduction: said.introduction.and_then(|text| text.parse().ok()),
            left: said
                .left
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            since,
        };
        Some((said.line, peer))
    });
    Note {
        heads: heads.collect(),
        listed: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lease(node: &str, head: &str) -> Value {
        let said = json!([{
            "source": "flux-system/flux-system", "url": "u", "selector": "branch main",
            "head": head, "counter": 1, "left": ["3".repeat(40), "no id"]
        }]);
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": format!("windlass-witness-{node}"), "namespace": "flux-system",
                "uid": node, "resourceVersion": "1", "generation": 1,
                "annotations": { "windlass.dev/accepted": said.to_string() }
            }
        })
    }

    fn line() -> Line {
        Line {
            source: "flux-system/flux-system".to_owned(),
            url: "u".to_owned(),
            selector: "branch main".to_owned(),
        }
    }

    #[test]
    fn the_others_are_known_as_long_as_they_are_there_and_a_head_is_as_old_as_its_first_note() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let peers = Peers::new("me".to_owned());
        peers.take(WatchEvent::Restarted);
        for node in ["me", "a", "b"] {
            peers.take(WatchEvent::Applied(lease(node, &one)));
        }
        peers.take(WatchEvent::Synced("1".to_owned()));
        let first = peers.on(&line());
        let nodes: Vec<&str> = first.iter().map(|head| head.node.as_str()).collect();
        assert_eq!(nodes, ["a", "b"]);
        assert_eq!(first[0].left, ["3".repeat(40).parse().unwrap()]);

        std::thread::sleep(std::time::Duration::from_millis(2));
        peers.take(WatchEvent::Applied(lease("a", &one)));
        assert_eq!(peers.on(&line()), first);
        peers.take(WatchEvent::Applied(lease("a", &two)));
        assert!(peers.on(&line())[0].since > first[0].since);

        peers.take(WatchEvent::Restarted);
        peers.take(WatchEvent::Applied(lease("b", &one)));
        peers.take(WatchEvent::Synced("2".to_owned()));
        assert_eq!(peers.on(&line()), [first[1].clone()]);
        peers.take(WatchEvent::Deleted(lease("b", &one)));
        assert!(peers.on(&line()).is_empty());
    }
}
