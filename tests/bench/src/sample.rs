//! Times of the same thing, done several times.

use std::time::Duration;

/// Times in milliseconds, sorted.
#[derive(Clone, Debug)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn of(times: Vec<Duration>) -> Self {
        let mut times: Vec<f64> = times
            .iter()
            .map(|time| time.as_secs_f64() * 1000.0)
            .collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// The time that so large a part (0 to 1) of all is not above.
    fn at(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.0.get(index).copied().unwrap_or(f64::INFINITY)
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }

    pub(crate) fn worst(&self) -> f64 {
        self.at(1.0)
    }

    /// Count and spread in words.
    pub(crate) fn words(&self) -> String {
        format!(
            "{} times, {:.0} to {:.0} ms, 9 of 10 within {:.0} ms",
            self.0.len(),
            self.at(0.0),
            self.worst(),
            self.at(0.9)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_worst_are_those_of_the_sorted_times() {
        let sample = Sample::of([5, 1, 9, 3, 7].map(Duration::from_millis).to_vec());
        assert!((sample.median() - 5.0).abs() < 1e-9);
        assert!((sample.worst() - 9.0).abs() < 1e-9);
    }

    #[test]
    fn no_times_are_the_worst_times() {
        assert!(Sample::of(Vec::new()).median().is_infinite());
    }
}
