//! Job: reads the repository as text, so that tests can hold it to its own rules.
//! Takes → gives: the workspace's folder → manifests, rooms, sources, packages.
//! May touch: the repository's files; `cargo metadata`.
//! Never: anything at the program's run time.
#![expect(
    clippy::panic,
    reason = "what cannot be read fails the test that asked for it"
)]

pub mod licenses;
pub mod sources;
pub mod workspace;
