//! What the other nodes say they accepted, as a watch on their Leases shows it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use windlass_api::names;
use windlass_api::node::{PEER, ROLE};
use windlass_cluster::WatchEvent;
use windlass_state::Line;
use windlass_trust::Oid;
use windlass_wire::limits::KEY_HEX_BYTES;

use super::note::{Said, read};
use crate::seen::Meta;

/// The other nodes of the cluster, by name.
#[derive(Debug)]
pub(crate) struct Peers {
    /// This node, whose own note comes back with the others.
    own: String,
    nodes: Mutex<BTreeMap<String, Note>>,
    /// Where they are asked; tells when that is otherwise than before.
    contacts: watch::Sender<Vec<Contact>>,
}

/// Where another node is asked, and what it proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) node: String,
    pub(crate) address: SocketAddr,
    /// Its public key, in hex.
    pub(crate) key: String,
    /// Whether it led when it said so.
    pub(crate) leads: bool,
}

/// A head that a node said it accepted, otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) line: Line,
    pub(crate) head: Oid,
    /// Whether the node can be asked for it, and leads.
    pub(crate) from_leader: bool,
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
    contact: Option<Contact>,
    /// Whether the list that is under way has shown it.
    listed: bool,
}

impl Peers {
    pub(crate) fn new(own: String) -> Self {
        Peers {
            own,
            nodes: Mutex::default(),
            contacts: watch::Sender::default(),
        }
    }

    /// Begins with what was known of them when the agent ended.
    pub(crate) fn remember(&self, contacts: Vec<Contact>) {
        let mut nodes = self.nodes();
        for contact in contacts {
            let note = nodes.entry(contact.node.clone()).or_default();
            note.contact = Some(contact);
        }
        self.tell_contacts(&nodes);
    }

    /// Where the others are asked, also when that changes.
    pub(crate) fn contacts(&self) -> watch::Receiver<Vec<Contact>> {
        self.contacts.subscribe()
    }

    fn tell_contacts(&self, nodes: &BTreeMap<String, Note>) {
        let contacts = nodes.values().filter_map(|note| note.contact.clone());
        let contacts: Vec<Contact> = contacts.collect();
        self.contacts.send_if_modified(|told| {
            let moved = *told != contacts;
            *told = contacts;
            moved
        });
    }

    /// Takes news of the Leases; gives the heads that are other ones than before, of nodes that can be asked for them.
    pub(crate) fn take(&self, event: WatchEvent) -> Vec<Moved> {
        let mut nodes = self.nodes();
        let mut moved = Vec::new();
        match event {
            WatchEvent::Restarted => nodes.values_mut().for_each(|note| note.listed = false),
            WatchEvent::Applied(lease) => {
                if let Some(node) = self.node(&lease) {
                    let before = nodes.remove(&node).unwrap_or_default();
                    let now = note(&node, &lease, &before);
                    moved = now.moved_since(&before);
                    nodes.insert(node, now);
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
        self.tell_contacts(&nodes);
        moved
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

// === impl Note ===

impl Note {
    fn moved_since(&self, before: &Note) -> Vec<Moved> {
        let Some(contact) = &self.contact else {
            return Vec::new();
        };
        let is_new = |(line, head): &&(Line, PeerHead)| {
            let mut known = before.heads.iter();
            !known.any(|(of, known)| of == line && known.head == head.head)
        };
        let moved = self.heads.iter().filter(is_new);
        let moved = moved.map(|(line, head)| Moved {
            line: line.clone(),
            head: head.head,
            from_leader: contact.leads,
        });
        moved.collect()
    }
}

/// Where a node says that it is asked.
fn contact(node: &str, meta: &Meta) -> Option<Contact> {
    let (address, key) = meta.annotation(PEER)?.split_once(' ')?;
    let is_key = key.len() == KEY_HEX_BYTES && key.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some(Contact {
        node: node.to_owned(),
        address: address.parse().ok()?,
        key: is_key.then(|| key.to_owned())?,
        leads: meta.annotation(ROLE) == Some("leader"),
    })
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
        contact: meta.as_ref().and_then(|meta| contact(node, meta)),
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

    #[test]
    fn where_a_node_is_asked_is_known_and_what_it_has_that_is_new() {
        let peers = Peers::new("me".to_owned());
        let key = "ab".repeat(32);
        let told = |head: &str, peer: &str, role: &str| {
            let mut lease = lease("a", head);
            lease["metadata"]["annotations"]["windlass.dev/peer"] = json!(peer);
            lease["metadata"]["annotations"]["windlass.dev/role"] = json!(role);
            peers.take(WatchEvent::Applied(lease))
        };
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let word = format!("192.0.2.1:9294 {key}");
        let moved = told(&one, &word, "leader");
        let new = Moved {
            line: line(),
            head: one.parse().unwrap(),
            from_leader: true,
        };
        assert_eq!(moved, [new]);
        let known = Contact {
            node: "a".to_owned(),
            address: "192.0.2.1:9294".parse().unwrap(),
            key: key.clone(),
            leads: true,
        };
        assert_eq!(*peers.contacts().borrow(), std::slice::from_ref(&known));
        assert!(told(&one, &word, "leader").is_empty());
        assert!(!told(&two, &word, "standby")[0].from_leader);
        // What makes no sense is no place to ask, and nobody is woken for it.
        for wrong in [
            "192.0.2.1:9294",
            "192.0.2.1 ab",
            &format!("node:9294 {key}"),
            "1.2.3.4:5 zz",
        ] {
            assert!(told(&one, wrong, "leader").is_empty(), "{wrong}");
            assert!(peers.contacts().borrow().is_empty(), "{wrong}");
        }
        // After a restart without the API server they are asked where they were before.
        let later = Peers::new("me".to_owned());
        later.remember(vec![known.clone()]);
        assert_eq!(*later.contacts().borrow(), [known]);
    }
}
