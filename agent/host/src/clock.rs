//! The machine's clocks; every other room takes time as an argument.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

/// Returns the time since boot, suspended time included (`CLOCK_BOOTTIME`).
///
/// Leadership deadlines use it: a laptop that slept must not believe that its lease still runs, and a wall
/// clock that NTP steps must not stretch it.
///
/// # Errors
/// Only on a kernel without the clock (before Linux 2.6.39); there is no honest fallback for a lease.
pub fn boot() -> Result<Duration, ClockError> {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(ClockError)?;
    Ok(Duration::from(time))
}

/// Returns the wall clock: for timestamps that people and objects carry, never for a deadline.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// Returns the wall clock in whole seconds since 1970, 0 while the clock stands before that.
#[must_use]
pub fn wall_seconds() -> i64 {
    wall()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(0)
}

/// The kernel has no boot clock.
#[derive(Debug, thiserror::Error)]
#[error("cannot read CLOCK_BOOTTIME: {0}; a kernel from 2.6.39 on is needed")]
pub struct ClockError(nix::errno::Errno);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_never_runs_backwards_and_agrees_with_the_kernel() {
        let first = boot().unwrap();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let second = boot().unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!(first <= second);
        assert!(
            (second.as_secs_f64() - seconds).abs() < 5.0,
            "{second:?} {seconds}"
        );
    }

    #[test]
    fn the_wall_clock_in_seconds_is_the_wall_clock() {
        let expected = wall()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        assert!(wall_seconds().abs_diff(i64::try_from(expected).unwrap()) <= 1);
    }
}
