//! The room against real `git` and `ssh-keygen`, and against objects made by hand.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and one prints a figure"
)]

mod agreement;
mod chain;
mod hostile;
mod kit;
mod range;
mod view;
