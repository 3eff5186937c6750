//! The sections of `windlass.lock` for artifacts of registries and versions of charts.

use std::collections::BTreeMap;

use toml_edit::DocumentMut;
use windlass_trust::ContentDigest;

use super::file::{set, table, tables, text};

/// Artifacts by URL and reference, charts by repository, name and version.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Artifacts {
    pub(super) oci: BTreeMap<(String, String), ContentDigest>,
    pub(super) charts: BTreeMap<(String, String, String), ContentDigest>,
}

// === impl Artifacts ===

impl Artifacts {
    /// What is pinned in a text that `LockFile` could read.
    pub(super) fn written_in(document: &DocumentMut) -> Self {
        let mut pins = Artifacts::default();
        for table in tables(document, "oci") {
            if let Ok(digest) = text(&table, "digest").parse() {
                let key = (text(&table, "url"), text(&table, "ref"));
                pins.oci.insert(key, digest);
            }
        }
        for table in tables(document, "chart") {
            if let Ok(digest) = text(&table, "digest").parse() {
                let [repository, name, version] =
                    ["repository", "name", "version"].map(|key| text(&table, key));
                pins.charts.insert((repository, name, version), digest);
            }
        }
        pins
    }

    /// Puts these in the place of what is there.
    pub(super) fn write_into(&self, document: &mut DocumentMut) {
        let oci = self.oci.iter().map(|((url, reference), digest)| {
            let digest = digest.to_string();
            table(&[("url", url), ("ref", reference), ("digest", &digest)])
        });
        set(document, "oci", oci.collect());
        let charts = self.charts.iter();
        let charts = charts.map(|((repository, name, version), digest)| {
            table(&[
                ("repository", repository),
                ("name", name),
                ("version", version),
                ("digest", &digest.to_string()),
            ])
        });
        set(document, "chart", charts.collect());
    }

    /// Those that the others do not have, or have otherwise, in words.
    pub(super) fn without(&self, others: &Artifacts) -> Vec<String> {
        let oci = self
            .oci
            .iter()
            .filter(|(key, digest)| others.oci.get(*key) != Some(digest));
        let oci = oci.map(|((url, reference), digest)| format!("{url} {reference} {digest}"));
        let charts = self
            .charts
            .iter()
            .filter(|(key, digest)| others.charts.get(*key) != Some(digest));
        let charts = charts.map(|((repository, name, version), digest)| {
            format!("{repository} {name} {version} {digest}")
        });
        oci.chain(charts).collect()
    }
}
