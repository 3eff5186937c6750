//! The binary: arguments, wiring, exit code.
//!
//! `windlass agent` and `windlass net` are the two processes that systemd runs; everything else is a command
//! for a person and belongs to the `cli` room.

mod agent;
mod net;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let checks_config = arguments.iter().any(|argument| {
        argument
            .to_str()
            .is_some_and(|text| text == "--config" || text.starts_with("--config="))
    });
    match arguments.get(1).and_then(|argument| argument.to_str()) {
        Some("agent") => agent::main(arguments),
        Some("net") => net::main(arguments),
        Some("check") if checks_config => agent::check(arguments),
        _ => windlass_cli::run(arguments),
    }
}
