//! Indexes of repositories of charts, which whoever keeps a repository writes.

use std::io::BufReader;

use windlass_release::index::{check, versions};

/// An index: what has versions is an index.
pub(crate) fn index(bytes: &[u8]) {
    let is_one = check(&mut BufReader::new(bytes)).is_ok();
    for chart in ["web", "", "a:", "'web'"] {
        let found = versions(&mut BufReader::new(bytes), chart);
        assert!(is_one || found.is_err(), "versions came of no index");
    }
}
