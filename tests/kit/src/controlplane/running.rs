//! A control plane's programs, from their start to their end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::api::{Client, ObjectRef, condition};
use crate::certificates::Certificate;
use crate::controlplane::audit::AuditLog;
use crate::controlplane::components::{self, Components};
use crate::controlplane::etcd::Etcd;
use crate::controlplane::{Options, Parts, User, agent_role, kubeconfig, metrics};
use crate::directory::Directory;
use crate::wait;

/// An API server that does not answer `/readyz` by then never will (measured: 3 to 4 s, 15 s when
/// two cores compile at the same time).
const READY_WAIT: Duration = Duration::from_secs(90);

/// The programs of a control plane with their data; dropping it ends them and removes it.
#[derive(Debug)]
pub struct Running {
    options: Options,
    components: Mutex<Components>,
    admin: Client,
    audit: AuditLog,
    port: u16,
    namespaces: AtomicU32,
    harmed: AtomicBool,
    /// Last: the programs end before their data goes.
    directory: Directory,
}

impl Running {
    /// Starts it and waits until it is ready.
    pub(super) fn start(options: &Options) -> Self {
        let directory = Directory::new("cluster");
        let components = Components::start(&directory, options);
        let port = components.api_port();
        let admin = Client::new(port, &components.authorities(), User::Admin.token());
        let audit = AuditLog::new(components::audit_log(directory.path()));
        let namespaces = AtomicU32::new(0);
        let components = Mutex::new(components);
        let plane = Self {
            options: options.clone(),
            harmed: AtomicBool::new(false),
            components,
            admin,
            audit,
            port,
            namespaces,
            directory,
        };
        plane.write_kubeconfigs();
        plane.wait_ready();
        plane.admin.apply_all(&agent_role());
        plane.lock().start_controllers(&plane.directory, options);
        if options.parts == Parts::Full {
            plane.make_nodes(options.nodes);
        }
        plane
    }

    /// What it was started with.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Whether a test has done more to it than ask the API server.
    pub(super) fn is_harmed(&self) -> bool {
        self.harmed.load(Ordering::Relaxed)
    }

    pub(super) fn etcd(&self) -> Etcd {
        self.lock().etcd()
    }

    /// The administrator's client.
    #[must_use]
    pub fn admin(&self) -> &Client {
        &self.admin
    }

    /// A client as `user`.
    #[must_use]
    pub fn client(&self, user: User) -> Client {
        self.admin.with_token(user.token())
    }

    /// The path of `user`'s kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.directory.join(&format!("{}.kubeconfig", user.name()))
    }

    /// A certificate as which `user` is let in for a while.
    #[must_use]
    pub fn client_certificate(&self, user: User, good_for: Duration) -> Certificate {
        self.lock().authority().client(user.name(), good_for)
    }

    /// The API server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The folder of logs, data and kubeconfigs.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The audit log: every request that the API server answered.
    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// The API server's own counters, now.
    #[must_use]
    pub fn metrics(&self) -> metrics::Metrics {
        metrics::Metrics::read(&self.admin)
    }

    /// Makes a namespace whose name starts with `prefix` and is unlike any other here; gives the name.
    #[must_use]
    pub fn namespace(&self, prefix: &str) -> String {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{number}");
        self.admin.apply(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
        }));
        name
    }

    /// Kills the API server at once; clients see closed connections, then refused ones.
    pub fn kill_api_server(&self) {
        self.harm().kill_api_server();
    }

    /// Starts the API server again on its port, and waits until it is ready.
    pub fn start_api_server(&self) {
        self.harm().start_api_server();
        self.wait_ready();
    }

    /// Makes a backup of the whole cluster, which goes on after it; gives its folder.
    #[must_use]
    pub fn back_up(&self) -> PathBuf {
        let backup = self.harm().back_up_etcd();
        self.wait_ready();
        backup
    }

    /// Makes the cluster what it was when the backup was made, as after a disaster: its versions go back too.
    pub fn restore(&self, backup: &Path) {
        self.harm().restore_etcd(backup);
        self.wait_ready();
    }

    /// Gives the API server a certificate of another authority, which alone is in the kubeconfigs from now on.
    pub fn replace_authority(&self) {
        self.harm().replace_authority();
        self.write_kubeconfigs();
        self.wait_ready();
    }

    /// Stops the API server's processes as they are: connections stay open and nothing answers.
    pub fn freeze_api_server(&self) {
        self.harm().signal_api_server(Signal::SIGSTOP);
    }

    /// Lets a frozen API server go on.
    pub fn thaw_api_server(&self) {
        self.harm().signal_api_server(Signal::SIGCONT);
    }

    fn write_kubeconfigs(&self) {
        for user in [User::Admin, User::Agent, User::Tenant] {
            let text = kubeconfig(self.port, &self.lock().authority().certificate(), user);
            let path = self.kubeconfig(user);
            std::fs::write(&path, text).expect("the kubeconfig can be written");
            // The agent refuses a credential that others could read.
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, private).expect("it is our own file");
        }
    }

    /// The programs, for something that the next test must not find.
    fn harm(&self) -> MutexGuard<'_, Components> {
        self.harmed.store(true, Ordering::Relaxed);
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Components> {
        // A panic while the lock was held has failed its test already; others go on.
        self.components
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait_ready(&self) {
        let start = Instant::now();
        loop {
            let answer = self
                .admin
                .try_request("GET", "/readyz", "application/json", b"");
            if answer.as_ref().is_ok_and(|response| response.status == 200) {
                return;
            }
            // Programs that lost their port to somebody are started again by this.
            let tails = self.lock().check();
            if start.elapsed() > READY_WAIT || tails.is_some() {
                let tails = tails.unwrap_or_else(|| self.lock().tails());
                panic!("the control plane is not ready: {answer:?}\n{tails}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn make_nodes(&self, count: usize) {
        let names: Vec<String> = (0..count).map(|number| format!("node-{number}")).collect();
        for name in &names {
            self.admin.apply(&json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": {
                    "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64", "type": "kwok",
                }},
            }));
        }
        for name in &names {
            let node = ObjectRef::new("v1", "Node", "", name);
            wait::until(&format!("node {name} to be ready"), READY_WAIT, || {
                let found = self.admin.get(&node).unwrap_or_default();
                let ready = condition(&found, "Ready").is_some_and(|is| is["status"] == "True");
                if ready {
                    Ok(())
                } else {
                    Err(self.lock().tails())
                }
            });
        }
    }
}

impl Drop for Running {
    /// A failed test shows why a program of its control plane ended.
    fn drop(&mut self) {
        if std::thread::panicking()
            && !self.is_harmed()
            && let Some(tails) = self.lock().check()
        {
            wait::show(&tails);
        }
    }
}
