//! Which artifact of a registry is taken for an OCIRepository.

use regex::RegexBuilder;
use windlass_helm::{highest, is_version};
use windlass_trust::ContentDigest;

use crate::elsewhere::charts::repository;
use crate::elsewhere::registry::RegistryError;

/// As much as a filter may take on a node.
const FILTER_BYTES: usize = 1 << 20;

/// What an OCIRepository follows.
#[derive(Debug)]
pub(super) enum Tags<'a> {
    /// This one.
    Named(&'a str),
    /// The highest version among those that fit both.
    Within { range: &'a str, filter: &'a str },
}

/// The digest of the manifest that an OCIRepository takes.
pub(super) fn artifact(
    (url, insecure): (&str, bool),
    tags: &Tags<'_>,
) -> Result<ContentDigest, String> {
    let said = |error: RegistryError| error.to_string();
    let repository = repository(url, insecure)?;
    let tag = match tags {
        Tags::Named(tag) => (*tag).to_owned(),
        Tags::Within { range, filter } => fitting(repository.tags().map_err(said)?, range, filter)?,
    };
    let manifest = repository.manifest(&tag);
    manifest.map(|(digest, _)| digest).map_err(said)
}

/// The tag of the highest version, as a node chooses it.
fn fitting(mut tags: Vec<String>, range: &str, filter: &str) -> Result<String, String> {
    let filter = RegexBuilder::new(filter).size_limit(FILTER_BYTES).build();
    let filter = filter.map_err(|error| format!("semverFilter: {error}"))?;
    tags.retain(|tag| is_version(tag) && filter.is_match(tag));
    let best = highest(range, tags.iter().map(String::as_str))?;
    let best = best.filter(|best| *best < tags.len());
    best.map(|best| tags.swap_remove(best))
        .ok_or_else(|| "no tag is within the range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_within_the_range_and_the_filter_is_taken() {
        let tags = [
            "1.0.0",
            "v1.2.0",
            "1.1.0-rc.1",
            "2.0.0-arm",
            "latest",
            "1.3",
            "1.10.0_x",
        ];
        let check = |range: &str, filter: &str, expected: Result<&str, &str>| {
            let found = fitting(tags.map(str::to_owned).to_vec(), range, filter);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{range} {filter}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (found, expected) => panic!("{range} {filter}: {found:?}, not {expected:?}"),
            }
        };
        check("1.x", "", Ok("v1.2.0"));
        check(">=1.0.0-0", "-rc", Ok("1.1.0-rc.1"));
        check("1.x", "^[0-9]", Ok("1.0.0"));
        check("3.x", "", Err("no tag"));
        check("*", "(", Err("semverFilter"));
    }
}
