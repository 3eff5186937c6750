//! How a repository is reached: its Secrets, and which host may see them.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_api::reasons;
use windlass_wire::{ClientIdentity, Credentials, DownloadRequest, Secret};

use crate::context::Context;
use crate::named::Named;
use crate::source::secret;
use crate::source::spec::Unusable;

/// What every request to a repository has in common.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    url: String,
    credentials: Credentials,
    ca_bundle: Option<String>,
    identity: Option<ClientIdentity>,
    pass_credentials: bool,
    timeout: Duration,
}

/// Reads the Secrets that the spec names.
pub(crate) async fn read(
    context: &Context,
    name: &Named,
    spec: &HelmRepositorySpec,
) -> Result<Access, Unusable> {
    let reason = reasons::AUTHENTICATION_FAILED;
    let mut login = BTreeMap::new();
    let mut tls = BTreeMap::new();
    if let Some(reference) = &spec.secret_ref {
        login = secret::read(context, name, &reference.name, ("spec.secretRef", reason)).await?;
    }
    if let Some(reference) = &spec.cert_secret_ref {
        tls = secret::read(
            context,
            name,
            &reference.name,
            ("spec.certSecretRef", reason),
        )
        .await?;
    }
    Access::new(spec, &login, &tls)
}

impl Access {
    fn new(
        spec: &HelmRepositorySpec,
        login_fields: &BTreeMap<String, String>,
        tls: &BTreeMap<String, String>,
    ) -> Result<Self, Unusable> {
        Ok(Access {
            url: spec.url.clone(),
            credentials: login(login_fields)?,
            ca_bundle: tls.get("ca.crt").cloned(),
            identity: identity(tls)?,
            pass_credentials: spec.pass_credentials,
            timeout: spec.effective_timeout(),
        })
    }

    /// The request for the index.
    pub(crate) fn index(&self, etag: Option<String>, byte_limit: u64) -> DownloadRequest {
        let (place, query) = split_query(&self.url);
        let url = format!("{}/index.yaml{query}", place.trim_end_matches('/'));
        DownloadRequest {
            etag,
            ..self.request(url, byte_limit)
        }
    }

    /// The request for a file that the index names, by itself or relative to the repository.
    pub(crate) fn file(&self, reference: &str, byte_limit: u64) -> DownloadRequest {
        let url = self.resolve(reference);
        let same_host = authority(&url) == authority(&self.url);
        let mut request = self.request(url, byte_limit);
        if !same_host {
            request.identity = None;
            if !self.pass_credentials {
                request.credentials = Credentials::None;
            }
        }
        request
    }

    fn request(&self, url: String, byte_limit: u64) -> DownloadRequest {
        DownloadRequest {
            url,
            accept: "*/*".to_owned(),
            credentials: self.credentials.clone(),
            ca_bundle: self.ca_bundle.clone(),
            identity: self.identity.clone(),
            proxy: None,
            etag: None,
            byte_limit,
            timeout_seconds: self.timeout.as_secs().max(1),
        }
    }

    /// As Helm resolves it: below the repository, with the repository's query where the reference has none.
    fn resolve(&self, reference: &str) -> String {
        if reference.contains("://") {
            return reference.to_owned();
        }
        let (place, query) = split_query(&self.url);
        let query = if reference.contains('?') { "" } else { query };
        match reference.strip_prefix('/') {
            Some(path) => format!("{}/{path}{query}", authority(&self.url)),
            None => format!("{}/{reference}{query}", place.trim_end_matches('/')),
        }
    }
}

/// User name and password.
pub(crate) fn login(secret: &BTreeMap<String, String>) -> Result<Credentials, Unusable> {
    match (secret.get("username"), secret.get("password")) {
        (Some(username), Some(password)) => Ok(Credentials::Basic {
            username: username.clone(),
            password: Secret::new(password.as_str()),
        }),
        (None, None) => Ok(Credentials::None),
        _ => Err(incomplete(
            "the secret of spec.secretRef has only one of username and password; give both",
        )),
    }
}

/// Who we say we are in TLS.
pub(crate) fn identity(
    secret: &BTreeMap<String, String>,
) -> Result<Option<ClientIdentity>, Unusable> {
    match (secret.get("tls.crt"), secret.get("tls.key")) {
        (Some(certificate), Some(key)) => Ok(Some(ClientIdentity {
            certificate: certificate.clone(),
            key: Secret::new(key.as_str()),
        })),
        (None, None) => Ok(None),
        _ => Err(incomplete(
            "the secret of spec.certSecretRef has only one of tls.crt and tls.key; give both",
        )),
    }
}

fn incomplete(message: &str) -> Unusable {
    Unusable {
        reason: reasons::AUTHENTICATION_FAILED,
        message: message.to_owned(),
        stalled: false,
    }
}

/// A URL and its query with the question mark, which may be empty.
fn split_query(url: &str) -> (&str, &str) {
    url.split_at(url.find('?').unwrap_or(url.len()))
}

/// Scheme, host and port as they are written, in lower case and without user and password.
pub(crate) fn authority(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let usual = match scheme {
        "https" => ":443",
        "ssh" => ":22",
        _ => ":80",
    };
    let host = host.strip_suffix(usual).unwrap_or(host);
    format!("{scheme}://{host}").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str, pass_credentials: bool) -> Access {
        let spec: HelmRepositorySpec = serde_json::from_value(serde_json::json!({
            "url": url, "passCredentials": pass_credentials,
        }))
        .unwrap();
        let secret = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let login = secret(&[("username", "me"), ("password", "pass")]);
        let tls = secret(&[("tls.crt", "C"), ("tls.key", "K"), ("ca.crt", "A")]);
        Access::new(&spec, &login, &tls).unwrap()
    }

    #[test]
    fn credentials_go_to_the_host_of_the_repository_and_to_others_only_if_asked() {
        let to =
            |url: &str, pass: bool| access("https://charts.test:443/stable?a=b", pass).file(url, 1);
        let none = |request: &DownloadRequest| request.credentials == Credentials::None;
        for near in ["web.tgz", "/files/web.tgz", "https://CHARTS.test/web.tgz"] {
            let request = to(near, false);
            assert!(!none(&request) && request.identity.is_some(), "{near}");
        }
        for far in [
            "https://charts.test.evil.test/web.tgz",
            "https://charts.test@evil.test/web.tgz",
            "https://charts.test:8443/web.tgz",
            "http://charts.test/web.tgz",
            "https://cdn.test/web.tgz",
        ] {
            let request = to(far, false);
            assert!(none(&request) && request.identity.is_none(), "{far}");
            let passed = to(far, true);
            assert!(!none(&passed) && passed.identity.is_none(), "{far}");
        }
    }

    #[test]
    fn files_are_found_where_helm_finds_them() {
        let check = |repository: &str, reference: &str, url: &str| {
            assert_eq!(access(repository, false).file(reference, 1).url, url);
        };
        check("https://h/charts", "web.tgz", "https://h/charts/web.tgz");
        check(
            "https://h/charts/",
            "a/web.tgz",
            "https://h/charts/a/web.tgz",
        );
        check("https://h/charts", "/web.tgz", "https://h/web.tgz");
        check(
            "https://h/charts?sig=1",
            "web.tgz",
            "https://h/charts/web.tgz?sig=1",
        );
        check(
            "https://h/charts?sig=1",
            "web.tgz?own",
            "https://h/charts/web.tgz?own",
        );
        check("https://h/charts", "http://c/web.tgz", "http://c/web.tgz");
        let index = access("https://h/charts/?sig=1", false).index(None, 1);
        assert_eq!(index.url, "https://h/charts/index.yaml?sig=1");
    }

    #[test]
    fn half_a_login_is_refused() {
        let spec: HelmRepositorySpec =
            serde_json::from_value(serde_json::json!({"url": "https://h"})).unwrap();
        let half = BTreeMap::from([("username".to_owned(), "me".to_owned())]);
        let error = Access::new(&spec, &half, &BTreeMap::new()).unwrap_err();
        assert!(error.message.contains("only one of username and password"));
        let half = BTreeMap::from([("tls.key".to_owned(), "K".to_owned())]);
        assert!(Access::new(&spec, &BTreeMap::new(), &half).is_err());
    }
}
