//! Reads a kubeconfig and the files it names into what a connection needs.
//!
//! The format is client-go's `clientcmd/api/v1` (kubernetes.io/docs/reference/config-api/kubeconfig.v1).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use windlass_object::{Value, yaml};

use crate::connect::{Connect, ConnectError};
use crate::secret::Secret;

/// A kubeconfig or a file it names is a few KiB; 4 MiB leaves room for hundreds of contexts.
const FILE_BYTES: u64 = 4 << 20;

/// What a connection needs, with every file read.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) file: PathBuf,
    pub(crate) server: Uri,
    pub(crate) server_name: Option<String>,
    pub(crate) trust: Trust,
    pub(crate) identity: Option<Identity>,
    pub(crate) token: Token,
}

/// Whom to believe to be the API server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Certificates of this PEM text.
    Authority(Vec<u8>),
    /// The certificates the system trusts.
    System,
    /// Anybody: only when the caller allowed it.
    Anybody,
}

/// A client certificate with its key, both PEM.
#[derive(Debug, PartialEq, Eq)]
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

#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(rename = "current-context", default)]
    current_context: String,
    #[serde(default)]
    clusters: Option<Vec<Named<ClusterEntry>>>,
    #[serde(default)]
    contexts: Option<Vec<Named<ContextEntry>>>,
    #[serde(default)]
    users: Option<Vec<Named<UserEntry>>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "cluster", alias = "context", alias = "user")]
    entry: T,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    server: String,
    tls_server_name: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Clone, Deserialize)]
struct ContextEntry {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserEntry {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    #[serde(rename = "as")]
    impersonate: Option<String>,
    username: Option<String>,
    auth_provider: Option<Value>,
    exec: Option<Value>,
}

/// One entry with the file it came from, against which its relative paths are read.
struct Found<T> {
    file: PathBuf,
    name: String,
    entry: T,
}

/// Takes where the kubeconfig is and gives everything it says about the chosen context, every file read.
pub(crate) fn load(connect: &Connect) -> Result<Access, ConnectError> {
    let files = files(connect)?;
    let context_name = context_name(connect, &files)?;
    let context = find(&files, "context", &context_name, |config| {
        config.contexts.as_deref()
    })?;
    let cluster = find(&files, "cluster", &context.entry.cluster, |config| {
        config.clusters.as_deref()
    })?;
    let user = if context.entry.user.is_empty() {
        Found {
            file: context.file.clone(),
            name: String::new(),
            entry: UserEntry::default(),
        }
    } else {
        find(&files, "user", &context.entry.user, |config| {
            config.users.as_deref()
        })?
    };
    refuse_unsupported(&cluster, &user)?;
    Ok(Access {
        server: server(&cluster)?,
        server_name: cluster
            .entry
            .tls_server_name
            .clone()
            .filter(|name| !name.is_empty()),
        trust: trust(connect, &cluster)?,
        identity: identity(&user)?,
        token: token(&user),
        file: cluster.file,
    })
}

/// Takes a path and gives the file's bytes, no more than a configuration file can have.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, ConnectError> {
    let failed = |source| ConnectError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(malformed(path, format!("longer than {FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

fn files(connect: &Connect) -> Result<Vec<(PathBuf, Kubeconfig)>, ConnectError> {
    if let Some(path) = &connect.kubeconfig {
        return Ok(vec![(path.clone(), parse(path)?)]);
    }
    let candidates = match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        Some(list) => std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => std::env::home_dir()
            .map(|home| vec![home.join(".kube/config")])
            .unwrap_or_default(),
    };
    let mut files = Vec::new();
    for path in candidates.iter().filter(|path| path.exists()) {
        files.push((path.clone(), parse(path)?));
    }
    if files.is_empty() {
        let looked = candidates
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ConnectError::Missing { looked });
    }
    Ok(files)
}

fn parse(path: &Path) -> Result<Kubeconfig, ConnectError> {
    let text = read_file(path)?;
    let documents = yaml::parse_documents(&text, &yaml::Limits::DEFAULT)
        .map_err(|error| malformed(path, error.to_string()))?;
    let Some(document) = documents.into_iter().next() else {
        return Err(malformed(path, "it is empty".to_owned()));
    };
    // The error of serde_json names the field and quotes no credential: every one of them is an optional string.
    from_value(document.value).map_err(|message| malformed(path, message))
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| {
        let category = error.to_string();
        let shown = category.split('`').next().unwrap_or_default();
        if category.starts_with("missing field") {
            category
        } else {
            format!("not a kubeconfig: {shown}")
        }
    })
}

fn context_name(
    connect: &Connect,
    files: &[(PathBuf, Kubeconfig)],
) -> Result<String, ConnectError> {
    let current = || {
        files
            .iter()
            .map(|(_, config)| &config.current_context)
            .find(|name| !name.is_empty())
            .cloned()
    };
    connect.context.clone().or_else(current).ok_or_else(|| {
        let path = files
            .first()
            .map(|(path, _)| path.clone())
            .unwrap_or_default();
        malformed(
            &path,
            "it has no current-context: name one with --context".to_owned(),
        )
    })
}

fn find<T: Clone>(
    files: &[(PathBuf, Kubeconfig)],
    what: &'static str,
    name: &str,
    entries: impl Fn(&Kubeconfig) -> Option<&[Named<T>]>,
) -> Result<Found<T>, ConnectError> {
    for (file, config) in files {
        if let Some(named) = entries(config)
            .unwrap_or_default()
            .iter()
            .find(|named| named.name == name)
        {
            return Ok(Found {
                file: file.clone(),
                name: name.to_owned(),
                entry: named.entry.clone(),
            });
        }
    }
    let path = files
        .first()
        .map(|(path, _)| path.clone())
        .unwrap_or_default();
    Err(ConnectError::NotThere {
        path,
        what,
        name: name.to_owned(),
    })
}

fn refuse_unsupported(
    cluster: &Found<ClusterEntry>,
    user: &Found<UserEntry>,
) -> Result<(), ConnectError> {
    let refused = |feature: String, cure| ConnectError::Refused {
        path: user.file.clone(),
        what: "user",
        name: user.name.clone(),
        feature,
        cure,
    };
    const CURE: &str =
        "windlass starts no program; use a client certificate, a token or a tokenFile";
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
    let text = &cluster.entry.server;
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

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn trust(connect: &Connect, cluster: &Found<ClusterEntry>) -> Result<Trust, ConnectError> {
    if cluster.entry.insecure_skip_tls_verify {
        return if connect.allow_insecure_tls {
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

fn malformed(path: &Path, message: String) -> ConnectError {
    ConnectError::Malformed {
        path: path.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests;
