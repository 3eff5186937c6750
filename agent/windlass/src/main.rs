//! The binary: arguments, wiring, exit code.
fn main() {}
