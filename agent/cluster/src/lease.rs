//! Leases: who leads, among windlass nodes and against Flux. What to do is decided in `plan`; here
//! it is done.

pub(crate) mod elector;
pub(crate) mod flux;
mod record;
pub(crate) mod settings;
pub(crate) mod witness;

#[cfg(test)]
mod tests;
