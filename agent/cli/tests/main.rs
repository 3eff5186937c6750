//! The commands against a real API server. What only the agent does (writing a status, holding the
//! Lease) is written by the test through the kit.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
#![expect(
    clippy::disallowed_types,
    reason = "tests start the programs that they compare with"
)]

mod act;
mod build;
mod cluster;
mod diff;
mod helm;
mod kustomize;
mod look;
mod pause;
mod trust;
