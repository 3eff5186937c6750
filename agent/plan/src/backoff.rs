//! How long to wait after failures.

use std::time::Duration;

/// The first wait (kustomize-controller, `--min-retry-delay`).
pub const MINIMUM: Duration = Duration::from_millis(750);

/// The longest wait (kustomize-controller, `--max-retry-delay`).
pub const MAXIMUM: Duration = Duration::from_secs(15 * 60);

/// By how much jitter shortens a wait at most, so that many things that failed together do not
/// come back together.
const JITTER_SHARE: f64 = 0.2;

/// Gives the wait after this many failures in a row: `minimum` after the first, doubled each time
/// up to `maximum`, shortened by up to a fifth. `jitter` is a number from 0 to 1; anything else
/// counts as the nearer end.
pub fn delay(failures: u32, minimum: Duration, maximum: Duration, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1);
    let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let whole = minimum.checked_mul(factor).unwrap_or(maximum).min(maximum);
    let jitter = if jitter.is_nan() {
        0.0
    } else {
        jitter.clamp(0.0, 1.0)
    };
    whole.mul_f64(1.0 - JITTER_SHARE * jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_minimum_to_the_maximum() {
        let seconds = |failures| delay(failures, MINIMUM, MAXIMUM, 0.0).as_secs_f64();
        assert_eq!([0, 1, 2, 3, 4].map(seconds), [0.75, 0.75, 1.5, 3.0, 6.0]);
        assert_eq!(
            [11, 12, 31, 32, 33, u32::MAX].map(seconds),
            [768.0, 900.0, 900.0, 900.0, 900.0, 900.0]
        );
    }

    #[test]
    fn jitter_only_shortens_and_by_a_fifth_at_most() {
        let second = Duration::from_secs(1);
        let with = |jitter| delay(1, second, MAXIMUM, jitter);
        assert_eq!(with(1.0), Duration::from_millis(800));
        assert_eq!(with(0.5), Duration::from_millis(900));
        assert_eq!(
            (with(7.0), with(-1.0), with(f64::NAN)),
            (with(1.0), second, second)
        );
    }
}
