//! Leases: who leads, among windlass nodes and against Flux.

pub(crate) mod election;
pub(crate) mod elector;
pub(crate) mod flux;
mod record;
pub(crate) mod settings;
