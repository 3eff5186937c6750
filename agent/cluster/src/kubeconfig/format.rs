//! The file format: parsing, and finding a name in one file or several.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use windlass_object::{Value, yaml};

use crate::connect::{Connect, ConnectError};
use crate::own::newest;

/// A kubeconfig or a file it names is a few KiB; 4 MiB leaves room for hundreds of contexts.
const FILE_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
pub(super) struct Kubeconfig {
    #[serde(rename = "current-context", default)]
    pub(super) current_context: String,
    #[serde(default)]
    pub(super) clusters: Option<Vec<Named<ClusterEntry>>>,
    #[serde(default)]
    pub(super) contexts: Option<Vec<Named<ContextEntry>>>,
    #[serde(default)]
    pub(super) users: Option<Vec<Named<UserEntry>>>,
}

#[derive(Deserialize)]
pub(super) struct Named<T> {
    pub(super) name: String,
    #[serde(alias = "cluster", alias = "context", alias = "user")]
    pub(super) entry: T,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ClusterEntry {
    pub(super) server: String,
    pub(super) tls_server_name: Option<String>,
    #[serde(default)]
    pub(super) insecure_skip_tls_verify: bool,
    pub(super) certificate_authority: Option<String>,
    pub(super) certificate_authority_data: Option<String>,
    pub(super) proxy_url: Option<String>,
    pub(super) extensions: Option<Value>,
}

#[derive(Clone, Deserialize)]
pub(super) struct ContextEntry {
    pub(super) cluster: String,
    #[serde(default)]
    pub(super) user: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct UserEntry {
    pub(super) client_certificate: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) client_key_data: Option<String>,
    pub(super) token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<String>,
    #[serde(rename = "as")]
    pub(super) impersonate: Option<String>,
    pub(super) username: Option<String>,
    pub(super) auth_provider: Option<Value>,
    pub(super) exec: Option<Value>,
}

/// One entry with the file it came from, against which its relative paths are read.
pub(super) struct Found<T> {
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) entry: T,
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

/// The kubeconfig of the agent on a node, which `install.sh` puts there.
const NODE: &str = "/etc/windlass/kubeconfig";
/// Where the agent keeps it renewed.
const RENEWED: &str = "/var/lib/windlass/kubeconfig";

/// Where a kubeconfig is looked for.
pub(crate) fn paths(connect: &Connect) -> Vec<PathBuf> {
    match (&connect.kubeconfig, &connect.renewed) {
        (Some(given), Some(renewed)) => return vec![newest(given, renewed)],
        (Some(given), None) => return vec![given.clone()],
        (None, _) => {}
    }
    if let Some(list) = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        return std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
    }
    let home = std::env::home_dir().map(|home| home.join(".kube/config"));
    let own = home.into_iter().filter(|path| path.exists());
    // On a node, root has the agent's own at hand.
    own.chain([newest(Path::new(NODE), Path::new(RENEWED))])
        .take(1)
        .collect()
}

pub(super) fn files(connect: &Connect) -> Result<Vec<(PathBuf, Kubeconfig)>, ConnectError> {
    let candidates = paths(connect);
    let is_named = connect.kubeconfig.is_some();
    let mut files = Vec::new();
    for path in candidates.iter().filter(|path| is_named || path.exists()) {
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
    parse_text(path, &read_file(path)?)
}

pub(super) fn parse_text(path: &Path, text: &[u8]) -> Result<Kubeconfig, ConnectError> {
    let documents = yaml::parse_documents(text, &yaml::Limits::DEFAULT)
        .map_err(|error| malformed(path, error.to_string()))?;
    let Some(document) = documents.into_iter().next() else {
        return Err(malformed(path, "it is empty".to_owned()));
    };
    // The error of serde_json names the field and quotes no credential: every one of them is an
    // optional string.
    from_value(document.value).map_err(|message| malformed(path, message))
}

pub(super) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| {
        let category = error.to_string();
        let shown = category.split(['`', '"']).next().unwrap_or_default();
        if category.starts_with("missing field") {
            category
        } else {
            format!("not a kubeconfig: {shown}")
        }
    })
}

pub(super) fn context_name(
    wanted: Option<&str>,
    files: &[(PathBuf, Kubeconfig)],
) -> Result<String, ConnectError> {
    let current = || {
        files
            .iter()
            .map(|(_, config)| &config.current_context)
            .find(|name| !name.is_empty())
            .cloned()
    };
    wanted.map(str::to_owned).or_else(current).ok_or_else(|| {
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

pub(super) fn find<T: Clone>(
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

pub(super) fn malformed(path: &Path, message: String) -> ConnectError {
    ConnectError::Malformed {
        path: path.to_owned(),
        message,
    }
}
