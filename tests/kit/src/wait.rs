//! Waiting for a condition, never for a time; and what is shown when it does not come.

use std::time::{Duration, Instant};

/// How often a condition is looked at: below what a person notices, far above what a look costs.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `look` gives something, and gives that.
///
/// # Panics
/// With `what` and what `look` last complained about, when `limit` has passed.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(last) if start.elapsed() >= limit => {
                panic!("waited {} s for {what}; last seen: {last}", limit.as_secs())
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Looks until `look` is true.
///
/// # Panics
/// With `what`, when `limit` has passed.
#[track_caller]
pub fn until_true(what: &str, limit: Duration, mut look: impl FnMut() -> bool) {
    until(what, limit, || {
        if look() {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    });
}

/// Checks that `look` stays true for the whole of `span`: for things that must *not* happen.
///
/// # Panics
/// With `what`, as soon as `look` is false.
#[track_caller]
pub fn holds(what: &str, span: Duration, mut look: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < span {
        assert!(look(), "{what} did not hold after {:?}", start.elapsed());
        std::thread::sleep(PAUSE);
    }
}

/// Shows with a failure what explains it.
#[expect(
    clippy::print_stderr,
    reason = "the test harness keeps it for tests that fail"
)]
pub(crate) fn show(text: &str) {
    eprintln!("{text}");
}
