//! Patterns of paths: `*` and `?` within a name, `**` over any number of directories.

/// Longest pattern.
const MAX_BYTES: usize = 1024;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(String);

// === impl Glob ===

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It could never match, or not as it looks; says why.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let steps: Vec<&str> = text.split('/').collect();
        let problem = if text.is_empty() {
            "is empty"
        } else if text.len() > MAX_BYTES {
            "is too long"
        } else if steps
            .iter()
            .any(|step| step.is_empty() || *step == "." || *step == "..")
        {
            "must be relative to the repository, without empty steps, '.' and '..'"
        } else if steps
            .iter()
            .any(|step| *step != "**" && step.contains("**"))
        {
            "has '**' beside other characters; it stands for whole directories only"
        } else if text.contains(['[', ']', '{', '}', '!', '\\']) {
            "has one of []{}!\\, which mean nothing here"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(format!("path {text:?} {problem}"))
    }

    /// As it is written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every path below a directory fits, by a `/**` at the end.
    pub(super) fn has_all_below(&self, directory: &[u8]) -> bool {
        let steps: Vec<&[u8]> = directory.split(|byte| *byte == b'/').collect();
        let Some(pattern) = self.0.strip_suffix("/**") else {
            return self.0.as_bytes() == JUMP;
        };
        let pattern: Vec<&[u8]> = pattern.as_bytes().split(|byte| *byte == b'/').collect();
        let mut above = (1..=steps.len()).filter_map(|count| steps.get(..count));
        above.any(|above| steps_match(&pattern, above))
    }

    /// Whether the whole of a path fits.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let mut pattern: Vec<&[u8]> = self.0.as_bytes().split(|byte| *byte == b'/').collect();
        if pattern.last() == Some(&JUMP) {
            // `a/**` is what lies below `a`, not `a` itself.
            pattern.push(b"*");
        }
        let steps: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        steps_match(&pattern, &steps)
    }
}

const JUMP: &[u8] = b"**";

/// Matches the steps of a path, in one pass with one place to go back to.
fn steps_match(pattern: &[&[u8]], steps: &[&[u8]]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut jump: Option<(usize, usize)> = None;
    while let Some(step) = steps.get(from) {
        match pattern.get(at) {
            Some(wanted) if *wanted == JUMP => {
                jump = Some((at, from));
                at += 1;
            }
            Some(wanted) if name_matches(wanted, step) => (at, from) = (at + 1, from + 1),
            _ => match jump {
                Some((jump_at, jump_from)) => {
                    jump = Some((jump_at, jump_from + 1));
                    (at, from) = (jump_at + 1, jump_from + 1);
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|wanted| *wanted == JUMP)
}

/// Matches one name, in one pass with one place to go back to.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(b'?') => (at, from) = (at + 1, from + 1),
            Some(byte) if name.get(from) == Some(byte) => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((star_at, star_from)) => {
                    star = Some((star_at, star_from + 1));
                    (at, from) = (star_at + 1, star_from + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn a_pattern_fits_whole_paths_only() {
        for (pattern, path, fits) in [
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("apps/**", "apps/web.yaml", true),
            ("apps/**", "apps/a/b/c.yaml", true),
            ("apps/**", "apps", false),
            ("apps/**", "appsx/web.yaml", false),
            ("apps/**", "x/apps/web.yaml", false),
            ("apps/*", "apps/web.yaml", true),
            ("apps/*", "apps/a/web.yaml", false),
            ("**/values.yaml", "values.yaml", true),
            ("**/values.yaml", "a/b/values.yaml", true),
            ("**/values.yaml", "a/b/xvalues.yaml", false),
            ("apps/**/values.yaml", "apps/values.yaml", true),
            ("apps/**/values.yaml", "apps/a/b/values.yaml", true),
            ("apps/**/values.yaml", "apps/a/b/values.yml", false),
            ("apps/*.yaml", "apps/web.yaml", true),
            ("apps/w?b*.y*l", "apps/web-1.yaml", true),
            ("apps/w?b.yaml", "apps/wb.yaml", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("*", ".hidden", true),
            ("Apps/**", "apps/web.yaml", false),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_has_all_below_a_directory_if_whatever_may_lie_there_fits() {
        for (pattern, directory, has) in [
            ("**", "a", true),
            ("apps/**", "apps", true),
            ("apps/**", "apps/web/base", true),
            ("apps/**", "infra", false),
            ("apps/**", "infra/apps", false),
            ("apps/*/**", "apps", false),
            ("apps/*/**", "apps/web", true),
            ("**/web/**", "apps/web/base", true),
            ("**/web/**", "web", true),
            ("**/web/**", "apps/base", false),
            ("**/**", "apps", true),
            ("apps/**/*", "apps", false),
            ("apps/*", "apps", false),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            assert_eq!(
                glob.has_all_below(directory.as_bytes()),
                has,
                "{pattern} {directory}"
            );
            let path = format!("{directory}/x/y.yaml");
            assert!(!has || glob.matches(path.as_bytes()));
        }
    }

    #[test]
    fn a_pattern_that_would_mislead_is_refused() {
        for (pattern, why) in [
            ("", "is empty"),
            ("/apps/**", "relative"),
            ("apps/", "relative"),
            ("apps/../x", "relative"),
            ("./apps", "relative"),
            ("apps/**x", "beside other"),
            ("apps/[ab]", "mean nothing"),
            ("!apps", "mean nothing"),
        ] {
            let error = Glob::parse(pattern).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn matching_a_hostile_pattern_comes_to_an_end() {
        let pattern = format!("{}{}b/**/*", "**/a/".repeat(50), "*a".repeat(100));
        let path = format!("{}{}", "a/".repeat(2000), "a".repeat(4000));
        assert!(!matches(&pattern, &path));
    }
}
