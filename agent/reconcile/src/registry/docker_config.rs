//! The credentials of a registry in a docker config, as Secrets of type kubernetes.io/dockerconfigjson hold it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use windlass_wire::{Credentials, Secret};

/// The names of Docker's own registry.
const DOCKER: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    /// Both, as `user:password` in base64.
    auth: Option<String>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
}

/// The credentials for the registry of an `oci://` URL; none where the config has none for it.
pub(super) fn credentials(text: &str, url: &str) -> Result<Credentials, String> {
    let config: Config =
        serde_json::from_str(text).map_err(|error| format!("is no docker config: {error}"))?;
    let host = host(url);
    let entry = config.auths.iter().find(|(key, _)| is_for(key, host));
    match entry {
        Some((key, entry)) => entry
            .credentials()
            .map_err(|why| format!("has an entry for {key} that {why}")),
        None => Ok(Credentials::None),
    }
}

impl Entry {
    fn credentials(&self) -> Result<Credentials, String> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.registry_token) {
            return Ok(Credentials::Bearer(token.into()));
        }
        if given(&self.identity_token).is_some() {
            return Err(
                "holds an identity token, which is not exchanged; give user name and password"
                    .to_owned(),
            );
        }
        if let (Some(username), Some(password)) = (given(&self.username), given(&self.password)) {
            let password = Secret::from(password);
            return Ok(Credentials::Basic { username, password });
        }
        let Some(auth) = given(&self.auth) else {
            return Err("holds neither username and password nor auth".to_owned());
        };
        let pair = STANDARD
            .decode(auth.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
        let (username, password) =
            pair.ok_or("holds an auth that is not user:password in base64")?;
        Ok(Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password.trim_end_matches('\0')),
        })
    }
}

/// Host and port of a URL with or without a scheme.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Keys are hosts, or URLs of them as older tools wrote them.
fn is_for(key: &str, registry: &str) -> bool {
    let named = host(key);
    named.eq_ignore_ascii_case(registry) || (DOCKER.contains(&named) && DOCKER.contains(&registry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    #[test]
    fn the_entry_is_that_of_the_host_and_port() {
        // `me:pa:ss` in base64.
        let text = r#"{"auths":{"ghcr.io":{"username":"u","password":"p"},"localhost:5000":{"auth":"bWU6cGE6c3M="},
            "https://index.docker.io/v1/":{"username":"d","password":"k"},"token.test":{"registrytoken":"t"}}}"#;
        let check = |url: &str, expected| assert_eq!(credentials(text, url), Ok(expected), "{url}");
        check("oci://ghcr.io/org/web", basic("u", "p"));
        check("oci://GHCR.io/org/web", basic("u", "p"));
        check("oci://localhost:5000/web", basic("me", "pa:ss"));
        check("oci://docker.io/web", basic("d", "k"));
        check(
            "oci://token.test/web",
            Credentials::Bearer("t".to_owned().into()),
        );
        for other in [
            "oci://localhost/web",
            "oci://localhost:5001/x",
            "oci://evil-ghcr.io/x",
            "oci://ghcr.io.evil/x",
        ] {
            check(other, Credentials::None);
        }
    }

    #[test]
    fn an_entry_that_cannot_be_used_says_why_and_tells_no_secret() {
        for text in [
            "",
            r#"{"auths":{"h":{}}}"#,
            r#"{"auths":{"h":{"auth":"hunter2"}}}"#,
            r#"{"auths":{"h":{"identitytoken":"hunter2"}}}"#,
            r#"{"auths":{"h":{"username":"hunter2"}}}"#,
        ] {
            let why = credentials(text, "oci://h/x").unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
