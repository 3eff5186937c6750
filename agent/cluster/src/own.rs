//! The kubeconfig of a node's own identity: it holds the token of a service account, which runs out and is renewed by
//! whoever uses it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use windlass_object::yaml;

use crate::connect::Connect;
use crate::identity::ServiceAccount;
use crate::kubeconfig::{SERVERS, paths, read_file};

/// What the cluster and the context are called; `install.sh` looks for it.
const NAME: &str = "windlass-node";
/// The field of a cluster with the certificates.
const AUTHORITY: &str = "certificate-authority-data";

/// How a server is reached and believed, for a kubeconfig to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URLs, in the order in which they are tried.
    pub servers: Vec<String>,
    /// The name in the server's certificate where the URLs have another.
    pub server_name: Option<String>,
    /// The certificates to believe it by (PEM); without them the system's.
    pub authority: Option<String>,
}

/// A kubeconfig that [`OwnKubeconfig::new`] made. Its `Debug` does not show the token.
#[derive(Clone)]
pub struct OwnKubeconfig {
    value: Value,
    account: ServiceAccount,
    issued: i64,
    expires: i64,
}

/// What the token of a service account says of itself (RFC 7519). Only its holder reads it here, to know when to renew it;
/// whether it is true is the API server's to say.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
}

// === impl OwnKubeconfig ===

impl OwnKubeconfig {
    /// Takes how the server is reached and a service account's token and gives the kubeconfig; `None` when that is no such
    /// token.
    #[must_use]
    pub fn new(endpoint: &Endpoint, token: &str) -> Option<Self> {
        let (account, claims) = claims(token)?;
        let mut cluster = Map::new();
        cluster.insert(
            "server".to_owned(),
            endpoint.servers.first()?.clone().into(),
        );
        if let Some(authority) = &endpoint.authority {
            cluster.insert(AUTHORITY.to_owned(), STANDARD.encode(authority).into());
        }
        if let Some(name) = &endpoint.server_name {
            cluster.insert("tls-server-name".to_owned(), name.clone().into());
        }
        if endpoint.servers.len() > 1 {
            let servers = json!({"servers": endpoint.servers});
            let extension = json!([{"name": SERVERS, "extension": servers}]);
            cluster.insert("extensions".to_owned(), extension);
        }
        let value = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": NAME,
            "clusters": [{"name": NAME, "cluster": cluster}],
            "users": [{"name": account.name(), "user": {"token": token}}],
            "contexts": [{"name": NAME, "context": {
                "cluster": NAME, "user": account.name(), "namespace": account.namespace(),
            }}],
        });
        Some(Self::of(value, account, &claims))
    }

    /// Reads one; `None` for any other kubeconfig.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let document = yaml::parse_documents(text, &yaml::Limits::DEFAULT).ok()?;
        let value = document.into_iter().next()?.value;
        let text_at = |pointer| value.pointer(pointer).and_then(Value::as_str);
        let (account, claims) = claims(text_at("/users/0/user/token")?)?;
        let is_ours = text_at("/current-context") == Some(NAME)
            && text_at("/users/0/name") == Some(account.name());
        is_ours.then(|| Self::of(value, account, &claims))
    }

    /// The same with another token of the same account and, if they are known, the certificates of now.
    #[must_use]
    pub fn renewed(&self, token: &str, authority: Option<&str>) -> Option<Self> {
        let (account, claims) = claims(token).filter(|(account, _)| *account == self.account)?;
        let mut value = self.value.clone();
        *value.pointer_mut("/users/0/user/token")? = token.into();
        if let Some(authority) = authority {
            let cluster = value.pointer_mut("/clusters/0/cluster")?;
            let data = STANDARD.encode(authority).into();
            cluster.as_object_mut()?.insert(AUTHORITY.to_owned(), data);
        }
        Some(Self::of(value, account, &claims))
    }

    /// Whose token it holds.
    #[must_use]
    pub fn account(&self) -> &ServiceAccount {
        &self.account
    }

    /// When the token runs out, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> i64 {
        self.expires
    }

    /// How long the token is good for as a whole.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        let seconds = u64::try_from(self.expires - self.issued).unwrap_or_default();
        Duration::from_secs(seconds)
    }

    /// How old the token is at `now`, in seconds since 1970; nothing by a clock that is behind.
    #[must_use]
    pub fn age(&self, now: i64) -> Duration {
        Duration::from_secs(u64::try_from(now - self.issued).unwrap_or_default())
    }

    /// The certificates by which it believes the server.
    #[must_use]
    pub fn authority(&self) -> Option<String> {
        let data = self.value.pointer("/clusters/0/cluster")?.get(AUTHORITY)?;
        String::from_utf8(STANDARD.decode(data.as_str()?).ok()?).ok()
    }

    /// What the file says; it is JSON, which is YAML.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.value)
    }

    fn of(value: Value, account: ServiceAccount, claims: &Claims) -> Self {
        Self {
            value,
            account,
            issued: claims.iat,
            expires: claims.exp,
        }
    }
}

impl fmt::Debug for OwnKubeconfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OwnKubeconfig")
            .field("account", &self.account)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Takes a kubeconfig and the file in which whoever uses it keeps it renewed, and gives the one that counts: what a person put
/// there later wins, and of any other kubeconfig nothing is kept.
pub(crate) fn newest(given: &Path, kept: &Path) -> PathBuf {
    let read = |path| OwnKubeconfig::read(&read_file(path).ok()?);
    match (read(given), read(kept)) {
        (Some(given), Some(kept))
            if kept.account == given.account && kept.issued > given.issued => {}
        _ => return given.to_owned(),
    }
    kept.to_owned()
}

/// Reads the kubeconfig that counts, if it is one of ours. Whoever would keep one renewed has to have been given it.
pub(crate) fn own(connect: &Connect) -> Option<OwnKubeconfig> {
    if connect.kubeconfig.is_none() && connect.renewed.is_some() {
        return None;
    }
    let path = paths(connect).into_iter().find(|path| path.exists())?;
    OwnKubeconfig::read(&read_file(&path).ok()?)
}

fn claims(token: &str) -> Option<(ServiceAccount, Claims)> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let name = claims.sub.strip_prefix("system:serviceaccount:")?;
    let (namespace, name) = name.split_once(':')?;
    let account = ServiceAccount::new(namespace, name).ok()?;
    (claims.exp > claims.iat).then_some((account, claims))
}

#[cfg(test)]
mod tests;
