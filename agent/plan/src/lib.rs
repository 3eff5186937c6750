//! Job: pure decisions: apply order, drift fingerprint, prune set, health, dependencies, releases, lease step, back-off.
//! Takes → gives: values (time is an argument) → values.
//! May touch: nothing.
//! Never: reads a clock.

pub mod applier;
pub mod backoff;
pub mod cel;
pub mod change;
pub mod comparison;
mod fields;
pub mod fingerprint;
pub mod flux_lease;
pub mod graph;
pub mod guard;
pub mod health;
pub mod ignore;
pub mod lease;
mod metadata;
pub mod order;
pub mod prune;
pub mod rate;
pub mod release;
pub mod window;

#[cfg(test)]
mod tests;
