//! The journal's native protocol: one datagram per entry (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Entry, line};

const SOCKET: &str = "/run/systemd/journal/socket";

/// A journal that takes nothing for this long (stopped, disk hung) costs us log lines, not the work.
const PATIENCE: Duration = Duration::from_millis(250);

/// systemd.journal-fields(7): names are at most 64 bytes.
const NAME_LIMIT: usize = 64;

/// Below the default socket buffer (net.core.wmem_default, 212992), so that an entry always fits one datagram.
const ENTRY_LIMIT: usize = 128 * 1024;

/// A connection to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    lost: AtomicU64,
}

// === impl Journal ===

impl Journal {
    /// Opens a socket to this machine's journal and checks that something listens.
    pub(super) fn connect() -> io::Result<Journal> {
        Journal::connect_to(Path::new(SOCKET))
    }

    pub(super) fn connect_to(path: &Path) -> io::Result<Journal> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // An empty datagram is ignored by the journal; the address is looked up for each datagram, so that
        // a restarted journal is found again.
        socket.send_to(&[], path)?;
        Ok(Journal {
            socket,
            path: path.to_owned(),
            lost: AtomicU64::new(0),
        })
    }

    /// Sends one entry. An entry that cannot be sent is counted, and the count goes with the next one that can.
    pub(super) fn send(&self, entry: &Entry) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if self
            .socket
            .send_to(&encode(entry, lost), &self.path)
            .is_err()
        {
            self.lost
                .fetch_add(lost.saturating_add(1), Ordering::Relaxed);
        }
    }
}

/// Encodes an entry; `lost` entries before it could not be sent.
pub(super) fn encode(entry: &Entry, lost: u64) -> Vec<u8> {
    let mut payload = Vec::with_capacity(512);
    let mut message = String::new();
    line::message(&mut message, entry);
    put(&mut payload, "MESSAGE", &message);
    put(&mut payload, "PRIORITY", priority(entry.level));
    put(&mut payload, "SYSLOG_IDENTIFIER", "windlass");
    put(&mut payload, "WINDLASS_TARGET", entry.target);
    if lost > 0 {
        put(&mut payload, "WINDLASS_LOST_ENTRIES", &lost.to_string());
    }
    for (name, value) in entry.fields.iter() {
        if payload.len() + name.len() + value.len() < ENTRY_LIMIT {
            put(&mut payload, &field_name(name), value);
        }
    }
    payload
}

/// A value with a line break is sent as its length (64 bit, little endian) and its bytes.
fn put(payload: &mut Vec<u8>, name: &str, value: &str) {
    payload.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        payload.push(b'\n');
        payload.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        payload.push(b'=');
    }
    payload.extend_from_slice(value.as_bytes());
    payload.push(b'\n');
}

/// Journal field names are capital letters, digits and underscores.
fn field_name(name: &str) -> String {
    let suffix = name
        .chars()
        .map(|character| match character.to_ascii_uppercase() {
            upper @ ('A'..='Z' | '0'..='9') => upper,
            _ => '_',
        });
    "WINDLASS_".chars().chain(suffix).take(NAME_LIMIT).collect()
}

/// syslog(3) priorities.
fn priority(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "3",
        tracing::Level::WARN => "4",
        tracing::Level::INFO => "6",
        tracing::Level::DEBUG | tracing::Level::TRACE => "7",
    }
}
