//! Delays between attempts, spread so that many watchers do not come back at once.

use std::time::Duration;

/// First delay.
const FIRST: Duration = Duration::from_secs(1);
/// Longest delay: a server that comes back is noticed within it.
const LONGEST: Duration = Duration::from_secs(30);

/// Takes how many attempts failed in a row, what the server asked for and a random number in 0..1,
/// and gives the delay before the next attempt: doubling, between half and the whole of it, never
/// shorter than asked.
pub(crate) fn delay(failures: u32, asked: Option<Duration>, random: f64) -> Duration {
    let doubled = FIRST
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(LONGEST);
    let spread = doubled.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
    match asked {
        Some(asked) => spread.max(asked + asked.mul_f64(random.clamp(0.0, 1.0) / 4.0)),
        None => spread,
    }
}

/// A random number in 0..1.
pub(crate) fn random() -> f64 {
    rand::random::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_are_spread_over_their_upper_half() {
        assert_eq!(delay(1, None, 1.0), Duration::from_secs(1));
        assert_eq!(delay(1, None, 0.0), Duration::from_millis(500));
        assert_eq!(delay(4, None, 1.0), Duration::from_secs(8));
        assert_eq!(delay(60, None, 1.0), LONGEST);
        assert_eq!(delay(60, None, 0.0), LONGEST / 2);
    }

    #[test]
    fn what_the_server_asks_for_is_the_least() {
        assert_eq!(
            delay(1, Some(Duration::from_secs(7)), 0.0),
            Duration::from_secs(7)
        );
        assert!(delay(1, Some(Duration::from_secs(8)), 1.0) <= Duration::from_secs(10));
        assert!(delay(6, Some(Duration::from_secs(1)), 0.5) > Duration::from_secs(15));
    }
}
