//! This node among the others: the key by which they know it, where they ask it, and what it knows of them.
//!
//! Each node makes a key of its own, and tells the public half in its Lease. Who proves a key that stands in the Lease of another
//! node may read what is kept here; nobody else gets past the handshake.

mod serve;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use windlass_host::config::{PEERS_PORT, PeersListen, Settings};
use windlass_state::{Line, scrap};
use windlass_wire::Secret;

use crate::context::Context;
use crate::doors::node_address;
use crate::witness::peers::Contact;

/// The file with this node's key: lost, another one is made and told.
const KEY_FILE: &str = "peer-key";
/// The file with what was known of the others, for a start without the API server.
const KNOWN_FILE: &str = "peers.json";
/// Bytes of these files.
const KEY_LIMIT: u64 = 64;
const KNOWN_LIMIT: u64 = 1024 * 1024;

/// How soon it is asked again where this node is.
const AGAIN: Duration = Duration::from_secs(15);

/// Who this node is to the others.
#[derive(Debug)]
pub(crate) struct Lan {
    directory: PathBuf,
    key: SigningKey,
    /// Where it is reached, once that is known; nothing where it takes no part.
    reached: watch::Sender<Option<SocketAddr>>,
}

/// What is kept for the next start.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    reached: Option<SocketAddr>,
    contacts: Vec<Contact>,
}

// === impl Lan ===

impl Lan {
    /// Reads the node's key, or makes one. A disk that takes none gives a key for this run.
    pub(crate) fn open(directory: &Path) -> Self {
        let kept = scrap::read(directory, KEY_FILE, KEY_LIMIT);
        let kept = kept.and_then(|bytes| {
            let mut key = [0; 32];
            hex::decode_to_slice(bytes, &mut key).ok()?;
            Some(key)
        });
        let key = kept.unwrap_or_else(|| {
            let key: [u8; 32] = rand::random();
            if let Err(error) = scrap::write(directory, KEY_FILE, hex::encode(key).as_bytes()) {
                tracing::debug!(%error, "the key for the other nodes could not be kept");
            }
            key
        });
        Lan {
            directory: directory.to_owned(),
            key: SigningKey::from_bytes(&key),
            reached: watch::Sender::default(),
        }
    }

    /// What this node tells of itself: where it is asked, and its public key. Nothing where it takes no part.
    pub(crate) fn word(&self) -> Option<String> {
        let reached = (*self.reached.borrow())?;
        let key = hex::encode(self.key.verifying_key().to_bytes());
        Some(format!("{reached} {key}"))
    }

    /// The private half, for windlass-net.
    pub(crate) fn secret(&self) -> Secret {
        Secret::from(hex::encode(self.key.to_bytes()))
    }

    fn known(&self) -> Known {
        let bytes = scrap::read(&self.directory, KNOWN_FILE, KNOWN_LIMIT);
        let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        known.unwrap_or_default()
    }

    fn keep(&self, contacts: &[Contact]) {
        let known = Known {
            reached: *self.reached.borrow(),
            contacts: contacts.to_vec(),
        };
        let bytes = serde_json::to_vec(&known).unwrap_or_default();
        if let Err(error) = scrap::write(&self.directory, KNOWN_FILE, &bytes) {
            tracing::debug!(%error, "what is known of the other nodes could not be kept");
        }
    }
}

/// The name by which nodes ask for a line; it tells nothing to whoever does not follow it.
pub(crate) fn line_digest(line: &Line) -> String {
    let text = [&*line.source, &line.url, &line.selector].join("\0");
    hex::encode(Sha256::digest(text))
}

/// Takes part for good, if the config lets it: finds out where this node is, tells it, and answers the others as soon as there are any.
pub(crate) async fn follow(context: Arc<Context>, settings: watch::Receiver<Settings>) {
    let settings = settings.borrow().clone();
    let lan = Arc::clone(&context.lan);
    let known = lan.known();
    context.peers.remember(known.contacts);
    let Some((bind, reached)) = places(&context, &settings, known.reached).await else {
        return;
    };
    lan.reached.send_replace(Some(reached));
    let mut contacts = context.peers.contacts();
    let mut serving = None;
    loop {
        let now = contacts.borrow_and_update().clone();
        lan.keep(&now);
        if serving.is_none() && !now.is_empty() {
            serving = Some(tokio::spawn(serve::serve(Arc::clone(&context), bind)));
        }
        if contacts.changed().await.is_err() {
            return;
        }
    }
}

/// Where to listen, and where others reach that; `None` where this node takes no part.
async fn places(
    context: &Context,
    settings: &Settings,
    known: Option<SocketAddr>,
) -> Option<(SocketAddr, SocketAddr)> {
    let (port, bind) = match settings.peers.listen {
        PeersListen::Off => return None,
        PeersListen::At(address) if !address.ip().is_unspecified() => {
            return Some((address, address));
        }
        PeersListen::At(address) => (address.port(), Some(address)),
        PeersListen::Node => (PEERS_PORT, None),
    };
    let mut address = settings.node.address;
    while address.is_none() {
        match node_address(&context.cluster, &settings.node.name).await {
            Ok(Some(found)) => address = Some(found),
            // A machine that is no node of the cluster: nobody could say where it is.
            Ok(None) => return None,
            Err(error) => {
                tracing::debug!(%error, "where this node is could not be asked; trying again");
                address = known.map(|known| known.ip());
                if address.is_none() {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
    let reached = SocketAddr::new(address?, port);
    Some((bind.unwrap_or(reached), reached))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_key_and_tells_only_its_public_half() {
        let place = tempfile::tempdir().unwrap();
        let first = Lan::open(place.path());
        assert_eq!(first.word(), None);
        let address = "192.0.2.1:9294".parse().unwrap();
        first.reached.send_replace(Some(address));
        let word = first.word().unwrap();
        let again = Lan::open(place.path());
        again.reached.send_replace(Some(address));
        assert_eq!(again.word().unwrap(), word);
        assert!(!word.contains(first.secret().expose()));
        let other = Lan::open(tempfile::tempdir().unwrap().path());
        other.reached.send_replace(Some(address));
        assert_ne!(other.word().unwrap(), word);
    }
}
