//! The state of a process that dies: at any moment, at every system call that changes the disk.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the child speaks to its parent, skipped tests say so"
)]

mod child;
mod crash;
mod measure;
