//! libFuzzer over the target that the program is called after.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let program = std::env::args().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    windlass_fuzz::target(name).unwrap_or_else(|| panic!("{name:?} is no target"))
});

fuzz_target!(|bytes: &[u8]| TARGET(bytes));
