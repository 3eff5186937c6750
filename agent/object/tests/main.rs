//! Compares with what the Go libraries say (tests/reference), and checks properties.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures; the room itself reads nothing"
)]

mod golden;
mod patch;
mod properties;
mod read;
