//! The programs of a control plane and their flags.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::certificates::{Authority, Certificate};
use crate::controlplane::etcd::Etcd;
use crate::controlplane::{ELSEWHERE, Options, Parts, User};
use crate::directory::Directory;
use crate::ports::Port;
use crate::process::Process;

/// A port that is claimed can still be taken by a program that knows nothing of claims; so often is a
/// program that found its port in use started again.
const STARTS: usize = 3;

/// How long etcd may take to end as it is asked to.
const ETCD_STOP: Duration = Duration::from_secs(30);

const STAGES: &str = include_str!("stages.yaml");

pub(super) struct Components {
    authority: Authority,
    /// What takes the place of it when it is replaced.
    heir: Authority,
    api_server_flags: Vec<String>,
    folder: PathBuf,
    ports: Ports,
    starts: usize,
    etcd: Process,
    api_server: Process,
    others: Vec<Process>,
}

#[derive(Debug)]
struct Ports {
    api: Port,
    etcd: Port,
    peer: Port,
}

impl std::fmt::Debug for Components {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Components")
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// Where the API server writes its audit log.
pub(super) fn audit_log(folder: &Path) -> PathBuf {
    folder.join("audit.log")
}

impl Components {
    /// Starts etcd and the API server; neither is ready yet.
    pub(super) fn start(directory: &Directory, options: &Options) -> Self {
        let folder = directory.path();
        let authority = Authority::new();
        let certificate = server_certificate(&authority);
        write_files(folder, &authority, &certificate);
        let ports = Ports {
            api: Port::claim(),
            etcd: Port::claim(),
            peer: Port::claim(),
        };
        let etcd = start_etcd(folder, &ports);
        let api_server_flags = api_server_flags(folder, &ports, &options.api_server_flags);
        Self {
            authority,
            heir: Authority::new(),
            api_server: start_program(folder, "kube-apiserver", &api_server_flags),
            api_server_flags,
            folder: folder.to_owned(),
            ports,
            starts: 1,
            etcd,
            others: Vec::new(),
        }
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Both authorities, for a client that is to work with either.
    pub(super) fn authorities(&self) -> String {
        self.authority.certificate() + &self.heir.certificate()
    }

    /// Starts the API server again under another authority, as after a rotation that is over.
    pub(super) fn replace_authority(&mut self) {
        std::mem::swap(&mut self.authority, &mut self.heir);
        let certificate = server_certificate(&self.authority);
        write_certificates(&self.folder, &self.authority, &certificate);
        self.start_api_server();
    }

    pub(super) fn api_port(&self) -> u16 {
        self.ports.api.number()
    }

    pub(super) fn etcd(&self) -> Etcd {
        Etcd {
            port: self.ports.etcd.number(),
        }
    }

    pub(super) fn start_controllers(&mut self, directory: &Directory, options: &Options) {
        let folder = directory.path();
        let kubeconfig = folder.join(format!("{}.kubeconfig", User::Admin.name()));
        let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
        let mut start = |name: &str, flags: &[String]| {
            let mut all = vec![kubeconfig.clone()];
            all.extend_from_slice(flags);
            self.others.push(start_program(folder, name, &all));
        };
        // Nobody asks these for their health, so they listen nowhere; the limits on their own requests
        // are for large clusters and would make every test wait.
        let quiet = [
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
        ];
        let mut quiet: Vec<String> = quiet.iter().map(|flag| (*flag).to_owned()).collect();
        quiet.push("--kube-api-burst=1000".to_owned());
        if options.parts >= Parts::Controllers {
            let mut flags = quiet.clone();
            flags.push(file_flag(
                "--service-account-private-key-file",
                folder,
                "accounts.key",
            ));
            flags.push(file_flag("--root-ca-file", folder, "authority.crt"));
            start("kube-controller-manager", &flags);
        }
        if options.parts == Parts::Full {
            start("kube-scheduler", &quiet);
            std::fs::write(folder.join("stages.yaml"), STAGES).expect("stages can be written");
            let stages = file_flag("--config", folder, "stages.yaml");
            // The controller-manager believes in a node as long as its Lease is renewed.
            let leases = "--node-lease-duration-seconds=40".to_owned();
            start(
                "kwok",
                &["--manage-all-nodes=true".to_owned(), leases, stages],
            );
        }
    }

    pub(super) fn kill_api_server(&mut self) {
        self.api_server.kill();
    }

    pub(super) fn start_api_server(&mut self) {
        self.api_server.kill();
        self.api_server = start_program(&self.folder, "kube-apiserver", &self.api_server_flags);
    }

    /// Copies what etcd holds, and gives the folder of the copy.
    pub(super) fn back_up_etcd(&mut self) -> PathBuf {
        self.etcd.stop(ETCD_STOP);
        let backup = self.folder.join("etcd-backup");
        copy_folder(&self.folder.join("etcd"), &backup);
        self.etcd = start_etcd(&self.folder, &self.ports);
        backup
    }

    /// Puts such a copy in the place of what etcd holds; everything is started again.
    pub(super) fn restore_etcd(&mut self, backup: &Path) {
        self.api_server.kill();
        self.etcd.kill();
        let data = self.folder.join("etcd");
        std::fs::remove_dir_all(&data).expect("the kit's folder can be written");
        copy_folder(backup, &data);
        self.etcd = start_etcd(&self.folder, &self.ports);
        self.start_api_server();
    }

    pub(super) fn signal_api_server(&self, signal: Signal) {
        self.api_server.signal(signal);
    }

    /// Starts again what found its port in use; gives the logs when something else has ended a program.
    pub(super) fn check(&mut self) -> Option<String> {
        if self.etcd.ended().is_none() && self.api_server.ended().is_none() {
            return None;
        }
        let tails = self.tails();
        if self.starts >= STARTS || !tails.contains("address already in use") {
            return Some(tails);
        }
        self.starts += 1;
        if self.etcd.ended().is_some() {
            self.etcd = start_etcd(&self.folder, &self.ports);
        }
        self.start_api_server();
        None
    }

    pub(super) fn tails(&self) -> String {
        let others = self.others.iter().map(Process::tail);
        let all = [self.etcd.tail(), self.api_server.tail()]
            .into_iter()
            .chain(others);
        all.collect::<Vec<_>>().join("\n")
    }
}

/// For all that clients may take the API server for.
fn server_certificate(authority: &Authority) -> Certificate {
    let elsewhere = ELSEWHERE.to_string();
    authority.server(&[
        "127.0.0.1",
        "localhost",
        "kubernetes.default.svc",
        &elsewhere,
    ])
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the kit's folder can be written");
    for entry in std::fs::read_dir(from).expect("the kit's folder can be read") {
        let path = entry.expect("the kit's folder can be read").path();
        let copy = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, &copy).expect("the kit's folder can be written");
        }
    }
}

fn start_etcd(folder: &Path, ports: &Ports) -> Process {
    let client = format!("http://127.0.0.1:{}", ports.etcd.number());
    let peer = format!("http://127.0.0.1:{}", ports.peer.number());
    let flags = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // The data dies with the test.
        "--unsafe-no-fsync=true".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    start_program(folder, "etcd", &flags)
}

fn api_server_flags(folder: &Path, ports: &Ports, more: &[String]) -> Vec<String> {
    let mut flags = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd.number()),
        format!("--secure-port={}", ports.api.number()),
        "--bind-address=127.0.0.1".to_owned(),
        file_flag("--cert-dir", folder, "certificates"),
        file_flag("--tls-cert-file", folder, "server.crt"),
        file_flag("--tls-private-key-file", folder, "server.key"),
        file_flag("--service-account-key-file", folder, "accounts.pub"),
        file_flag("--service-account-signing-key-file", folder, "accounts.key"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        file_flag("--client-ca-file", folder, "authority.crt"),
        file_flag("--token-auth-file", folder, "tokens.csv"),
        "--authorization-mode=RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        file_flag("--audit-policy-file", folder, "audit-policy.yaml"),
        format!("--audit-log-path={}", audit_log(folder).display()),
        // One file, so that a position in it stays a position.
        "--audit-log-maxsize=0".to_owned(),
    ];
    flags.extend_from_slice(more);
    flags
}

fn write_files(folder: &Path, authority: &Authority, certificate: &Certificate) {
    let tokens = [
        (User::Admin, ",system:masters"),
        (User::Agent, ""),
        (User::Tenant, ""),
    ]
    .map(|(user, groups)| format!("{},{1},{1}{groups}\n", user.token(), user.name()));
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}],
    });
    let accounts = rcgen::KeyPair::generate().expect("a key can be made");
    write_certificates(folder, authority, certificate);
    for (name, text) in [
        ("accounts.key", accounts.serialize_pem()),
        ("accounts.pub", accounts.public_key_pem()),
        ("tokens.csv", tokens.concat()),
        ("audit-policy.yaml", policy.to_string()),
    ] {
        std::fs::write(folder.join(name), text).expect("the kit's folder can be written");
    }
}

fn write_certificates(folder: &Path, authority: &Authority, certificate: &Certificate) {
    for (name, text) in [
        ("authority.crt", &authority.certificate()),
        ("server.crt", &certificate.certificate),
        ("server.key", &certificate.key),
    ] {
        std::fs::write(folder.join(name), text).expect("the kit's folder can be written");
    }
}

fn file_flag(flag: &str, folder: &Path, name: &str) -> String {
    format!("{flag}={}", folder.join(name).display())
}

fn start_program(folder: &Path, name: &str, flags: &[String]) -> Process {
    let program = programs().join(name);
    let home = folder.to_str().expect("kit folders have plain names");
    Process::start(
        name,
        &program,
        flags,
        &[("HOME", home)],
        &folder.join(format!("{name}.log")),
    )
}

/// The folder of the built programs; builds them when they are not there, which is long the first time.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../controlplane/build.sh");
        let output = Command::new(&script).stderr(Stdio::inherit()).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        assert!(
            output.status.success(),
            "{} failed, see above",
            script.display()
        );
        PathBuf::from(
            String::from_utf8(output.stdout)
                .expect("paths here are text")
                .trim_end(),
        )
    })
}
