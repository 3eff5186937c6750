//! windlass as it is installed: `install.sh`, the units, the reboot.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "clippy knows no test but a function marked as one; a helper of a test fails it, loudly"
)]

mod clock;
mod compromised;
mod disk;
mod faults;
mod house;
mod identity;
mod install;
mod life;
mod local;
mod network;
mod node;
mod offline;
mod outages;
mod package;
mod read_only;
mod restored;
mod second;
mod service;
mod several;
mod soak;
mod ssh;
mod town;
