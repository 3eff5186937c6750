//! Registries (OCI distribution specification), asked through the person's own curl.

use std::cell::RefCell;

use serde_json::Value;
use windlass_trust::ContentDigest;

use super::programs::{Answer, ProgramError, ask, fetch};

/// The manifests that are read.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Pages of tags: as many as a hundred thousand take where a registry gives a thousand at once.
const PAGES: usize = 100;

/// One repository of a registry.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Scheme and host.
    server: String,
    path: String,
    /// What it wanted to be shown, once it did.
    token: RefCell<Option<String>>,
}

/// Why a registry says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("{0}")]
    Program(#[from] ProgramError),
    #[error("it answers {status} to {url}; where it wants a login, put one into ~/.netrc")]
    Refused { status: u16, url: String },
    #[error("what is at {url} cannot be read: {message}")]
    Answer { url: String, message: String },
}

// === impl Repository ===

impl Repository {
    /// Takes `oci://host/path`; `insecure` means without TLS.
    pub(crate) fn new(url: &str, insecure: bool) -> Option<Self> {
        let (host, path) = url.strip_prefix("oci://")?.split_once('/')?;
        let scheme = match insecure {
            true => "http",
            false => "https",
        };
        Some(Repository {
            server: format!("{scheme}://{host}"),
            path: path.trim_matches('/').to_owned(),
            token: RefCell::default(),
        })
    }

    /// The manifest that a tag names, and its digest.
    pub(crate) fn manifest(&self, tag: &str) -> Result<(ContentDigest, Value), RegistryError> {
        let url = format!("{}/v2/{}/manifests/{tag}", self.server, self.path);
        let answer = self.get(&url, MANIFEST)?;
        let manifest = serde_json::from_slice(&answer.body);
        let manifest: Value = manifest.map_err(|error| answered(&url, &error))?;
        Ok((ContentDigest::of(&answer.body), manifest))
    }

    /// All tags.
    pub(crate) fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let mut url = format!("{}/v2/{}/tags/list?n=1000", self.server, self.path);
        let mut tags = Vec::new();
        for _ in 0..PAGES {
            let answer = self.get(&url, "application/json")?;
            let page = serde_json::from_slice(&answer.body);
            let page: Value = page.map_err(|error| answered(&url, &error))?;
            let listed = page.get("tags").and_then(Value::as_array);
            let listed = listed.into_iter().flatten().filter_map(Value::as_str);
            tags.extend(listed.map(str::to_owned));
            let Some(next) = answer.header("link").and_then(next_page) else {
                break;
            };
            // At the same registry only.
            let path = next.strip_prefix(&self.server).unwrap_or(next);
            url = format!("{}/{}", self.server, path.trim_start_matches('/'));
        }
        Ok(tags)
    }

    /// A layer of a manifest that was asked for.
    pub(crate) fn blob(
        &self,
        digest: &ContentDigest,
        byte_limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let url = format!("{}/v2/{}/blobs/{digest}", self.server, self.path);
        let token = self.token.borrow().clone();
        let bytes = fetch(&url, token.as_deref(), byte_limit)?;
        let found = ContentDigest::of(&bytes);
        if found != *digest {
            let message = format!("it is {found}");
            return Err(RegistryError::Answer { url, message });
        }
        Ok(bytes)
    }

    /// Asks, with a token where the registry sends one for it.
    fn get(&self, url: &str, accept: &str) -> Result<Answer, RegistryError> {
        let answer = ask(url, accept, None)?;
        let answer = match (answer.status, answer.header("www-authenticate")) {
            (401, Some(challenge)) => {
                let token = self.token(challenge)?;
                let answer = ask(url, accept, token.as_deref())?;
                self.token.replace(token);
                answer
            }
            _ => answer,
        };
        match answer.status {
            200 => Ok(answer),
            status => {
                let url = url.to_owned();
                Err(RegistryError::Refused { status, url })
            }
        }
    }

    fn token(&self, challenge: &str) -> Result<Option<String>, RegistryError> {
        let Some(realm) = parameter(challenge, "realm") else {
            return Ok(None);
        };
        let service = parameter(challenge, "service").unwrap_or_default();
        let url = format!(
            "{realm}?service={service}&scope=repository:{}:pull",
            self.path
        );
        let answer = ask(&url, "application/json", None)?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = ["token", "access_token"].into_iter().find_map(|name| {
            let token = said.get(name).and_then(Value::as_str);
            token.map(str::to_owned)
        });
        Ok(token)
    }
}

fn answered(url: &str, error: &serde_json::Error) -> RegistryError {
    RegistryError::Answer {
        url: url.to_owned(),
        message: error.to_string(),
    }
}

/// `<url>; rel="next"`
fn next_page(link: &str) -> Option<&str> {
    let (url, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(url)
}

/// A parameter of `Bearer realm="…",service="…"`.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_and_pages_are_read_as_registries_write_them() {
        let challenge =
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="x""#;
        assert_eq!(
            parameter(challenge, "realm"),
            Some("https://auth.example/token")
        );
        assert_eq!(parameter(challenge, "service"), Some("registry.example"));
        assert_eq!(parameter("Basic realm=x", "realm"), None);
        let link = r#"</v2/a/tags/list?n=1&last=b>; rel="next""#;
        assert_eq!(next_page(link), Some("/v2/a/tags/list?n=1&last=b"));
        assert_eq!(next_page("<x>; rel=\"first\""), None);
    }
}
