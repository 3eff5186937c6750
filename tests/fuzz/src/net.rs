//! What a Git server, a known_hosts file and a URL may hold.

use windlass_net::fuzz;

pub(crate) use windlass_net::fuzz::{bundle, delta, greeting, head, list, side_band, zlib};

/// A pack as a server sends it; each gets a directory, which goes with it.
#[expect(clippy::expect_used, reason = "a disk that fails is no finding")]
pub(crate) fn pack(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("there is room for a cache");
    fuzz::pack(directory.path(), bytes);
}

pub(crate) fn known_hosts(bytes: &[u8]) {
    fuzz::known_hosts(&String::from_utf8_lossy(bytes));
}

pub(crate) fn url(bytes: &[u8]) {
    fuzz::url(&String::from_utf8_lossy(bytes));
}
