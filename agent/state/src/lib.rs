//! Job: what the node remembers: kept objects, the ratchet, what somebody is still to be told.
//! Takes → gives: verified ranges → rows and files; loading gives untrusted objects again.
//! May touch: the state directory.
//! Never: stores trust; writes while nothing changes.

mod directory;
mod durable;
mod line;
mod ratchet;
pub mod scrap;
mod store;

/// The file of the state directory in which a person on the node says at which commit a source stood whose ratchet is
/// lost, in lines `namespace/name COMMIT`. It is removed when it was followed.
pub const ACCEPT_FILE: &str = "accept";

/// The file of the state directory in which every reset of trust is noted for ever, a line each: when, which source, the new
/// introduction commit, and what was before.
pub const RESET_FILE: &str = "trust-resets";

pub use directory::DirectoryError;
pub use durable::{WriteError, write};
pub use line::Line;
pub use ratchet::{PutBackError, RatchetError, RatchetFile, RatchetNotice, put_back};
pub use store::{
    Binding, BlobDigest, Collected, HistoryEntry, Incoming, IncomingBlob, Inspection, Kept, Notice,
    OpenError, Outgoing, ParseDigestError, PutError, Reader, Recovered, Refused, Store, StoreError,
    Tip, Verdict,
};
