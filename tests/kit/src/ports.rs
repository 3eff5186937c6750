//! Loopback ports that no two kits use at the same time.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};

/// Below the kernel's range for outgoing connections (`ip_local_port_range` starts at 32768), so that
/// a port stays free while its server is down for a while and comes back on it.
const FIRST: u16 = 18_000;
const COUNT: u16 = 12_000;

/// A port of 127.0.0.1 that belongs to the holder of this value, also while nothing listens on it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked as long as it is open; the kernel drops the lock with the process.
    _claim: File,
}

impl Port {
    /// Claims a port that nobody listens on and no other kit process has claimed.
    #[must_use]
    pub fn claim() -> Self {
        let claims = std::env::temp_dir().join(format!("windlass-ports-{}", nix::unistd::getuid()));
        std::fs::create_dir_all(&claims).expect("the folder of port claims can be made");
        let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below COUNT");
        for step in 0..COUNT {
            let number = FIRST + (start + step) % COUNT;
            let claim = File::create(claims.join(number.to_string())).expect("a claim can be made");
            if claim.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
            {
                return Self {
                    number,
                    _claim: claim,
                };
            }
        }
        panic!("none of {COUNT} loopback ports from {FIRST} on is free");
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}
