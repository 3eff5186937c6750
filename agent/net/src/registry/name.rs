//! The names of repositories, tags and digests, read strictly: they become parts of a URL.

use windlass_wire::{DisplayUrl, FailureClass};

use crate::failure::Failure;

/// Where Docker's own registry is reached.
const DOCKER: &str = "registry-1.docker.io";

/// Hex digits of a SHA-256.
const HEX: usize = 64;

/// Characters of a tag (OCI distribution specification, "Pulling manifests").
const TAG: usize = 128;

/// A repository of a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// Host, and port where one was given.
    host: String,
    pub(super) path: String,
}

impl Repository {
    /// Reads `oci://host/path`.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let invalid = |why: &str| {
            let shown = DisplayUrl(url);
            let message = format!("URL {shown} {why}; write it as oci://host/path");
            Failure::new(FailureClass::InvalidUrl, message)
        };
        let rest = url.strip_prefix("oci://");
        let rest = rest.ok_or_else(|| invalid("is not that of a registry"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        if path.is_empty() || !path.split('/').all(is_component) {
            return Err(invalid(
                "has a path that no repository has: parts of lower-case letters and digits, with . _ or - between them",
            ));
        }
        Ok(match host {
            "docker.io" | "index.docker.io" => Self {
                host: DOCKER.to_owned(),
                path: match path.contains('/') {
                    true => path.to_owned(),
                    false => format!("library/{path}"),
                },
            },
            host => Self {
                host: host.to_owned(),
                path: path.to_owned(),
            },
        })
    }

    /// The address of the registry.
    pub(super) fn base(&self, insecure: bool) -> String {
        let scheme = if insecure { "http" } else { "https" };
        format!("{scheme}://{}", self.host)
    }
}

fn is_component(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [part.bytes().next(), part.bytes().last()];
    ends.into_iter().all(|byte| byte.is_some_and(is_word))
        && part
            .bytes()
            .all(|byte| is_word(byte) || b"._-".contains(&byte))
}

pub(super) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= TAG
        && text.bytes().next().is_some_and(is_word)
        && text
            .bytes()
            .all(|byte| is_word(byte) || b".-".contains(&byte))
}

/// A tag or a digest.
pub(super) fn check_reference(reference: &str) -> Result<(), Failure> {
    match is_tag(reference) {
        true => Ok(()),
        false => check_digest(reference),
    }
}

pub(super) fn check_digest(digest: &str) -> Result<(), Failure> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match hex.len() == HEX && hex.bytes().all(is_hex) {
        true => Ok(()),
        false => Err(Failure::invalid_request(format!(
            "{:?} is neither a tag nor a digest; write a digest as sha256: and {HEX} hex digits in lower case",
            digest.chars().take(TAG).collect::<String>()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Option<(String, String)> {
        let repository = Repository::parse(url).ok()?;
        Some((repository.base(false), repository.path))
    }

    fn repository(base: &str, path: &str) -> Option<(String, String)> {
        Some((base.to_owned(), path.to_owned()))
    }

    #[test]
    fn a_repository_is_a_host_and_a_path_of_plain_parts() {
        let there = repository("https://ghcr.io", "org/charts/web-1");
        assert_eq!(parsed("oci://ghcr.io/org/charts/web-1/"), there);
        let there = repository("https://localhost:5000", "x");
        assert_eq!(parsed("oci://localhost:5000/x"), there);
        for url in [
            "https://ghcr.io/x",
            "oci://",
            "oci://ghcr.io",
            "oci://ghcr.io/",
            "oci://h/a//b",
            "oci://h/..",
            "oci://h/a/../b",
            "oci://h/A",
            "oci://h/a?b",
            "oci://h/a:b",
            "oci://h/a%2fb",
            "oci://h/-a",
            "oci://h/a.",
        ] {
            assert_eq!(parsed(url), None, "{url}");
        }
    }

    #[test]
    fn dockers_own_registry_has_another_host_and_a_library() {
        let library = repository("https://registry-1.docker.io", "library/nginx");
        assert_eq!(parsed("oci://docker.io/nginx"), library);
        let own = repository("https://registry-1.docker.io", "bitnamicharts/redis");
        assert_eq!(parsed("oci://index.docker.io/bitnamicharts/redis"), own);
    }

    #[test]
    fn tags_and_digests_hold_nothing_that_a_url_would_read() {
        let digest = format!("sha256:{}", "a0".repeat(32));
        for good in [
            "1.0.0",
            "v1_build.7",
            "_x",
            "latest",
            digest.as_str(),
            &"a".repeat(128),
        ] {
            assert!(check_reference(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "a\n",
            "-a",
            "1+2",
            "sha256:abc",
            "sha512:00",
            &"a".repeat(129),
            &digest.to_uppercase(),
        ] {
            assert!(check_reference(bad).is_err(), "{bad}");
        }
    }
}
