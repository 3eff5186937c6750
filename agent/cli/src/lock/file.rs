//! The sections of `windlass.lock` that `windlass lock` writes: sorted, and nothing else touched.

use std::collections::BTreeMap;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};
use windlass_trust::{ContentDigest, LOCK_FILE, LOCK_VERSION, Oid};

use super::artifacts::Artifacts;

/// What a new file begins with.
const HEAD: &str = "# What this repository takes from other places, by its content. `windlass lock` writes the entries [[base]] and\n\
    # [[file]], with --sources also [[oci]] and [[chart]]; whoever signs the commit vouches for them.\n";

/// Files by URL, and commits by repository and reference.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pins {
    pub(super) files: BTreeMap<String, ContentDigest>,
    pub(super) bases: BTreeMap<(String, String), Oid>,
    pub(super) artifacts: Artifacts,
}

/// What is written, and what is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sections {
    /// `[[base]]` and `[[file]]`.
    Kustomizations,
    /// `[[oci]]` and `[[chart]]` as well.
    All,
}

// === impl Pins ===

impl Pins {
    /// What is pinned in a text that `LockFile` could read.
    pub(super) fn written_in(content: &str) -> Result<Self, String> {
        let document = parse(content)?;
        let mut pins = Pins {
            artifacts: Artifacts::written_in(&document),
            ..Pins::default()
        };
        let tables = |section: &str| tables(&document, section);
        for table in tables("file") {
            if let Ok(digest) = text(&table, "digest").parse() {
                pins.files.insert(text(&table, "url"), digest);
            }
        }
        for table in tables("base") {
            if let Ok(commit) = text(&table, "commit").parse() {
                let key = (text(&table, "url"), text(&table, "ref"));
                pins.bases.insert(key, commit);
            }
        }
        Ok(pins)
    }

    /// The file with these pins and no others of their kinds.
    pub(super) fn write_into(&self, text: &str, sections: Sections) -> Result<String, String> {
        let before = Pins::written_in(text)?;
        let same_artifacts =
            sections == Sections::Kustomizations || before.artifacts == self.artifacts;
        if (&before.files, &before.bases) == (&self.files, &self.bases) && same_artifacts {
            return Ok(text.to_owned());
        }
        let mut document = parse(text)?;
        if text.is_empty() {
            document = parse(&format!("{HEAD}version = {LOCK_VERSION}\n"))?;
        }
        let bases = self.bases.iter().map(|((url, reference), commit)| {
            table(&[
                ("url", url),
                ("ref", reference),
                ("commit", &commit.to_string()),
            ])
        });
        set(&mut document, "base", bases.collect());
        let files = self
            .files
            .iter()
            .map(|(url, digest)| table(&[("url", url), ("digest", &digest.to_string())]));
        set(&mut document, "file", files.collect());
        if sections == Sections::All {
            self.artifacts.write_into(&mut document);
        }
        Ok(document.to_string())
    }

    /// Those that the others do not have, or have otherwise, in words.
    pub(super) fn without(&self, others: &Pins) -> Vec<String> {
        let files = self
            .files
            .iter()
            .filter(|(url, digest)| others.files.get(*url) != Some(digest));
        let files = files.map(|(url, digest)| format!("{url} {digest}"));
        let bases = self
            .bases
            .iter()
            .filter(|(key, commit)| others.bases.get(*key) != Some(commit));
        let bases = bases.map(|((url, reference), commit)| match reference.as_str() {
            "" => format!("{url} {commit}"),
            reference => format!("{url} {reference} {commit}"),
        });
        let artifacts = self.artifacts.without(&others.artifacts);
        bases.chain(files).chain(artifacts).collect()
    }
}

pub(super) fn tables(document: &DocumentMut, section: &str) -> Vec<Table> {
    let tables = document.get(section).and_then(Item::as_array_of_tables);
    tables.into_iter().flatten().cloned().collect()
}

pub(super) fn text(table: &Table, key: &str) -> String {
    let text = table.get(key).and_then(Item::as_str);
    text.unwrap_or_default().to_owned()
}

pub(super) fn set(document: &mut DocumentMut, section: &str, tables: ArrayOfTables) {
    match tables.is_empty() {
        true => document.remove(section),
        false => document.insert(section, Item::ArrayOfTables(tables)),
    };
}

pub(super) fn table(pairs: &[(&str, &str)]) -> Table {
    let mut table = Table::new();
    for (key, text) in pairs {
        table.insert(key, value(*text));
    }
    table
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse()
        .map_err(|error| format!("{LOCK_FILE}: {error}"))
}

#[cfg(test)]
mod tests {
    use windlass_trust::LockFile;

    use super::*;

    const COMMIT: &str = "89e6c98d92887913cadf06b2adb97f26cde4849b";

    fn pins() -> Pins {
        let base = |reference: &str| {
            let key = ("https://h/b".to_owned(), reference.to_owned());
            (key, COMMIT.parse().unwrap())
        };
        let file = |name: &str| {
            (
                format!("https://h/{name}"),
                ContentDigest::of(name.as_bytes()),
            )
        };
        Pins {
            files: [file("z"), file("a")].into(),
            bases: [base("v1"), base("")].into(),
            artifacts: Artifacts::default(),
        }
    }

    #[test]
    fn what_is_written_is_sorted_stable_and_read_again() {
        let text = pins().write_into("", Sections::Kustomizations).unwrap();
        assert!(
            text.starts_with("# What") && text.contains("\nversion = 1\n"),
            "{text}"
        );
        let lock = LockFile::parse(text.as_bytes()).unwrap();
        assert_eq!(lock.base("https://h/b", ""), Some(COMMIT.parse().unwrap()));
        assert_eq!(lock.file("https://h/z"), Some(ContentDigest::of(b"z")));
        assert!(
            text.find("/a\"").unwrap() < text.find("/z\"").unwrap(),
            "{text}"
        );
        assert_eq!(
            pins().write_into(&text, Sections::Kustomizations).unwrap(),
            text
        );
        assert_eq!(Pins::written_in(&text).unwrap(), pins());
    }

    #[test]
    fn artifacts_and_charts_are_written_only_where_that_is_asked_for() {
        let mut pins = pins();
        let key = ("https://h/charts", "web", "1.0.0");
        let key = (key.0.to_owned(), key.1.to_owned(), key.2.to_owned());
        let digest = ContentDigest::of(b"chart");
        pins.artifacts.charts.insert(key, digest);
        let key = ("oci://h/app".to_owned(), "1.x".to_owned());
        pins.artifacts.oci.insert(key, digest);
        let text = pins.write_into("", Sections::All).unwrap();
        let lock = LockFile::parse(text.as_bytes()).unwrap();
        assert_eq!(lock.artifact("oci://h/app", "1.x"), Some(digest));
        assert_eq!(lock.charts("https://h/charts/")[0].digest, digest);
        assert_eq!(Pins::written_in(&text).unwrap(), pins);
        assert_eq!(pins.without(&Pins::default()).len(), 6);
        let others = Pins {
            artifacts: Artifacts::default(),
            ..pins
        };
        let same = others.write_into(&text, Sections::Kustomizations).unwrap();
        assert_eq!(same, text, "they are somebody else's");
        let without = others.write_into(&text, Sections::All).unwrap();
        assert!(
            !without.contains("\n[[oci]]") && !without.contains("\n[[chart]]"),
            "{without}"
        );
    }

    #[test]
    fn what_others_wrote_stays_and_pins_of_nothing_go() {
        let own = format!(
            "version = 1 # ours\n\n[[git]]\nurl = \"u\"\nref = \"r\"\ncommit = \"{COMMIT}\" # looked at\n"
        );
        let text = pins().write_into(&own, Sections::Kustomizations).unwrap();
        assert!(text.starts_with(&own), "{text}");
        let emptied = Pins::default()
            .write_into(&text, Sections::Kustomizations)
            .unwrap();
        assert_eq!(emptied, own);
        assert_eq!(
            Pins::default()
                .write_into("", Sections::Kustomizations)
                .unwrap(),
            ""
        );
        assert_eq!(pins().without(&Pins::default()).len(), 4);
        assert_eq!(pins().without(&pins()), Vec::<String>::new());
    }
}
