//! Reads a kubeconfig and the files it names into what a connection needs.
//!
//! The format is client-go's `clientcmd/api/v1`
//! (kubernetes.io/docs/reference/config-api/kubeconfig.v1).

mod format;
mod given;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use windlass_object::Value;

use crate::connect::{Connect, ConnectError};
use crate::secret::Secret;
use format::{ClusterEntry, Found, Kubeconfig, UserEntry, context_name, files, find, malformed};
pub(crate) use format::{paths, read_file};
pub(crate) use given::{bearer, given};

/// The extension of a cluster that lists several URLs of its API server; kubectl leaves it alone.
pub(crate) const SERVERS: &str = "windlass.dev/servers";

/// What a connection needs, with every file read.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) file: PathBuf,
    pub(crate) server: Uri,
    /// Where else the same API server may be reached, tried in turn.
    pub(crate) others: Vec<Uri>,
    pub(crate) server_name: Option<String>,
    pub(crate) trust: Trust,
    pub(crate) identity: Option<Identity>,
    pub(crate) token: Token,
}

/// Whom to believe to be the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Certificates of this PEM text.
    Authority(Vec<u8>),
    /// The certificates the system trusts.
    System,
    /// Anybody: only when the caller allowed it.
    Anybody,
}

/// A client certificate with its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Secret,
}

/// Where a bearer token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    None,
    Fixed(Secret),
    /// Read again while in use: service account tokens are renewed on disk.
    File(PathBuf),
}

/// The cluster and the user of one context.
struct Chosen {
    cluster: Found<ClusterEntry>,
    user: Found<UserEntry>,
}

// === impl Access ===

impl Access {
    /// Every server, the one that is tried first at the front.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Uri> {
        std::iter::once(&self.server).chain(&self.others)
    }

    /// The same with the next server in front.
    pub(crate) fn next(&self) -> Self {
        let mut access = self.clone();
        if !access.others.is_empty() {
            let next = access.others.remove(0);
            let first = std::mem::replace(&mut access.server, next);
            access.others.push(first);
        }
        access
    }

    /// The same with a server in front, if it is one of them.
    pub(crate) fn beginning_with(mut self, server: &Uri) -> Self {
        let turns = self.servers().position(|one| one == server);
        for _ in 0..turns.unwrap_or_default() {
            self = self.next();
        }
        self
    }
}

/// Takes where the kubeconfig is and gives everything it says about the chosen context, every file
/// read.
pub(crate) fn load(connect: &Connect) -> Result<Access, ConnectError> {
    let files = files(connect)?;
    let context = context_name(connect.context.as_deref(), &files)?;
    let chosen = choose(&files, &context)?;
    refuse_unsupported(&chosen)?;
    access(chosen, connect.allow_insecure_tls)
}

fn choose(files: &[(PathBuf, Kubeconfig)], context: &str) -> Result<Chosen, ConnectError> {
    let context = find(files, "context", context, |config| {
        config.contexts.as_deref()
    })?;
    let cluster = find(files, "cluster", &context.entry.cluster, |config| {
        config.clusters.as_deref()
    })?;
    let user = if context.entry.user.is_empty() {
        Found {
            file: context.file.clone(),
            name: String::new(),
            entry: UserEntry::default(),
        }
    } else {
        find(files, "user", &context.entry.user, |config| {
            config.users.as_deref()
        })?
    };
    Ok(Chosen { cluster, user })
}

fn access(chosen: Chosen, allow_insecure_tls: bool) -> Result<Access, ConnectError> {
    let Chosen { cluster, user } = chosen;
    Ok(Access {
        server: server(&cluster)?,
        others: others(&cluster)?,
        server_name: cluster
            .entry
            .tls_server_name
            .clone()
            .filter(|name| !name.is_empty()),
        trust: trust(&cluster, allow_insecure_tls)?,
        identity: identity(&user)?,
        token: token(&user),
        file: cluster.file,
    })
}

fn refuse_unsupported(chosen: &Chosen) -> Result<(), ConnectError> {
    let Chosen { cluster, user } = chosen;
    let refused = |feature: String, cure| ConnectError::Refused {
        path: user.file.clone(),
        what: "user",
        name: user.name.clone(),
        feature,
        cure,
    };
    const CURE: &str = "windlass starts no program; use a client certificate or a token";
    if let Some(exec) = &user.entry.exec {
        let command = exec
            .get("command")
            .and_then(Value::as_str)
            .unwrap_or_default();
        return Err(refused(format!("exec ({command})"), CURE));
    }
    if let Some(provider) = &user.entry.auth_provider {
        let name = provider
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        return Err(refused(format!("auth-provider ({name})"), CURE));
    }
    if user
        .entry
        .impersonate
        .as_deref()
        .is_some_and(|name| !name.is_empty())
    {
        return Err(refused(
            "as".to_owned(),
            "give the identity its own credentials",
        ));
    }
    if user
        .entry
        .username
        .as_deref()
        .is_some_and(|name| !name.is_empty())
    {
        return Err(refused(
            "username".to_owned(),
            "API servers take no basic auth since 1.19; use a certificate or token",
        ));
    }
    if cluster
        .entry
        .proxy_url
        .as_deref()
        .is_some_and(|url| !url.is_empty())
    {
        return Err(ConnectError::Refused {
            path: cluster.file.clone(),
            what: "cluster",
            name: cluster.name.clone(),
            feature: "proxy-url".to_owned(),
            cure: "the API server must be reachable directly",
        });
    }
    Ok(())
}

fn server(cluster: &Found<ClusterEntry>) -> Result<Uri, ConnectError> {
    usable(cluster, &cluster.entry.server)
}

fn usable(cluster: &Found<ClusterEntry>, text: &str) -> Result<Uri, ConnectError> {
    let refused = |message: &str| {
        malformed(
            &cluster.file,
            format!("server {text:?} of cluster {:?} {message}", cluster.name),
        )
    };
    let uri: Uri = text.parse().map_err(|_| refused("is not a URL"))?;
    let host = uri.host().ok_or_else(|| refused("has no host"))?;
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(refused("has a user name; put credentials under users"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(host) => Ok(uri),
        Some("http") => Err(refused("is plain http, which is only allowed on loopback")),
        _ => Err(refused("must begin with https://")),
    }
}

/// The servers of the extension but the first one, which is the cluster's own.
fn others(cluster: &Found<ClusterEntry>) -> Result<Vec<Uri>, ConnectError> {
    let extensions = cluster.entry.extensions.as_ref();
    let mut extensions = extensions.and_then(Value::as_array).into_iter().flatten();
    let named = |extension: &&Value| extension.get("name") == Some(&SERVERS.into());
    let listed = extensions.find(named);
    let listed = listed.and_then(|listed| listed.pointer("/extension/servers")?.as_array());
    let urls = listed.into_iter().flatten().filter_map(Value::as_str);
    urls.filter(|url| *url != cluster.entry.server)
        .map(|url| usable(cluster, url))
        .collect()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn trust(cluster: &Found<ClusterEntry>, allow_insecure_tls: bool) -> Result<Trust, ConnectError> {
    if cluster.entry.insecure_skip_tls_verify {
        return if allow_insecure_tls {
            Ok(Trust::Anybody)
        } else {
            Err(ConnectError::Refused {
                path: cluster.file.clone(),
                what: "cluster",
                name: cluster.name.clone(),
                feature: "insecure-skip-tls-verify".to_owned(),
                cure: "give its certificate-authority; anybody could pose as the API server",
            })
        };
    }
    let entry = &cluster.entry;
    let authority = material(
        &cluster.file,
        entry.certificate_authority_data.as_ref(),
        entry.certificate_authority.as_ref(),
        "certificate-authority-data",
    )?;
    Ok(authority.map_or(Trust::System, Trust::Authority))
}

fn identity(user: &Found<UserEntry>) -> Result<Option<Identity>, ConnectError> {
    let entry = &user.entry;
    let certificate = material(
        &user.file,
        entry.client_certificate_data.as_ref(),
        entry.client_certificate.as_ref(),
        "client-certificate-data",
    )?;
    let key = material(
        &user.file,
        entry.client_key_data.as_ref(),
        entry.client_key.as_ref(),
        "client-key-data",
    )?;
    let unpaired =
        |missing| malformed(&user.file, format!("user {:?} has no {missing}", user.name));
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(unpaired("client-key")),
        (None, Some(_)) => Err(unpaired("client-certificate")),
        (Some(certificate), Some(key)) => {
            let key = String::from_utf8(key)
                .map_err(|_| malformed(&user.file, "client-key is not PEM".to_owned()))?;
            Ok(Some(Identity {
                certificate,
                key: Secret::new(key),
            }))
        }
    }
}

/// The bytes given in place, which win as in client-go, or in a file relative to the kubeconfig.
fn material(
    file: &Path,
    data: Option<&String>,
    path: Option<&String>,
    field: &str,
) -> Result<Option<Vec<u8>>, ConnectError> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let compact: String = data.split_ascii_whitespace().collect();
        return STANDARD
            .decode(compact)
            .map(Some)
            .map_err(|_| malformed(file, format!("{field} is not base64")));
    }
    path.filter(|path| !path.is_empty())
        .map(|path| read_file(&beside(file, path)))
        .transpose()
}

fn token(user: &Found<UserEntry>) -> Token {
    if let Some(path) = user
        .entry
        .token_file
        .as_ref()
        .filter(|path| !path.is_empty())
    {
        return Token::File(beside(&user.file, path));
    }
    match user.entry.token.as_ref().filter(|token| !token.is_empty()) {
        Some(token) => Token::Fixed(Secret::new(token.clone())),
        None => Token::None,
    }
}

fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

#[cfg(test)]
mod tests;
