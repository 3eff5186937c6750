//! One constant per bound on what a server may make this process do.

use std::time::Duration;

use windlass_wire::limits::OBJECT_BYTES;

/// The bounds of one fetch. Production uses [`Limits::DEFAULT`]; tests use smaller ones.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Bytes of one connection's answers.
    pub(crate) wire_bytes: u64,
    /// Objects in one pack, and objects sent to the agent for one request.
    pub(crate) objects: u32,
    /// Bytes of one object once inflated.
    pub(crate) object_bytes: usize,
    /// Bytes of all objects of one pack once inflated.
    pub(crate) inflated_bytes: u64,
    /// How many deltas may stand between an object and its base.
    pub(crate) delta_depth: u16,
    /// Reference lines read from one server.
    pub(crate) references: u64,
    /// Bytes of the cache of one URL; a larger one is thrown away and fetched again.
    pub(crate) cache_bytes: u64,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        // Forges warn at 1 GiB per repository, and a manifest repository is a hundredth of that.
        wire_bytes: 1024 * 1024 * 1024,
        // Twenty-four bytes of memory each while a pack is read, so 24 MiB.
        objects: 1_000_000,
        object_bytes: OBJECT_BYTES,
        // Deltas make a few bytes many: a bomb ends here, long before the time limit.
        inflated_bytes: 8 * 1024 * 1024 * 1024,
        // The deepest chain that git itself writes (git-repack(1), --depth, at most 4095).
        delta_depth: 4095,
        // Protocol version 0 cannot be asked for one reference; the largest public repositories
        // advertise about 300 000 (pull requests).
        references: 500_000,
        // Objects are kept without deltas, a few times the size of the pack.
        cache_bytes: 4 * 1024 * 1024 * 1024,
    };
}

/// A fetch without an end would hold its thread and its cache for ever.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Time for the agent to write its request and to take each piece of the answer.
pub(crate) const AGENT_TIMEOUT: Duration = Duration::from_secs(120);

/// Connections served at once; each is a thread. More wait in the socket's backlog.
pub(crate) const CONNECTIONS: usize = 16;

/// Bytes of an HTTP response header. curl's limit is 300 KiB, Apache sends 8 KiB at most.
pub(crate) const HTTP_HEADER_BYTES: usize = 64 * 1024;

/// Redirects followed on the first request; git's default is 20, a forge needs one or two.
pub(crate) const REDIRECTS: usize = 5;

/// Bytes of text a server may put into a failure message.
pub(crate) const SERVER_TEXT_CHARACTERS: usize = 300;

/// Commits offered to the server as known. Git starts with 16 and stops at 256 without progress.
pub(crate) const OFFERED_COMMITS: usize = 256;

/// Tags that point at tags that point at tags: git makes one level, hostile servers more.
pub(crate) const TAG_DEPTH: usize = 8;

/// Seconds to wait for a TCP connection to one address; the fetch's own time may be shorter.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections to a socket that is served which did not name a known path: a slow one costs some 3 KiB.
pub(crate) const STRANGERS: usize = 256;

/// Bytes of bodies that may be there at once: one of the largest, or many of the usual ones.
pub(crate) const BODY_ROOM: usize = windlass_wire::limits::TAKEN_BYTES + 256 * 1024;
