//! A Git server over ssh: the real sshd on loopback, for the user who runs the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::directory::Directory;
use crate::git::run;
use crate::ports::Port;
use crate::process::Process;
use crate::repo::Signer;
use crate::wait;

/// sshd listens within milliseconds of its start.
const START_WAIT: Duration = Duration::from_secs(20);

/// An sshd that admits one key and serves every repository this user can read, by absolute path.
#[derive(Debug)]
pub struct SshServer {
    process: Mutex<Option<Process>>,
    client_key: Signer,
    user: String,
    port: Port,
    directory: Directory,
}

impl SshServer {
    /// Starts sshd with a new host key and a new client key.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more lines of `sshd_config`.
    #[must_use]
    pub fn start_with(more: &[String]) -> Self {
        let directory = Directory::new("sshd");
        let host_key = directory.join("host_key");
        let mut keygen = Command::new("ssh-keygen");
        run(keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&host_key));
        let client_key = Signer::new("deploy@example.org");
        let authorized = directory.join("authorized_keys");
        std::fs::write(&authorized, client_key.public_key()).expect("the kit's folder is writable");
        let port = Port::claim();
        let mut lines = vec![
            format!("ListenAddress 127.0.0.1:{}", port.number()),
            format!("HostKey {}", host_key.display()),
            format!("AuthorizedKeysFile {}", authorized.display()),
            "StrictModes no".to_owned(),
            "UsePAM no".to_owned(),
            "PasswordAuthentication no".to_owned(),
            "PermitRootLogin prohibit-password".to_owned(),
            "AcceptEnv GIT_PROTOCOL".to_owned(),
            "PidFile none".to_owned(),
            "LogLevel VERBOSE".to_owned(),
        ];
        lines.extend_from_slice(more);
        let config = lines.join("\n") + "\n";
        std::fs::write(directory.join("sshd_config"), config).expect("writable");
        let user = run(Command::new("id").arg("-un")).trim().to_owned();
        if user == "root" {
            // Debian's sshd gives up its rights into this folder, which its unit makes at boot.
            std::fs::create_dir_all("/run/sshd").expect("root can write /run");
        }
        let server = Self {
            process: Mutex::new(None),
            client_key,
            user,
            port,
            directory,
        };
        server.restart();
        server
    }

    /// The URL of the bare repository in folder `path`.
    #[must_use]
    pub fn url(&self, path: &Path) -> String {
        format!(
            "ssh://{}@127.0.0.1:{}{}",
            self.user,
            self.port.number(),
            path.display()
        )
    }

    /// The lines of an `ssh_config` by which a client reaches it under a name.
    #[must_use]
    pub fn host(&self, name: &str, known_hosts: &Path) -> String {
        let (user, port, identity) = (&self.user, self.port.number(), self.identity());
        format!(
            "Host {name}\n HostName 127.0.0.1\n Port {port}\n User {user}\n IdentityFile {}\n UserKnownHostsFile {}\n",
            identity.display(),
            known_hosts.display()
        )
    }

    /// The private key that is admitted.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.client_key.key()
    }

    /// The lines of a `known_hosts` file for this server.
    #[must_use]
    pub fn known_hosts(&self) -> String {
        let public = std::fs::read_to_string(self.directory.join("host_key.pub"));
        let public = public.expect("ssh-keygen writes it");
        format!("[127.0.0.1]:{} {public}", self.port.number())
    }

    /// Ends sshd and its sessions; clients are refused from now on.
    pub fn stop(&self) {
        *self.process() = None;
    }

    /// Starts sshd again on the same port with the same keys.
    pub fn restart(&self) {
        let config = self.directory.join("sshd_config");
        let config = config.to_str().expect("kit folders have plain names");
        let log = self.directory.join("sshd.log");
        let program = Path::new("/usr/sbin/sshd");
        let process = Process::start("sshd", program, ["-D", "-e", "-f", config], &[], &log);
        *self.process() = Some(process);
        wait::until("sshd to listen", START_WAIT, || {
            let connected = std::net::TcpStream::connect(("127.0.0.1", self.port.number()));
            connected.map(drop).map_err(|error| {
                let tail = self.process().as_ref().map(Process::tail);
                format!("{error}\n{}", tail.unwrap_or_default())
            })
        });
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
