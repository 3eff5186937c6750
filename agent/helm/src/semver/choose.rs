//! Which version of a chart is taken.

use super::{Constraint, Version};

/// Whether a version is within a range, as Helm reads both.
///
/// # Errors
/// One of them cannot be read.
pub fn is_within(range: &str, version: &str) -> Result<bool, String> {
    let range = constraint(range)?;
    Ok(range.allows(&parse(version)?))
}

/// Whether a text is a version with all its three numbers, which no range is.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers = core.strip_prefix('v').unwrap_or(core).split('.');
    numbers.count() == 3 && Version::parse(text).is_ok()
}

/// Where the version is in the list that is taken for a range: the one that is written so, else the highest within it.
/// What is no version is passed over, as Helm does.
///
/// # Errors
/// The range cannot be read.
pub fn highest<'v>(
    range: &str,
    versions: impl Iterator<Item = &'v str> + Clone,
) -> Result<Option<usize>, String> {
    if let Some(position) = versions.clone().position(|version| version == range) {
        return Ok(Some(position));
    }
    let range = constraint(range)?;
    let mut best: Option<(usize, Version)> = None;
    for (position, version) in versions.enumerate() {
        let Ok(version) = Version::parse(version) else {
            continue;
        };
        let is_better = best
            .as_ref()
            .is_none_or(|(_, best)| version.compare(best).is_gt());
        if is_better && range.allows(&version) {
            best = Some((position, version));
        }
    }
    Ok(best.map(|(position, _)| position))
}

/// A version with this build metadata in place of its own.
///
/// # Errors
/// The version or the metadata is none.
pub fn with_metadata(version: &str, metadata: &str) -> Result<String, String> {
    let mut parsed = parse(version)?;
    metadata.clone_into(&mut parsed.metadata);
    let changed = parsed.to_string();
    parse(&changed).map(|_| changed)
}

fn constraint(range: &str) -> Result<Constraint, String> {
    let range = if range.is_empty() { "*" } else { range };
    Constraint::parse(range).map_err(|error| format!("{range:?}: {error}"))
}

fn parse(version: &str) -> Result<Version, String> {
    Version::parse(version).map_err(|error| format!("{version:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_within_the_range_is_taken_and_the_exact_one_before_it() {
        let versions = ["1.2.0", "no version", "2.0.0-rc.1", "v1.10.0", "1.9.0+two"];
        let check = |range: &str, taken: Option<&str>| {
            let position = highest(range, versions.iter().copied()).unwrap();
            let found = position.and_then(|position| versions.get(position).copied());
            assert_eq!(found, taken, "{range}");
        };
        check("*", Some("v1.10.0"));
        check("", Some("v1.10.0"));
        check(">=0.0.0-0", Some("2.0.0-rc.1"));
        check("~1.9", Some("1.9.0+two"));
        check("2.0.0-rc.1", Some("2.0.0-rc.1"));
        check("3.x", None);
        assert!(highest("one", versions.iter().copied()).is_err());
    }

    #[test]
    fn a_version_that_is_written_out_is_no_range() {
        for exact in ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+a-b"] {
            assert!(is_version(exact), "{exact}");
        }
        for range in [
            "",
            "*",
            "1.2",
            "1.2.x",
            "^1.2.3",
            ">=1.2.3",
            "1.2.3 - 2.0.0",
            "1.2.3 || 2.0.0",
            "1.10.0_x",
        ] {
            assert!(!is_version(range), "{range}");
        }
    }

    #[test]
    fn metadata_takes_the_place_of_what_was_there() {
        let check = |version: &str, metadata: &str, result: &str| {
            assert_eq!(with_metadata(version, metadata).as_deref(), Ok(result));
        };
        check("1.2.3", "abc.4", "1.2.3+abc.4");
        check("v1.2-rc.1+old", "abc", "1.2.0-rc.1+abc");
        assert!(with_metadata("1.2.3", "a b").is_err());
        assert!(with_metadata("one", "a").is_err());
        assert_eq!(is_within("^1", "1.2.3"), Ok(true));
        assert_eq!(is_within("^1", "2.2.3"), Ok(false));
    }
}
