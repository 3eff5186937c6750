//! How a kustomization names other places: files behind http(s), and directories of Git repositories.
//!
//! The forms are those of kustomize 5.8 (api/internal/git/repospec.go); docs/kustomize.md lists them.

use std::time::Duration;

/// What separates the repository from the directory in it.
const DIRECTORY_MARK: &str = "//";

/// What ends the repository's own part of a path.
const GIT_SUFFIX: &str = ".git";

/// The repository is the name behind it (Azure DevOps).
const GIT_FOLDER: &str = "_git/";

/// How many names a repository has where nothing marks its end: owner and repository.
const USUAL_NAMES: usize = 2;

const SSH: &str = "ssh://";
const HTTPS: &str = "https://";
const HTTP: &str = "http://";
const FILE: &str = "file://";

/// A directory of a Git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitReference {
    /// What is cloned: a URL, or `user@host:path` as ssh(1) has it.
    pub repository: String,
    /// The branch, tag or commit; empty for the repository's own default.
    pub reference: String,
    /// The directory in it; empty for its root.
    pub directory: String,
    /// How long fetching it may take (`timeout`), where that is said.
    pub timeout: Option<Duration>,
    /// Whether submodules are asked for by name (`submodules=true`).
    pub wants_submodules: bool,
}

/// Whether a text is the URL of a file; kustomize asks for it before it thinks of Git.
#[must_use]
pub fn is_http(text: &str) -> bool {
    strip_prefix(text, HTTPS).is_some() || strip_prefix(text, HTTP).is_some()
}

/// Whether the URL of what may be a file has what those of repositories have, and those of files have not. What a URL
/// is cannot be told by its form: kustomize asks the server.
#[must_use]
pub fn looks_like_git(url: &str) -> bool {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split('?').next().unwrap_or_default();
    let is_manifest = [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| path.ends_with(end));
    let is_marked = [DIRECTORY_MARK, GIT_SUFFIX, GIT_FOLDER]
        .iter()
        .any(|mark| path.contains(mark));
    !is_manifest && (is_marked || path.starts_with("github.com/"))
}

/// Reads a reference to a directory of a Git repository; none where kustomize takes the text for a local path.
#[must_use]
pub fn git_reference(text: &str) -> Option<GitReference> {
    if text.starts_with('/') {
        return None;
    }
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let (host, rest) = split_host(place)?;
    let (path, directory) = split_repository(rest, host == FILE)?;
    let directory = directory.strip_prefix('/').unwrap_or(directory);
    if path.is_empty() || leaves(directory) {
        return None;
    }
    let mut reference = GitReference {
        repository: format!("{host}{path}"),
        reference: String::new(),
        directory: directory.to_owned(),
        timeout: None,
        wants_submodules: false,
    };
    reference.read_query(query);
    Some(reference)
}

/// A reference as it may be shown: the password of a URL masked.
pub(crate) fn without_password(text: &str) -> String {
    let masked = text.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split(['/', '?']).next()?;
        let (user, host) = authority.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        let behind = rest.get(authority.len()..)?;
        Some(format!("{scheme}://{name}:***@{host}{behind}"))
    });
    masked.unwrap_or_else(|| text.to_owned())
}

// === impl GitReference ===

impl GitReference {
    /// `ref` wins over `version`.
    fn read_query(&mut self, query: &str) {
        let mut version = String::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match name {
                "ref" if self.reference.is_empty() => self.reference = value,
                "version" if version.is_empty() => version = value,
                "timeout" => self.timeout = duration(&value),
                "submodules" => {
                    self.wants_submodules =
                        ["1", "t", "T", "true", "TRUE", "True"].contains(&value.as_str());
                }
                _ => {}
            }
        }
        if self.reference.is_empty() {
            self.reference = version;
        }
    }
}

/// Splits off scheme, user and host, with what ends the host.
fn split_host(text: &str) -> Option<(String, &str)> {
    let text = strip_prefix(text, "git::").unwrap_or(text);
    let schemes = [SSH, HTTPS, HTTP, FILE];
    let scheme = schemes
        .into_iter()
        .find(|scheme| strip_prefix(text, scheme).is_some());
    let text = scheme
        .and_then(|scheme| strip_prefix(text, scheme))
        .unwrap_or(text);
    if scheme == Some(FILE) {
        return Some((FILE.to_owned(), text));
    }
    let (user, text) = split_user(text);
    let is_github = ["github.com/", "github.com:"]
        .iter()
        .any(|host| strip_prefix(text, host).is_some());
    // ssh(1) names a host without a scheme: user@host:path.
    let as_ssh = scheme.is_none() && (!user.is_empty() || is_github);
    if scheme.is_none() && !as_ssh {
        return None;
    }
    let slash = text.find('/');
    let colon = text.find(':').filter(|at| as_ssh && *at > 0);
    let end = match (slash, colon) {
        (Some(slash), Some(colon)) => Some(slash.min(colon)),
        (slash, colon) => slash.or(colon),
    };
    let (host, rest) = match end {
        Some(end) => text.split_at(end + 1),
        None => (text, ""),
    };
    if host.is_empty() {
        return None;
    }
    let scheme = scheme.unwrap_or_default();
    Some(match is_github {
        true if scheme == SSH || !user.is_empty() => (format!("{user}github.com:"), rest),
        true => (format!("{HTTPS}github.com/"), rest),
        false => (format!("{scheme}{user}{host}"), rest),
    })
}

/// `user@`, which begins with a letter and has letters, digits and dashes.
fn split_user(text: &str) -> (&str, &str) {
    let Some(at) = text.find('@') else {
        return ("", text);
    };
    let (user, _) = text.split_at(at);
    let fits = user.starts_with(|first: char| first.is_ascii_alphabetic())
        && user
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || each == '-');
    match fits {
        true => text.split_at(at + 1),
        false => ("", text),
    }
}

/// Splits the path of the repository from that of the directory in it.
fn split_repository(path: &str, is_file: bool) -> Option<(&str, &str)> {
    if let Some(at) = path.find(GIT_FOLDER) {
        let begin = at + GIT_FOLDER.len();
        let end = path.get(begin..)?.find('/').map(|end| begin + end);
        return Some(split_around(path, end.unwrap_or(path.len()), 1));
    }
    if let Some(at) = path.find(DIRECTORY_MARK) {
        return Some(split_around(path, at, DIRECTORY_MARK.len()));
    }
    if let Some(at) = path.find(GIT_SUFFIX) {
        return Some(path.split_at(at + GIT_SUFFIX.len()));
    }
    if is_file {
        return Some((path, ""));
    }
    let mut ends = path.match_indices('/').map(|(at, _)| at);
    match ends.nth(USUAL_NAMES - 1) {
        Some(end) => Some(split_around(path, end, 1)),
        None => path.contains('/').then_some((path, "")),
    }
}

fn split_around(text: &str, at: usize, length: usize) -> (&str, &str) {
    let (before, rest) = text.split_at(at);
    (before, rest.get(length..).unwrap_or_default())
}

/// Whether a path leads out of where it begins.
fn leaves(path: &str) -> bool {
    let mut depth = 0_usize;
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (begin, rest) = text.split_at_checked(prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// A number of seconds, or a duration as Go writes it; none where kustomize would take its own.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds)).filter(|duration| !duration.is_zero());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|each: char| !each.is_ascii_digit() && each != '.')?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|each: char| each.is_ascii_digit());
        let (unit, behind) = behind.split_at(letters.unwrap_or(behind.len()));
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = behind;
    }
    Some(total).filter(|duration| !duration.is_zero())
}

/// A value of a query, as URLs spell it.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{git_reference, is_http, looks_like_git, without_password};

    #[track_caller]
    fn check(text: &str, repository: &str, directory: &str, reference: &str) {
        let read = git_reference(text).unwrap_or_else(|| panic!("{text} is no reference"));
        let read = (
            read.repository.as_str(),
            read.directory.as_str(),
            read.reference.as_str(),
        );
        assert_eq!(read, (repository, directory, reference), "{text}");
    }

    #[test]
    fn the_forms_of_kustomize_are_read() {
        let github = "https://github.com/org/repo";
        check("github.com/org/repo", github, "", "");
        check("GitHub.com/org/repo/a/b?ref=v1", github, "a/b", "v1");
        check("github.com/org/repo//a/b?ref=v1", github, "a/b", "v1");
        check("http://github.com/org/repo?ref=v1", github, "", "v1");
        check("git::https://github.com/org/repo//a", github, "a", "");
        check(
            "https://me@github.com/org/repo",
            "me@github.com:org/repo",
            "",
            "",
        );
        let over_ssh = "git@github.com:org/repo";
        check("git@github.com:org/repo//a?ref=x", over_ssh, "a", "x");
        check("git@github.com/org/repo/a", over_ssh, "a", "");
        check("ssh://git@github.com/org/repo", over_ssh, "", "");
        check(
            "git@git.test:org/sub/repo.git//a?ref=v1",
            "git@git.test:org/sub/repo.git",
            "a",
            "v1",
        );
        check(
            "ssh://git@git.test:2222/org/repo.git/a",
            "ssh://git@git.test:2222/org/repo.git",
            "a",
            "",
        );
        check(
            "https://git.test/a/b/c//d?version=2&timeout=90s",
            "https://git.test/a/b/c",
            "d",
            "2",
        );
        check(
            "https://me@dev.azure.com/org/project/_git/repo/a/b?version=1",
            "https://me@dev.azure.com/org/project/_git/repo",
            "a/b",
            "1",
        );
        check("file:///srv/repo", "file:///srv/repo", "", "");
        check("file:///srv/repo//a?ref=x", "file:///srv/repo", "a", "x");
        check(
            "https://git.test/o/r?version=2&ref=a%2Fb",
            "https://git.test/o/r",
            "",
            "a/b",
        );
    }

    #[test]
    fn timeout_and_submodules_are_read_as_kustomize_reads_them() {
        let asks = |query: &str| {
            let read = git_reference(&format!("https://git.test/o/r.git?{query}")).unwrap();
            (read.wants_submodules, read.timeout)
        };
        assert_eq!(
            asks("submodules=false&timeout=90"),
            (false, Some(Duration::from_secs(90)))
        );
        assert_eq!(
            asks("submodules=true&timeout=1m30s"),
            (true, Some(Duration::from_secs(90)))
        );
        assert_eq!(asks("timeout=soon"), (false, None));
    }

    #[test]
    fn local_paths_are_no_references() {
        for text in [
            "../base",
            "base/org/repo",
            "/srv/repo",
            "a.yaml",
            "https://host",
            "https://host/only",
            "github.com/org",
            "git@host:one",
            "https://git.test/org/repo//../../etc",
        ] {
            assert_eq!(git_reference(text), None, "{text}");
        }
        assert!(looks_like_git("https://github.com/o/r?ref=v1"));
        assert!(looks_like_git("https://git.test/o/r.git"));
        assert!(!looks_like_git("https://git.test/o/r.git/raw/a.yaml"));
        assert!(!looks_like_git("https://git.test/o/r"));
        assert!(is_http("HTTPS://host/a.yaml") && is_http("http://host/a"));
        assert!(!is_http("https:/host") && !is_http("ssh://host/a"));
    }
    #[test]
    fn a_password_is_not_shown() {
        let shown = without_password("https://me:secret@host/a@b.yaml");
        assert_eq!(shown, "https://me:***@host/a@b.yaml");
        let plain = "https://host/me:a@b.yaml";
        assert_eq!(without_password(plain), plain);
    }
}
