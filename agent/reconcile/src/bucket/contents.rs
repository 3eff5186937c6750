//! What a bucket holds, as windlass-net lists it: which objects are taken, and the revision that they are. Pure.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use windlass_state::BlobDigest;
use windlass_trust::ENTRY_LIMIT;

use crate::view::ignore::{IGNORE_FILE, Ignore};

/// The objects that are taken, with the tags of their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents(pub(super) BTreeMap<String, String>);

/// A list that is not used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ContentsError {
    #[error("windlass-net lists what is no object: {0:?}")]
    Line(String),
    #[error("object {key:?} {why}; rename it, or leave it out with spec.ignore")]
    Name { key: String, why: &'static str },
    #[error(
        "the bucket has more than {ENTRY_LIMIT} objects; leave some out with spec.prefix or spec.ignore"
    )]
    TooMany,
}

impl Contents {
    /// Reads the list: as in Flux without directories, the file of rules, and what the rules leave out. A key that is left
    /// out may be called anything.
    pub(super) fn parse(list: &str, ignore: &Ignore) -> Result<Self, ContentsError> {
        let mut objects = BTreeMap::new();
        for line in list.lines() {
            let bad = || ContentsError::Line(line.to_owned());
            let (tag, key) = line.split_once(' ').ok_or_else(bad)?;
            let key = percent_decode_str(key).decode_utf8().map_err(|_| bad())?;
            if key.ends_with('/') || key == IGNORE_FILE || ignore.excludes(&key, false) {
                continue;
            }
            windlass_trust::check_path(&key).map_err(|why| ContentsError::Name {
                key: key.to_string(),
                why,
            })?;
            objects.insert(key.into_owned(), tag.to_owned());
            // One more is the file of rules.
            if objects.len() >= ENTRY_LIMIT {
                return Err(ContentsError::TooMany);
            }
        }
        match objects.keys().find(|key| is_below(key, &objects)) {
            None => Ok(Contents(objects)),
            Some(key) => Err(ContentsError::Name {
                key: key.clone(),
                why: "is below another object, which no folder can be",
            }),
        }
    }

    /// As Flux has it: the digest of all keys and tags, a line each (source-controller, `internal/index/digest.go`).
    pub(super) fn revision(&self) -> String {
        let lines = self.0.iter().map(|(key, tag)| format!("{key} {tag}\n"));
        BlobDigest::of(lines.collect::<String>().as_bytes()).to_string()
    }
}

/// Whether the key of one object is a folder of this one's.
fn is_below(key: &str, objects: &BTreeMap<String, String>) -> bool {
    let slashes = key.match_indices('/');
    let mut folders = slashes.filter_map(|(at, _)| key.get(..at));
    folders.any(|folder| objects.contains_key(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(list: &str, rules: Option<&str>) -> Result<Contents, ContentsError> {
        Contents::parse(list, &Ignore::of_rules(rules, None).unwrap())
    }

    #[test]
    fn the_revision_is_that_of_keys_and_tags_without_what_is_left_out() {
        let list = "e2 b/x%20y.yaml\ne1 a.yaml\ne3 b/\ne4 .sourceignore\ne5 secret/k\n";
        let contents = parsed(list, Some("secret/\n")).unwrap();
        let expected = BlobDigest::of(b"a.yaml e1\nb/x y.yaml e2\n");
        assert_eq!(contents.revision(), expected.to_string());
        let all = parsed(list, None).unwrap();
        assert_ne!(all.revision(), contents.revision());
    }

    #[test]
    fn a_key_is_a_file_or_a_folder_and_counts_once() {
        let both = parsed("e1 a\ne2 a-b\ne3 a/b/c\n", None);
        assert!(
            matches!(&both, Err(ContentsError::Name { key, .. }) if key == "a/b/c"),
            "{both:?}"
        );
        let one = parsed("e1 a\ne3 a/b/c\n", Some("a/b\n")).unwrap();
        assert_eq!(one.0.len(), 1);
        let twice = parsed("e1 a\ne2 a\n", None).unwrap();
        assert_eq!(twice, parsed("e2 a\n", None).unwrap());
    }

    #[test]
    fn more_objects_than_an_archive_may_have_are_refused_but_not_those_that_are_left_out() {
        let list: String = (0..=ENTRY_LIMIT).map(|at| format!("e k{at}\n")).collect();
        assert_eq!(parsed(&list, None), Err(ContentsError::TooMany));
        assert!(parsed(&list, Some("k1*\n")).is_ok());
    }

    #[test]
    fn t22_a_key_that_leads_elsewhere_is_refused_unless_it_is_left_out() {
        let long = "x".repeat(300);
        for key in [
            "../x",
            "a/../../x",
            "%2Fetc/passwd",
            ".",
            "a//b",
            "a%5Cb",
            "a%00b",
            &long,
        ] {
            let refused = parsed(&format!("e {key}\n"), None);
            assert!(matches!(refused, Err(ContentsError::Name { .. })), "{key}");
        }
        assert!(
            parsed("e junk/%5Cx\n", Some("junk/\n"))
                .unwrap()
                .0
                .is_empty()
        );
        assert!(
            parsed("e %E2%80%A5/x\n", None).is_ok(),
            "two dots that are one letter are a name"
        );
        assert!(parsed("no-key\n", None).is_err());
        assert!(parsed("e %FF\n", None).is_err());
    }
}
