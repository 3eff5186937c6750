//! Job: every request to the API server.
//! Takes → gives: objects and proofs of leadership → the server's answers.
//! May touch: the API server; the kubeconfig and the files it names.
//! Never: repeats a write by itself; writes without an [`Authority`]; puts a Secret's value into an
//! error.

mod backoff;
mod call;
mod cluster;
mod connect;
mod discovery;
mod error;
mod event;
mod identity;
mod kubeconfig;
mod leadership;
mod lease;
mod own;
mod path;
mod read;
mod redact;
mod secret;
mod tls;
mod token;
mod transport;
mod watch;
mod write;

pub use crate::cluster::Cluster;
pub use crate::connect::{Connect, ConnectError};
pub use crate::discovery::Resource;
pub use crate::error::{ErrorClass, RequestError};
pub use crate::event::{EventSpec, EventType, ObjectReference};
pub use crate::identity::ServiceAccount;
pub use crate::leadership::{Authority, BootClock, Clock, Leadership, NotLeading};
pub use crate::lease::elector::Elector;
pub use crate::lease::flux::{FluxLeases, FluxStanding};
pub use crate::lease::settings::{ElectorSettings, EpochFloor, LeaseView, SettingsError};
pub use crate::lease::witness::Witnesses;
pub use crate::own::{Endpoint, OwnKubeconfig};
pub use crate::watch::{Detail, Scope, WatchEvent, is_before};
pub use crate::write::{ApplyOptions, PatchOptions, Preconditions, Propagation};
