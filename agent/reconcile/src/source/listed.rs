//! The list of sources that the node itself allows: which URLs objects in the cluster may use, and how what is
//! there is trusted. Whoever can write objects in the cluster cannot add to it.

use std::path::{Path, PathBuf};

/// Lines that are read; a person lists a few.
const LINE_LIMIT: usize = 1000;

/// The list, in the order in which it is asked: the first line that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceList(Vec<Listed>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    pattern: Pattern,
    how: How,
}

/// How a listed source is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By the signers of the root.
    Signed,
    /// By signers of its own, in this file.
    SignedBy(PathBuf),
    /// Whatever is there is taken.
    Unverified,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Whole(String),
    /// What stands before the `*`; it ends with a slash after the host.
    Below(String),
}

/// A line that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {message}")]
pub(crate) struct ListError {
    line: usize,
    message: String,
}

// === impl SourceList ===

impl SourceList {
    /// Reads `URL signed`, `URL signed-by FILE` and `URL unverified`, one a line; `#` begins a comment.
    ///
    /// # Errors
    /// A line is none of these; the message says what is expected.
    pub(crate) fn parse(text: &str) -> Result<Self, ListError> {
        let mut list = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |message: String| ListError {
                line: index + 1,
                message,
            };
            if index >= LINE_LIMIT {
                return Err(wrong(format!("more than {LINE_LIMIT} lines")));
            }
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let (url, how) = match words.as_slice() {
                [] => continue,
                [url, "signed"] => (url, How::Signed),
                [url, "signed-by", file] if Path::new(file).is_absolute() => {
                    (url, How::SignedBy(PathBuf::from(file)))
                }
                [url, "unverified"] => (url, How::Unverified),
                _ => {
                    let expected =
                        "write `URL signed`, `URL signed-by /ABSOLUTE/FILE` or `URL unverified`";
                    return Err(wrong(expected.to_owned()));
                }
            };
            let pattern = Pattern::parse(url).map_err(wrong)?;
            list.push(Listed { pattern, how });
        }
        Ok(SourceList(list))
    }

    /// How a URL is trusted, if it is listed.
    pub(crate) fn find(&self, url: &str) -> Option<&How> {
        let listed = self.0.iter().find(|listed| listed.pattern.fits(url))?;
        Some(&listed.how)
    }

    /// The files with signers that the list names.
    pub(crate) fn signer_files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|listed| match &listed.how {
            How::SignedBy(file) => Some(file.as_path()),
            How::Signed | How::Unverified => None,
        })
    }
}

// === impl Pattern ===

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (_, rest) = text.split_once("://").ok_or_else(|| {
            format!("{text:?} is no URL; begin it with https://, http:// or ssh://")
        })?;
        if !text.contains('*') {
            return Ok(Pattern::Whole(plain(text).to_owned()));
        }
        // Without the slash, https://git.example.com* would be anybody's git.example.com.evil.org.
        let names_host = rest
            .split_once('/')
            .is_some_and(|(host, _)| !host.is_empty());
        let before = text.strip_suffix('*').unwrap_or_default();
        if before.contains('*') || !before.ends_with('/') || !names_host {
            return Err(format!(
                "{text:?}: a * may only stand at the end, after a / behind the host"
            ));
        }
        Ok(Pattern::Below(before.to_owned()))
    }

    fn fits(&self, url: &str) -> bool {
        match self {
            Pattern::Whole(whole) => plain(url) == whole,
            // What a server may read as another path is nobody's pattern.
            Pattern::Below(before) => {
                let rest = url.strip_prefix(before.as_str());
                rest.is_some_and(|rest| {
                    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
                    let rest = plain(rest);
                    rest.split('/').all(is_plain) && !rest.contains(['%', '\\', '?', '#'])
                })
            }
        }
    }
}

/// `https://h/r`, `https://h/r/` and `https://h/r.git` are one repository everywhere.
fn plain(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
# what is ours
https://git.example.com/me/*      signed
https://git.example.com/team/apps signed-by /etc/windlass/trust.d/team  # theirs

ssh://git@github.com/kubernetes/* unverified
";

    #[test]
    fn the_first_line_that_fits_decides() {
        let list = SourceList::parse(LIST).unwrap();
        let check = |url: &str, how: Option<How>| assert_eq!(list.find(url), how.as_ref(), "{url}");
        check("https://git.example.com/me/a.git", Some(How::Signed));
        check("https://git.example.com/me/b/c", Some(How::Signed));
        let team = How::SignedBy("/etc/windlass/trust.d/team".into());
        check("https://git.example.com/team/apps.git/", Some(team));
        check(
            "ssh://git@github.com/kubernetes/ingress",
            Some(How::Unverified),
        );
        check("https://git.example.com/team/other", None);
        check("ssh://other@github.com/kubernetes/ingress", None);
        assert_eq!(list.signer_files().count(), 1);
    }

    #[test]
    fn a_url_that_leads_elsewhere_fits_no_pattern() {
        let list = SourceList::parse(LIST).unwrap();
        for url in [
            "https://git.example.com/me/../evil/r",
            "https://git.example.com/me/%2e%2e/evil/r",
            "https://git.example.com/me//r",
            "https://git.example.com/me/",
            "https://git.example.com/me/r?x=/../..",
            "https://git.example.com.evil.org/me/r",
            "https://git.example.com@evil.org/me/r",
            "http://git.example.com/me/r",
        ] {
            assert_eq!(list.find(url), None, "{url}");
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        for line in [
            "https://h/r",
            "https://h/r sometimes",
            "https://h/r signed-by relative",
            "https://h* signed",
            "https://*/r signed",
            "https://h/*/r signed",
            "h/r signed",
            "* unverified",
            "https:///* signed",
        ] {
            let error = SourceList::parse(&format!("# one\n{line}\n")).expect_err(line);
            assert!(error.to_string().starts_with("line 2: "), "{error}");
        }
    }
}
