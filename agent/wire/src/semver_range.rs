//! Version ranges of `spec.ref.semver`, as Flux reads them (github.com/Masterminds/semver v3, "Checking
//! Version Constraints"): commas and spaces mean "and", `||` means "or", with `= != > < >= <= ~ ^`,
//! wildcards, partial versions and `a - b`. A pre-release matches only in a group that names one.
//!
//! windlass-net picks a tag by it and the agent checks the pick by it, so both have it from here.

use semver::Version;

/// Alternatives, each a list of comparisons that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Vec<Vec<Comparison>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Tilde,
    Caret,
}

/// A version of which the last parts may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    version: Version,
    /// How many of major, minor and patch were written.
    parts: usize,
}

type Triple = (u64, u64, u64);

/// Comparisons in one range; Masterminds has no bound, a person needs a handful.
const COMPARISONS: usize = 64;

/// Reads a tag's version: strict semver, with or without a leading `v` (fluxcd/pkg/version, `ParseVersion`).
#[must_use]
pub fn parse_tag(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// The part that could not be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let groups = text
            .split("||")
            .map(parse_group)
            .collect::<Result<Vec<_>, _>>()?;
        if groups.iter().map(Vec::len).sum::<usize>() > COMPARISONS {
            return Err(format!("more than {COMPARISONS} comparisons"));
        }
        Ok(Self(groups))
    }

    /// Whether a version lies in the range.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            let names_prerelease = group.iter().any(|one| !one.bound.version.pre.is_empty());
            (version.pre.is_empty() || names_prerelease)
                && group.iter().all(|comparison| comparison.holds(version))
        })
    }
}

impl Comparison {
    fn holds(&self, version: &Version) -> bool {
        let bound = &self.bound;
        let order = version.cmp_precedence(&bound.version);
        let is_partial = bound.parts < 3;
        match self.operator {
            Operator::Equal if is_partial => {
                order.is_ge() && triple(version) < bound.after_last_part()
            }
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => {
                let equal = Self {
                    operator: Operator::Equal,
                    bound: bound.clone(),
                };
                !equal.holds(version)
            }
            Operator::Greater if is_partial => triple(version) >= bound.after_last_part(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual if is_partial => triple(version) < bound.after_last_part(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Tilde => order.is_ge() && triple(version) < bound.after_minor(),
            Operator::Caret => order.is_ge() && triple(version) < bound.after_compatible(),
        }
    }
}

fn triple(version: &Version) -> Triple {
    (version.major, version.minor, version.patch)
}

impl Bound {
    /// The first version behind everything the written parts cover.
    fn after_last_part(&self) -> Triple {
        let (major, minor, patch) = triple(&self.version);
        match self.parts {
            0 => (u64::MAX, u64::MAX, u64::MAX),
            1 => (major.saturating_add(1), 0, 0),
            2 => (major, minor.saturating_add(1), 0),
            _ => (major, minor, patch.saturating_add(1)),
        }
    }

    fn after_minor(&self) -> Triple {
        let (major, minor, _) = triple(&self.version);
        if self.parts < 2 {
            self.after_last_part()
        } else {
            (major, minor.saturating_add(1), 0)
        }
    }

    /// Up to the first part that is not zero.
    fn after_compatible(&self) -> Triple {
        let (major, minor, patch) = triple(&self.version);
        match self.parts {
            0 | 1 => self.after_last_part(),
            _ if major > 0 => (major.saturating_add(1), 0, 0),
            2 => (0, minor.saturating_add(1), 0),
            _ if minor > 0 => (0, minor.saturating_add(1), 0),
            _ => (0, 0, patch.saturating_add(1)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let is_wild = |part: &str| matches!(part, "" | "x" | "X" | "*");
        let core = text.split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<&str> = core.split('.').collect();
        let written = parts.iter().take_while(|part| !is_wild(part)).count();
        let rest_is_wild = parts.iter().skip(written).all(|part| is_wild(part));
        if parts.len() > 3 || !rest_is_wild {
            return None;
        }
        if written == 3 {
            return Version::parse(text)
                .ok()
                .map(|version| Self { version, parts: 3 });
        }
        if core.len() != text.len() {
            return None;
        }
        let mut numbers = parts
            .iter()
            .take(written)
            .map(|part| part.parse::<u64>().ok());
        let mut next = || numbers.next().unwrap_or(Some(0));
        let version = Version::new(next()?, next()?, next()?);
        Some(Self {
            version,
            parts: written,
        })
    }
}

fn parse_group(text: &str) -> Result<Vec<Comparison>, String> {
    let tokens = tokens(text);
    let mut comparisons = Vec::new();
    let mut rest = tokens.as_slice();
    loop {
        rest = match rest {
            [] => break,
            [low, "-", high, after @ ..] => {
                comparisons.push(comparison(">=", low)?);
                comparisons.push(comparison("<=", high)?);
                after
            }
            [operator, version, after @ ..] if is_operator(operator) => {
                comparisons.push(comparison(operator, version)?);
                after
            }
            [version, after @ ..] => {
                comparisons.push(comparison("=", version)?);
                after
            }
        };
    }
    Ok(comparisons)
}

fn is_operator(token: &str) -> bool {
    token.bytes().all(|byte| b"<>=!~^".contains(&byte))
}

/// Splits at commas and spaces, and between an operator and its version.
fn tokens(text: &str) -> Vec<&str> {
    text.split([',', ' ', '\t', '\n'])
        .filter(|word| !word.is_empty())
        .flat_map(|word| {
            let version_starts = word.find(|letter| !"<>=!~^".contains(letter));
            let (operator, version) = word.split_at(version_starts.unwrap_or(word.len()));
            [operator, version]
                .into_iter()
                .filter(|part| !part.is_empty())
        })
        .collect()
}

fn comparison(operator: &str, version: &str) -> Result<Comparison, String> {
    let unreadable = || format!("`{operator}{version}` is not a version comparison");
    let bound = Bound::parse(version).ok_or_else(unreadable)?;
    let operator = match operator {
        "=" | "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        ">=" | "=>" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        "<=" | "=<" => Operator::LessOrEqual,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => return Err(unreadable()),
    };
    Ok(Comparison { operator, bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `range` matches exactly the listed ones of a fixed set of tags.
    #[track_caller]
    fn check(range: &str, expected: &[&str]) {
        let tags = [
            "0.0.3",
            "0.0.4",
            "0.2.3",
            "0.2.9",
            "0.3.0",
            "1.0.0",
            "1.2.3",
            "1.2.9",
            "1.3.0",
            "2.0.0-rc.1",
            "2.0.0",
            "11.1.0",
        ];
        let parsed = Range::parse(range).expect(range);
        let matched: Vec<&str> = tags
            .into_iter()
            .filter(|tag| parsed.matches(&parse_tag(tag).unwrap()))
            .collect();
        assert_eq!(matched, expected, "{range}");
    }

    #[test]
    fn ranges_match_as_masterminds_does() {
        check("1.2.3", &["1.2.3"]);
        check("=1.2", &["1.2.3", "1.2.9"]);
        check("1.x", &["1.0.0", "1.2.3", "1.2.9", "1.3.0"]);
        check("~1.2.4", &["1.2.9"]);
        check("~1", &["1.0.0", "1.2.3", "1.2.9", "1.3.0"]);
        check("^1.2.3", &["1.2.3", "1.2.9", "1.3.0"]);
        check("^0.2.3", &["0.2.3", "0.2.9"]);
        check("^0.0.3", &["0.0.3"]);
        check("^0.0", &["0.0.3", "0.0.4"]);
        check(">1.2.3 <2", &["1.2.9", "1.3.0"]);
        check(">= 1.2.3, < 1.3.0", &["1.2.3", "1.2.9"]);
        check(">1.2", &["1.3.0", "2.0.0", "11.1.0"]);
        check(
            "<=1",
            &[
                "0.0.3", "0.0.4", "0.2.3", "0.2.9", "0.3.0", "1.0.0", "1.2.3", "1.2.9", "1.3.0",
            ],
        );
        check("1.2.9 - 2.0.0", &["1.2.9", "1.3.0", "2.0.0"]);
        check("<0.1 || >=11", &["0.0.3", "0.0.4", "11.1.0"]);
        check("!=1.2 >=1 <2", &["1.0.0", "1.3.0"]);
        check("v1.2.3", &["1.2.3"]);
    }

    #[test]
    fn a_prerelease_needs_a_range_that_names_one() {
        check(">=1.3.0 <=2.0.0", &["1.3.0", "2.0.0"]);
        check(">=1.3.0-0 <=2.0.0", &["1.3.0", "2.0.0-rc.1", "2.0.0"]);
        check("~2.0.0-0", &["2.0.0-rc.1", "2.0.0"]);
    }

    #[test]
    fn everything_but_prereleases_matches_a_star() {
        let all = Range::parse("*").unwrap();
        assert!(all.matches(&Version::new(0, 0, 1)) && all.matches(&Version::new(9, 9, 9)));
        assert!(!all.matches(&parse_tag("v1.0.0-rc.1").unwrap()));
        assert!(Range::parse("").unwrap().matches(&Version::new(1, 0, 0)));
    }

    #[test]
    fn what_is_no_range_is_an_error_that_names_the_part() {
        for range in [
            "latest", ">>1", "1.2.3.4", "1.x.3", ">", "1.2-rc", "^a.b", "!1", "1 -",
        ] {
            assert!(Range::parse(range).is_err(), "{range}");
        }
        assert!(
            Range::parse(">=1.0.0 latest")
                .unwrap_err()
                .contains("latest")
        );
        assert!(Range::parse(&"1 ".repeat(65)).is_err());
    }

    #[test]
    fn only_strict_versions_are_tags() {
        assert!(parse_tag("v1.2.3").is_some() && parse_tag("1.2.3+build").is_some());
        for tag in ["1.2", "V1.2.3", "release-1.2.3", "v01.2.3", ""] {
            assert!(parse_tag(tag).is_none(), "{tag}");
        }
    }
}
