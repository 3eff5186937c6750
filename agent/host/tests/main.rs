//! The room against the real thing: systemd's own tools and a service manager's sockets.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a child speaks to its parent, skipped tests say so"
)]

mod service_manager;
mod units;
