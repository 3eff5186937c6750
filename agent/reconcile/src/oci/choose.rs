//! Which artifact is asked for, and whether what a tag names is what it named first.

use regex::RegexBuilder;
use windlass_api::oci_repository::{OciRepositoryRef, OciRepositorySpec};
use windlass_state::{BlobDigest, Store, StoreError};
use windlass_wire::{Range, parse_tag};

use super::pass::PassError;
use super::{DEFAULT_TAG, OciSnapshot, Selection};
use crate::archive::{Basis, First};
use crate::registry::Repository;

/// Bytes that a compiled filter may take; a filter that a person wrote takes a few thousand.
const FILTER_BYTES: usize = 1 << 20;

/// Under which name the digest is remembered that a tag named first.
const FIRST: &str = "first-artifact/";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// These bytes, which somebody looked at; and the tag that they are known by.
    Digest(BlobDigest, Option<String>),
    /// Whatever the tag names.
    Tag(String),
}

/// Chooses as Flux does: a digest before a range, a range before a tag; what `windlass.lock` names before both of these.
pub(super) fn choose(
    repository: &Repository<'_>,
    spec: &OciRepositorySpec,
    basis: &Basis,
) -> Result<Chosen, PassError> {
    let nothing = OciRepositoryRef::default();
    let reference = spec.reference.as_ref().unwrap_or(&nothing);
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(text) = given(&reference.digest) {
        let digest = text.parse();
        return match digest {
            Ok(digest) => Ok(Chosen::Digest(digest, None)),
            Err(error) => Err(PassError::Spec(format!("spec.ref.digest: {error}"))),
        };
    }
    let range = given(&reference.semver);
    let tag = given(&reference.tag).unwrap_or_else(|| DEFAULT_TAG.to_owned());
    match (basis.pin, range) {
        (Some(pin), Some(_)) => Ok(Chosen::Digest(pin, None)),
        (Some(pin), None) => Ok(Chosen::Digest(pin, Some(tag))),
        (None, _) if basis.only_pinned && spec.verification.is_none() => {
            Err(PassError::NotPinned {
                url: spec.url.clone(),
                followed: super::followed(spec).to_owned(),
            })
        }
        (None, None) => Ok(Chosen::Tag(tag)),
        (None, Some(range)) => {
            let tags = repository.tags()?;
            let filter = reference.semver_filter.as_deref().unwrap_or_default();
            highest(&tags, &range, filter).map(Chosen::Tag)
        }
    }
}

/// The tag of the highest version within the range.
fn highest(tags: &[String], range: &str, filter: &str) -> Result<String, PassError> {
    let filter = RegexBuilder::new(filter).size_limit(FILTER_BYTES).build();
    let filter =
        filter.map_err(|error| PassError::Spec(format!("spec.ref.semverFilter: {error}")))?;
    let within = Range::parse(range);
    let within =
        within.map_err(|part| PassError::Spec(format!("semver '{range}' parse error: {part}")))?;
    let versions = tags.iter().filter(|tag| filter.is_match(tag));
    let versions = versions.filter_map(|tag| Some((parse_tag(tag)?, tag)));
    let fitting = versions.filter(|(version, _)| within.matches(version));
    let best = fitting.max_by(|(one, _), (other, _)| one.cmp_precedence(other));
    match best {
        Some((_, tag)) => Ok(tag.clone()),
        None => Err(PassError::NoMatch(range.to_owned())),
    }
}

/// What is known of a tag from before.
pub(super) fn first(store: &Store, url: &str, tag: &str) -> Result<First, StoreError> {
    First::of(store, format!("{FIRST}{url}\n{tag}"))
}

/// Refuses other bytes than the first.
pub(super) fn check_first(first: &First, tag: &str, found: BlobDigest) -> Result<(), PassError> {
    match first.contradicts(found) {
        None => Ok(()),
        Some(first) => Err(PassError::Changed {
            tag: tag.to_owned(),
            first,
            found,
        }),
    }
}

/// Refuses a lower version than the one in use within the same range: somebody took the higher one away.
pub(super) fn check_version(
    kept: Option<&OciSnapshot>,
    selection: &Selection,
    tag: &str,
) -> Result<(), PassError> {
    let kept = kept.filter(|kept| {
        let (one, other) = (&kept.selection, selection);
        (&one.url, &one.followed) == (&other.url, &other.followed)
    });
    let Some(held) = kept.and_then(|kept| kept.tag.clone()) else {
        return Ok(());
    };
    match (parse_tag(&held), parse_tag(tag)) {
        (Some(before), Some(now)) if now.cmp_precedence(&before).is_lt() => {
            let offered = tag.to_owned();
            Err(PassError::Lower { held, offered })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, filter: &str, expected: Result<&str, &str>) {
        let tags = [
            "1.0.0",
            "v1.2.0",
            "1.1.0-rc.1",
            "2.0.0-arm",
            "latest",
            "1.3",
            "1.10.0_x",
        ];
        let tags = tags.map(str::to_owned);
        match (highest(&tags, range, filter), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{range} {filter}"),
            (Err(error), Err(part)) => {
                let message = error.to_string();
                assert!(message.contains(part), "{message}");
            }
            (found, expected) => panic!("{range} {filter}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn the_highest_version_within_the_range_and_the_filter_is_chosen() {
        check("1.x", "", Ok("v1.2.0"));
        check("*", "", Ok("v1.2.0"));
        check(">=1.0.0-0", "-rc", Ok("1.1.0-rc.1"));
        check(">=1.0.0-0", "", Ok("2.0.0-arm"));
        check("1.x", "^[0-9]", Ok("1.0.0"));
        check("3.x", "", Err("no match found for semver: 3.x"));
        check("a.b", "", Err("semver 'a.b' parse error"));
        check("*", "(", Err("spec.ref.semverFilter"));
        check("*", "(a{1000}){1000}", Err("spec.ref.semverFilter"));
    }

    #[test]
    fn a_tag_is_what_it_was_first_from_its_first_use_on() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let (one, two) = (BlobDigest::of(b"one"), BlobDigest::of(b"two"));
        let main = || first(&store, "oci://h/x", "main").unwrap();
        assert!(check_first(&main(), "main", two).is_ok());
        main().keep(&store, one).unwrap();
        main().keep(&store, two).unwrap();
        assert!(check_first(&main(), "main", one).is_ok());
        let error = check_first(&main(), "main", two).unwrap_err();
        assert!(matches!(error, PassError::Changed { .. }), "{error}");
        let other = first(&store, "oci://h/y", "main").unwrap();
        assert!(check_first(&other, "main", two).is_ok());
    }
}
