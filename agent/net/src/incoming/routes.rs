//! Which paths are handed on, and how often each.

use std::collections::HashMap;
use std::time::Instant;

use windlass_wire::Routes;

/// Requests for one path that are taken at once: a push to a forge may make a dozen of them.
const BURST: f64 = 20.0;
/// Requests for one path that are taken in a second on and on.
const RATE: f64 = 10.0;

/// The paths, each with what it may still take.
#[derive(Debug)]
pub(super) struct Table {
    paths: HashMap<String, Bucket>,
    otherwise: u16,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Table {
    pub(super) fn new(routes: Routes) -> Self {
        let mut table = Self {
            paths: HashMap::new(),
            otherwise: 404,
        };
        table.replace(routes);
        table
    }

    /// Takes other routes; what stays is as full as it was.
    pub(super) fn replace(&mut self, routes: Routes) {
        let full = Bucket {
            tokens: BURST,
            at: Instant::now(),
        };
        let paths = routes.paths.into_iter();
        self.paths = paths
            .map(|path| {
                let bucket = self.paths.get(&path).copied().unwrap_or(full);
                (path, bucket)
            })
            .collect();
        self.otherwise = routes.otherwise;
    }

    /// Takes one request for a path, or says with which status it is refused.
    pub(super) fn admit(&mut self, path: &str) -> Result<(), u16> {
        /// Too Many Requests.
        const BUSY: u16 = 429;
        let bucket = self.paths.get_mut(path).ok_or(self.otherwise)?;
        let now = Instant::now();
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * RATE).min(BURST);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err(BUSY);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str], otherwise: u16) -> Routes {
        let paths = paths.iter().map(|path| (*path).to_owned());
        Routes {
            paths: paths.collect(),
            otherwise,
        }
    }

    #[test]
    fn a_path_takes_a_burst_and_then_waits_whatever_the_others_do() {
        let mut table = Table::new(routes(&["/a", "/b"], 404));
        let taken = (0..100).filter(|_| table.admit("/a").is_ok()).count();
        assert!((20..40).contains(&taken), "{taken}");
        assert_eq!(table.admit("/a"), Err(429));
        assert_eq!(table.admit("/b"), Ok(()));
        assert_eq!(table.admit("/c"), Err(404));
    }

    #[test]
    fn other_routes_leave_no_path_fuller_than_it_was() {
        let mut table = Table::new(routes(&["/a"], 404));
        while table.admit("/a").is_ok() {}
        table.replace(routes(&["/a", "/c"], 503));
        assert_eq!(table.admit("/a"), Err(429));
        assert_eq!(table.admit("/c"), Ok(()));
        assert_eq!(table.admit("/b"), Err(503));
    }
}
