//! SOPS documents as the real sops command wrote and read them.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test reads files, starts the real program, says what it skips and fails by panicking"
)]

mod differential;
mod goldens;
mod objects;
mod support;
mod tamper;
