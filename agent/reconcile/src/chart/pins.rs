//! What `windlass.lock` says a version of a chart is, before what it was at its first use.

use windlass_state::{BlobDigest, Store, StoreError};
use windlass_trust::ChartPin;

use super::pull::PullError;

/// Under which name the digest of a version that was used first is remembered.
const FIRST: &str = "first/";

/// What is pinned for a repository, and whether anything else is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    pub(crate) pins: Vec<ChartPin>,
    /// Nothing is used that is not pinned.
    pub(crate) only: bool,
}

/// What a version has to be.
#[derive(Debug)]
pub(super) struct Expected {
    key: String,
    pinned: Option<BlobDigest>,
    /// The digest at its last use, which without a pin is its first.
    used: Option<BlobDigest>,
}

// === impl Pins ===

impl Pins {
    /// What is known of a version of a chart.
    pub(super) fn expected(
        &self,
        store: &Store,
        url: &str,
        (chart, version): (&str, &str),
    ) -> Result<Expected, PullError> {
        let mut pins = self.pins.iter();
        let pinned = pins.find(|pin| pin.name == chart && pin.version == version);
        let pinned = pinned.map(|pin| pin.digest);
        if pinned.is_none() && self.only {
            let (chart, version) = (chart.to_owned(), version.to_owned());
            return Err(PullError::NotPinned { chart, version });
        }
        let key = format!("{FIRST}{url}\n{chart}\n{version}");
        let used = store.recall(&key)?;
        let used = used.and_then(|bytes| String::from_utf8(bytes).ok());
        let used = used.and_then(|text| text.parse().ok());
        Ok(Expected { key, pinned, used })
    }
}

// === impl Expected ===

impl Expected {
    /// The digest that it must have, if anything is known of it.
    pub(super) fn digest(&self) -> Option<BlobDigest> {
        self.pinned.or(self.used)
    }

    /// Whether the package that is in use is the one that is pinned now.
    pub(super) fn is_in_use(&self) -> bool {
        self.pinned.is_none() || self.pinned == self.used
    }

    /// Refuses other bytes.
    pub(super) fn check(
        &self,
        (chart, version): (&str, &str),
        found: BlobDigest,
    ) -> Result<(), PullError> {
        let (chart, version) = (chart.to_owned(), version.to_owned());
        match (self.pinned, self.used) {
            (Some(pinned), _) if pinned != found => Err(PullError::NotAsPinned {
                chart,
                version,
                pinned,
                found,
            }),
            (None, Some(first)) if first != found => Err(PullError::Changed {
                chart,
                version,
                first,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// What is in use from here on is what this version is.
    pub(super) fn keep(&self, store: &Store, found: BlobDigest) -> Result<(), StoreError> {
        store.remember(&self.key, found.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: (&str, &str) = ("web", "1.0.0");

    #[test]
    fn a_pin_counts_before_the_first_use_and_that_before_anything_else() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let [one, two] = [b"one", b"two"].map(|text| BlobDigest::of(text));
        let expected = |pins: &Pins| pins.expected(&store, "https://h", WEB).unwrap();
        let mut pins = Pins::default();
        let first = expected(&pins);
        assert!(first.is_in_use() && first.check(WEB, one).is_ok());
        first.keep(&store, one).unwrap();
        let error = expected(&pins).check(WEB, two).unwrap_err();
        assert!(matches!(error, PullError::Changed { .. }), "{error}");

        let (name, version) = (WEB.0.to_owned(), WEB.1.to_owned());
        pins.pins.push(ChartPin {
            name,
            version,
            digest: two,
        });
        let pinned = expected(&pins);
        assert!(!pinned.is_in_use() && pinned.check(WEB, two).is_ok());
        let error = pinned.check(WEB, one).unwrap_err();
        assert!(matches!(error, PullError::NotAsPinned { .. }), "{error}");
        pinned.keep(&store, two).unwrap();
        assert!(expected(&pins).is_in_use());
    }

    #[test]
    fn what_nothing_pins_is_refused_where_the_node_says_so() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let pins = Pins {
            pins: Vec::new(),
            only: true,
        };
        let error = pins.expected(&store, "https://h", WEB).unwrap_err();
        assert!(matches!(error, PullError::NotPinned { .. }), "{error}");
    }
}
