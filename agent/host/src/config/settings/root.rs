//! `[root]`: the one source that the node itself names, and how its commits are trusted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{HOUR, MINUTE, SECOND, check_name, is_label, is_subdomain, path_or};
use crate::config::inputs::{Located, SectionReader};

/// A commit id as Git prints it.
const COMMIT_ID_LENGTH: usize = 40;

/// `[root]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSettings {
    /// The repository: `https://`, `ssh://` or `http://`, without a password in it, or a path on this node.
    pub url: String,
    /// The branch to follow.
    pub branch: String,
    /// The directory in it to apply, as in a Kustomization's `spec.path`.
    pub path: String,
    /// How often the repository is asked for news.
    pub interval: Duration,
    /// How long one fetch may take.
    pub timeout: Duration,
    /// The name of the root GitRepository and Kustomization.
    pub name: String,
    /// Their namespace.
    pub namespace: String,
    /// The keys that may sign, in OpenSSH's format.
    pub allowed_signers: PathBuf,
    /// The commit from which on history is looked at (40 hex digits); without it the first signed head becomes it.
    pub introduction: Option<String>,
    /// Which of the new commits must be signed.
    pub mode: TrustMode,
    /// How the repository lets us in.
    pub access: RootAccess,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Which of the commits since the last accepted one must be signed; docs/trust.md compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustMode {
    /// Those on some way back to it: whoever signs a merge vouches for what comes in from the side.
    Path,
    /// Those on the way by first parents.
    FirstParent,
    /// Every one.
    All,
}

/// How the repository lets us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootAccess {
    /// Nothing is asked.
    Anonymous,
    /// HTTP basic authentication; with an access token the user name is what the host asks for (often `git`).
    Password {
        /// The user.
        username: String,
        /// The file that holds the password or token.
        password_file: PathBuf,
    },
    /// An SSH key.
    Key {
        /// The private key.
        identity_file: PathBuf,
        /// The host keys that are believed.
        known_hosts_file: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Ssh,
    /// A repository on this node.
    Path,
}

/// What files with OpenPGP certificates end with.
const CERTIFICATE: &str = "asc";

// === impl RootSettings ===

impl RootSettings {
    /// The files with the keys that may sign: the allowed signers, and the OpenPGP certificates that lie beside them.
    #[must_use]
    pub fn key_files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.allowed_signers.clone()];
        let beside = self.allowed_signers.parent().map(std::fs::read_dir);
        let entries = beside.and_then(Result::ok).into_iter().flatten().flatten();
        let is_certificate =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == CERTIFICATE);
        let mut certificates: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(is_certificate)
            .collect();
        certificates.sort();
        files.append(&mut certificates);
        files
    }
}

/// Judges the section; `None` when there is no usable url, which was then reported.
pub(super) fn judge(section: &mut SectionReader<'_>, main: &Path) -> Option<RootSettings> {
    let url = url(section, main);
    let access = access(section, url.as_ref().map(|(_, scheme)| *scheme));
    let branch = section.parsed("branch", "main".to_owned(), branch);
    let path = section.parsed("path", "./".to_owned(), repository_path);
    let interval = section.duration("interval", MINUTE, 5 * SECOND, 24 * HOUR);
    let timeout = section.duration("timeout", MINUTE, SECOND, HOUR);
    let name = object_name(section, "name", is_subdomain);
    let namespace = object_name(section, "namespace", is_label);
    let allowed_signers = path_or(
        section,
        "allowed_signers",
        "/etc/windlass/trust.d/allowed_signers",
    );
    let introduction = section.parsed("introduction", None, |text| commit_id(text).map(Some));
    let mode = section.parsed("mode", TrustMode::Path, trust_mode);
    let ca_file = section.path("ca_file").map(|path| path.value);
    let (url, _) = url?;
    let access = access?;
    Some(RootSettings {
        url,
        branch,
        path,
        interval,
        timeout,
        name,
        namespace,
        allowed_signers,
        introduction,
        mode,
        access,
        ca_file,
    })
}

fn url(section: &mut SectionReader<'_>, main: &Path) -> Option<(String, Scheme)> {
    if section.inputs.get("root", "url").is_none() {
        let message = "[root] url is needed: the repository to follow, such as url = \"https://git.example.com/me/cluster\"";
        section.problems.add(main, None, message);
    }
    let Located { value, origin } = section.text("url")?;
    match parse_url(&value) {
        Ok(scheme) => Some((value, scheme)),
        Err(message) => {
            section.wrong(&origin, "url", message);
            None
        }
    }
}

fn parse_url(url: &str) -> Result<Scheme, &'static str> {
    if url.starts_with('/') {
        let plain = url
            .split('/')
            .all(|segment| segment != "." && segment != "..");
        return if plain {
            Ok(Scheme::Path)
        } else {
            Err("must be a path without . and ..")
        };
    }
    let (scheme, rest) = url.split_once("://").ok_or(
        "must be a path on this node, or start with https://, ssh:// or http:// (write git@host:path as ssh://git@host/path)",
    )?;
    let authority = rest.split('/').next().unwrap_or("");
    let (user, host) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, host)| (Some(user), host));
    if host.is_empty() || rest.contains(char::is_whitespace) {
        return Err("must name a host and hold no spaces");
    }
    match scheme {
        "ssh" if user.is_some_and(|user| user.contains(':')) => {
            Err("must not hold a password; SSH uses identity_file")
        }
        "ssh" => Ok(Scheme::Ssh),
        "https" | "http" if user.is_some() => {
            Err("must not hold a user or password; use username and password_file")
        }
        "https" | "http" => Ok(Scheme::Http),
        _ => Err("must start with https://, ssh:// or http://"),
    }
}

fn access(section: &mut SectionReader<'_>, scheme: Option<Scheme>) -> Option<RootAccess> {
    let username = section.text("username");
    let password_file = section.path("password_file");
    let identity_file = section.path("identity_file");
    let known_hosts_file = section.path("known_hosts_file");
    match scheme? {
        Scheme::Path => {
            for key in [
                "username",
                "password_file",
                "identity_file",
                "known_hosts_file",
            ] {
                refuse(
                    section,
                    key,
                    "is for URLs; a path on this node needs no credential",
                );
            }
            Some(RootAccess::Anonymous)
        }
        Scheme::Http => {
            refuse(
                section,
                "identity_file",
                "is for ssh:// URLs; use username and password_file",
            );
            refuse(section, "known_hosts_file", "is for ssh:// URLs");
            password_access(section, username, password_file)
        }
        Scheme::Ssh => {
            refuse(
                section,
                "username",
                "is for https:// URLs; write the user into the URL: ssh://git@host/path",
            );
            refuse(
                section,
                "password_file",
                "is for https:// URLs; use identity_file",
            );
            key_access(section, identity_file, known_hosts_file)
        }
    }
}

fn password_access(
    section: &mut SectionReader<'_>,
    username: Option<Located<String>>,
    password_file: Option<Located<PathBuf>>,
) -> Option<RootAccess> {
    match (username, password_file) {
        (None, None) => Some(RootAccess::Anonymous),
        (Some(username), Some(password_file)) => Some(RootAccess::Password {
            username: username.value,
            password_file: password_file.value,
        }),
        (Some(username), None) => {
            section.wrong(
                &username.origin,
                "username",
                "needs password_file beside it",
            );
            None
        }
        (None, Some(password_file)) => {
            section.wrong(
                &password_file.origin,
                "password_file",
                "needs username beside it (for a token often \"git\")",
            );
            None
        }
    }
}

fn key_access(
    section: &mut SectionReader<'_>,
    identity_file: Option<Located<PathBuf>>,
    known_hosts_file: Option<Located<PathBuf>>,
) -> Option<RootAccess> {
    if let (Some(identity_file), Some(known_hosts_file)) = (identity_file, known_hosts_file) {
        return Some(RootAccess::Key {
            identity_file: identity_file.value,
            known_hosts_file: known_hosts_file.value,
        });
    }
    let origin = section
        .inputs
        .get("root", "url")
        .map(|written| written.origin.clone());
    if let Some(origin) = origin {
        section.wrong(
            &origin,
            "url",
            "with ssh:// needs identity_file (the key) and known_hosts_file (the host's keys)",
        );
    }
    None
}

/// Reports a key that has no meaning for this kind of URL.
fn refuse(section: &mut SectionReader<'_>, key: &'static str, message: &str) {
    if let Some(origin) = section
        .inputs
        .get("root", key)
        .map(|written| written.origin.clone())
    {
        section.wrong(&origin, key, message);
    }
}

fn object_name(
    section: &mut SectionReader<'_>,
    key: &'static str,
    valid: fn(&str) -> bool,
) -> String {
    let Some(Located { value, origin }) = section.text(key) else {
        return "flux-system".to_owned();
    };
    check_name(section, key, &value, &origin, valid);
    value
}

/// git-check-ref-format(1), as far as a typing mistake can break it.
fn branch(text: &str) -> Result<String, String> {
    let forbidden = |character: char| character.is_whitespace() || "~^:?*[\\".contains(character);
    let bad = text.contains(forbidden)
        || text.contains("..")
        || text.contains("//")
        || text.contains("@{")
        || text.starts_with(['/', '-', '.'])
        || text.ends_with(['/', '.'])
        || text.ends_with(".lock");
    if bad {
        return Err(format!("is no branch name: {text:?}"));
    }
    Ok(text.strip_prefix("refs/heads/").unwrap_or(text).to_owned())
}

fn repository_path(text: &str) -> Result<String, String> {
    if text.split('/').any(|part| part == "..") {
        return Err(format!("must stay inside the repository, not {text:?}"));
    }
    Ok(text.to_owned())
}

fn trust_mode(text: &str) -> Result<TrustMode, String> {
    match text {
        "path" => Ok(TrustMode::Path),
        "first-parent" => Ok(TrustMode::FirstParent),
        "all" => Ok(TrustMode::All),
        _ => Err(format!("must be path, first-parent or all, not {text:?}")),
    }
}

fn commit_id(text: &str) -> Result<String, String> {
    if text.len() == COMMIT_ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "must be a full commit id of {COMMIT_ID_LENGTH} hex digits, not {text:?}; see `git rev-parse HEAD`"
    ))
}
