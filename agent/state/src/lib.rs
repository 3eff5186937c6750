//! Job: what the node remembers: kept objects, the ratchet.
//! Takes → gives: verified ranges → rows and files; loading gives untrusted objects again.
//! May touch: the state directory.
//! Never: stores trust; writes while nothing changes.

mod directory;
mod durable;
mod line;
mod ratchet;
mod store;

pub use directory::DirectoryError;
pub use durable::WriteError;
pub use line::Line;
pub use ratchet::{RatchetError, RatchetFile, RatchetNotice};
pub use store::{
    Binding, Collected, HistoryEntry, Incoming, Inspection, Kept, OpenError, PutError, Reader,
    Recovered, Refused, Store, StoreError, Tip, Verdict,
};
