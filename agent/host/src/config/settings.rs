//! The judged configuration: every value is of its own type and within its bounds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fragment::Origin;
use super::inputs::{Inputs, SectionReader};
use super::problem::Problems;
use crate::files::{self, Guard};
use crate::log::Level;
use crate::{identity, systemd};

mod alarm;
mod control;
mod leadership;
mod listen;
mod manifests;
mod node;
mod prune;
mod remote;
mod root;
mod tenancy;

pub use self::alarm::{AlarmSettings, SecretUrl};
pub use self::control::ControlSettings;
pub use self::leadership::LeadershipSettings;
pub use self::listen::{
    MetricsSettings, PEERS_PORT, PageSettings, PeersListen, PeersSettings, ReceiverSettings,
};
pub use self::manifests::ManifestsSettings;
pub use self::node::{NodeMode, NodeSettings, Role};
pub use self::prune::PruneSettings;
pub use self::remote::{RemoteSettings, Unpinned};
pub use self::root::{RootAccess, RootSettings, TrustMode};
pub use self::tenancy::TenancySettings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Everything the agent is told by the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The root source.
    pub root: RootSettings,
    /// What else is trusted.
    pub trust: TrustSettings,
    /// How to reach the cluster.
    pub cluster: ClusterSettings,
    /// How secrets are decrypted.
    pub sops: SopsSettings,
    /// How much a revision may delete without asking.
    pub prune: PruneSettings,
    /// How far apart the namespaces are kept.
    pub tenancy: TenancySettings,
    /// What becomes of content that is named elsewhere.
    pub remote: RemoteSettings,
    /// Where webhooks come in.
    pub receiver: ReceiverSettings,
    /// Where Prometheus asks.
    pub metrics: MetricsSettings,
    /// Where other nodes ask.
    pub peers: PeersSettings,
    /// Where a browser asks.
    pub page: PageSettings,
    /// Who outside of the cluster is told how the node is.
    pub alarm: AlarmSettings,
    /// Where the node remembers.
    pub state: StateSettings,
    /// How to reach the network process.
    pub net: NetSettings,
    /// What root puts on this node to be applied.
    pub manifests: ManifestsSettings,
    /// How commands reach the agent.
    pub control: ControlSettings,
    /// Timing of the Leases.
    pub leadership: LeadershipSettings,
    /// This node.
    pub node: NodeSettings,
    /// How much at once.
    pub limits: LimitSettings,
    /// The log.
    pub log: LogSettings,
    /// The files all this was read from, main file first.
    pub files: Vec<PathBuf>,
}

/// `[trust]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSettings {
    /// The list of sources that objects in the cluster may use; a node without the file lists none.
    pub sources: PathBuf,
}

/// `[cluster]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// The kubeconfig; without one the cluster room looks where kubectl does.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; without one its current context.
    pub context: Option<String>,
}

/// `[sops]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SopsSettings {
    /// The age private keys for Kustomizations whose `spec.decryption` names no Secret.
    pub age_key_file: Option<PathBuf>,
    /// The PGP private keys for them.
    pub pgp_key_file: Option<PathBuf>,
    /// Whether a file that was changed after it was encrypted is refused, not just told of.
    pub require_mac: bool,
}

/// `[state]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSettings {
    /// The directory that only the agent's user enters.
    pub dir: PathBuf,
}

/// `[net]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// The network process's socket.
    pub socket: PathBuf,
    /// Its throw-away cache, used when the agent starts the process itself.
    pub cache_dir: PathBuf,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// How many objects are reconciled at once.
    pub concurrency: u32,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How much is logged.
    pub level: Level,
}

/// What the machine adds: defaults that no file holds.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) hostname: Option<String>,
    pub(super) credentials: Option<PathBuf>,
}

// === impl Surroundings ===

impl Surroundings {
    pub(super) fn now() -> Surroundings {
        Surroundings {
            hostname: identity::hostname().ok(),
            credentials: systemd::credentials_directory(),
        }
    }
}

/// Judges merged inputs; `None` only when `problems` says why. Touches no file.
pub(super) fn judge(
    inputs: &Inputs,
    main: &Path,
    surroundings: &Surroundings,
    problems: &mut Problems,
) -> Option<Settings> {
    let credentials = surroundings.credentials.as_deref();
    let mut reader = SectionReader {
        name: "root",
        inputs,
        credentials,
        problems,
    };
    let root = root::judge(&mut reader, main);
    let trust = trust(reader.section("trust"));
    let cluster = cluster(reader.section("cluster"));
    let sops = sops(reader.section("sops"));
    let prune = prune::judge(reader.section("prune"));
    let tenancy = tenancy::judge(reader.section("tenancy"));
    let remote = remote::judge(reader.section("remote"));
    let receiver = listen::receiver(reader.section("receiver"));
    let metrics = listen::metrics(reader.section("metrics"));
    let peers = listen::peers(reader.section("peers"));
    let page = listen::page(reader.section("page"));
    let alarm = alarm::judge(reader.section("alarm"));
    let state = state(reader.section("state"));
    let net = net(reader.section("net"));
    let manifests = manifests::judge(reader.section("manifests"));
    let control = control::judge(reader.section("control"));
    let leadership = leadership::judge(reader.section("leadership"));
    let concurrency = reader.section("limits").number("concurrency", 4, 1, 64);
    let level = reader
        .section("log")
        .parsed("level", Level::Info, str::parse);
    let node = node::judge(
        reader.section("node"),
        main,
        surroundings.hostname.as_deref(),
    );
    if node.as_ref().is_some_and(|node| node.role == Role::Cache) {
        refuse_keys(reader.section("sops"));
    }
    Some(Settings {
        root: root?,
        trust,
        cluster,
        sops,
        prune,
        tenancy,
        remote,
        receiver,
        metrics,
        peers,
        page,
        alarm,
        state,
        net,
        manifests,
        control,
        leadership,
        node: node?,
        limits: LimitSettings { concurrency },
        log: LogSettings { level },
        files: Vec::new(),
    })
}

/// Checks the files that the settings name: that they are there, whose they are, and who else can get at them.
pub(super) fn check_files(
    settings: &Settings,
    inputs: &Inputs,
    main: &Path,
    problems: &mut Problems,
) {
    let mut check = |section: &'static str, key: &'static str, path: &Path, guard: Guard| {
        let Err(error) = files::check(path, guard) else {
            return;
        };
        let origin = inputs.get(section, key).map(|written| &written.origin);
        let file = origin.map_or(main, |origin| &origin.file);
        problems.add(
            file,
            origin.map(|origin| origin.line),
            format!("[{section}] {key}: {error}"),
        );
    };
    let root = &settings.root;
    if settings.trust.sources.exists() {
        check("trust", "sources", &settings.trust.sources, Guard::Trusted);
    }
    check(
        "root",
        "allowed_signers",
        &root.allowed_signers,
        Guard::Trusted,
    );
    match &root.access {
        RootAccess::Anonymous => {}
        RootAccess::Password { password_file, .. } => {
            check("root", "password_file", password_file, Guard::Secret)
        }
        RootAccess::Key {
            identity_file,
            known_hosts_file,
        } => {
            check("root", "identity_file", identity_file, Guard::Secret);
            check("root", "known_hosts_file", known_hosts_file, Guard::Trusted);
        }
    }
    if let Some(ca_file) = &root.ca_file {
        check("root", "ca_file", ca_file, Guard::Trusted);
    }
    if let Some(kubeconfig) = &settings.cluster.kubeconfig {
        check("cluster", "kubeconfig", kubeconfig, Guard::Secret);
    }
    let sops = &settings.sops;
    for (key, file) in [
        ("age_key_file", &sops.age_key_file),
        ("pgp_key_file", &sops.pgp_key_file),
    ] {
        if let Some(file) = file {
            check("sops", key, file, Guard::Secret);
        }
    }
}

fn state(section: &mut SectionReader<'_>) -> StateSettings {
    StateSettings {
        dir: path_or(section, "dir", "/var/lib/windlass"),
    }
}

fn trust(section: &mut SectionReader<'_>) -> TrustSettings {
    TrustSettings {
        sources: path_or(section, "sources", "/etc/windlass/trust.d/sources"),
    }
}

/// Without a key, the kubeconfig is the credential of that name, which the shipped unit loads.
fn cluster(section: &mut SectionReader<'_>) -> ClusterSettings {
    let loaded = section
        .credentials
        .map(|directory| directory.join("kubeconfig"))
        .filter(|path| path.exists());
    ClusterSettings {
        kubeconfig: section.path("kubeconfig").map(|path| path.value).or(loaded),
        context: section.text("context").map(|text| text.value),
    }
}

fn net(section: &mut SectionReader<'_>) -> NetSettings {
    NetSettings {
        socket: path_or(section, "socket", "/run/windlass/net.sock"),
        cache_dir: path_or(section, "cache_dir", "/var/cache/windlass-net"),
    }
}

fn sops(section: &mut SectionReader<'_>) -> SopsSettings {
    SopsSettings {
        age_key_file: section.path("age_key_file").map(|path| path.value),
        pgp_key_file: section.path("pgp_key_file").map(|path| path.value),
        require_mac: section.boolean("require_mac", false),
    }
}

/// Who never applies anything decrypts nothing, and holds no keys to be stolen.
fn refuse_keys(section: &mut SectionReader<'_>) {
    for key in ["age_key_file", "pgp_key_file"] {
        if let Some(written) = section.inputs.get(section.name, key) {
            let message = "has no place on a node with [node] role = \"cache\": it applies nothing, so it decrypts nothing";
            section.wrong(&written.origin, key, message);
        }
    }
}

fn check_name(
    section: &mut SectionReader<'_>,
    key: &str,
    name: &str,
    origin: &Origin,
    valid: fn(&str) -> bool,
) {
    if !valid(name) {
        section.wrong(
            origin,
            key,
            &format!("must be lowercase letters, digits, '-' and '.', not {name:?}"),
        );
    }
}

fn path_or(section: &mut SectionReader<'_>, key: &'static str, default: &str) -> PathBuf {
    section
        .path(key)
        .map_or_else(|| PathBuf::from(default), |path| path.value)
}

/// RFC 1123 label, as Kubernetes wants for namespaces.
fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= 63
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.is_empty()
}

/// RFC 1123 subdomain, as Kubernetes wants for object names.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}
