//! Job: the event loop: one short chain of stages per kind, leadership, and the one place that writes status.
//! Takes → gives: events → outcomes.
//! May touch: the world only through the rooms below.
//! Never: decides trust, parses YAML or speaks HTTP itself.

mod agent;
mod alarm;
mod announce;
mod archive;
mod artifact;
mod bucket;
mod chart;
mod context;
mod controller;
mod doors;
mod download;
mod drift;
mod establish;
mod event;
mod fields;
mod finalizer;
mod flux_pods;
mod herald;
mod identity;
mod kept;
mod known;
mod kustomization;
mod lan;
mod ledger;
mod left_out;
mod listen;
mod local;
mod metrics;
mod named;
mod net;
mod newcomer;
mod node;
mod oci;
mod offer;
mod ours;
mod outgoing;
mod page;
mod post;
mod queue;
mod receivers;
mod registry;
mod rehearse;
mod release;
mod reload;
mod repository;
mod secrets;
mod seen;
mod sight;
mod source;
mod status;
mod trust;
mod uninstall;
mod view;
mod vouch;
mod watches;
mod witness;
mod work;

pub use agent::{AgentError, check, run};
pub use net::StartCommand;
pub use newcomer::{OtherIntroduction, ask_cluster, check_newcomer};
pub use outgoing::{Carried, CarryError};
pub use rehearse::{RehearsalError, Rehearsed, rehearse};
pub use trust::TrustError;
