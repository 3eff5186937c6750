//! Fetching from OpenSSH's sshd.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use windlass_wire::{Answer, Credentials, FailureClass, FetchRequest, Reference, Secret};

use crate::agent::{Net, main_at, request};
use crate::git::Repository;

/// A real sshd on loopback, with its own keys, for the user that runs the test.
pub struct Sshd {
    pub directory: TempDir,
    pub port: u16,
    child: Child,
}

impl Sshd {
    pub fn start(extra: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        for (kind, name) in [
            ("ed25519", "host_ed25519"),
            ("rsa", "host_rsa"),
            ("ecdsa", "host_ecdsa"),
        ] {
            make_key(kind, "", &at(name));
        }
        for (kind, passphrase, name) in [
            ("ed25519", "", "user_ed25519"),
            ("ed25519", "hunter2", "user_locked"),
            ("rsa", "", "user_rsa"),
            ("ecdsa", "", "user_ecdsa"),
        ] {
            make_key(kind, passphrase, &at(name));
        }
        make_key("ed25519", "", &at("stranger"));
        let authorized: String = ["user_ed25519", "user_locked", "user_rsa", "user_ecdsa"]
            .iter()
            .map(|name| fs::read_to_string(at(&format!("{name}.pub"))).unwrap())
            .collect();
        fs::write(at("authorized_keys"), authorized).unwrap();
        // A missing privilege separation directory is the only thing sshd needs from the machine.
        fs::create_dir_all("/run/sshd").ok();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nHostKey {}\nHostKey {}\n\
             AuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\n{extra}\n",
            at("host_ed25519"),
            at("host_rsa"),
            at("host_ecdsa"),
            at("authorized_keys"),
        );
        fs::write(at("sshd_config"), config).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("openssh-server is installed");
        let sshd = Self {
            directory,
            port,
            child,
        };
        sshd.wait_until_it_listens();
        sshd
    }

    fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "sshd listens: {}", self.log());
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// A known_hosts line for one of the host keys.
    pub fn known(&self, key: &str) -> String {
        format!(
            "[127.0.0.1]:{} {}",
            self.port,
            self.file(&format!("{key}.pub"))
        )
    }

    pub fn request(&self, bare: &Path) -> FetchRequest {
        let user =
            String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let url = format!(
            "ssh://{}@127.0.0.1:{}{}",
            user.trim(),
            self.port,
            bare.display()
        );
        let mut request = request(&url);
        request.credentials = self.credentials("user_ed25519", &self.known("host_ed25519"));
        request
    }

    pub fn credentials(&self, identity: &str, known_hosts: &str) -> Credentials {
        Credentials::Ssh {
            identity: Secret::new(self.file(identity)),
            passphrase: None,
            known_hosts: known_hosts.to_owned(),
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // It was started here; nothing is left to do when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// RSA keys of the smallest size that sshd takes, because making larger ones takes seconds.
fn make_key(kind: &str, passphrase: &str, file: &str) {
    let bits = if kind == "rsa" { "2048" } else { "256" };
    keygen(&["-q", "-t", kind, "-b", bits, "-N", passphrase, "-f", file]);
}

pub fn keygen(arguments: &[&str]) {
    let status = Command::new("ssh-keygen")
        .args(arguments)
        .status()
        .expect("ssh-keygen is installed");
    assert!(status.success(), "ssh-keygen {arguments:?}");
}

pub const NEW_PROTOCOL: &str = "AcceptEnv GIT_PROTOCOL";

#[test]
fn a_branch_is_fetched_and_followed_in_both_protocols() {
    for extra in [NEW_PROTOCOL, ""] {
        let sshd = Sshd::start(extra);
        let repository = Repository::with_files(&[("a/one.yaml", "one"), ("two.yaml", "two")]);
        repository.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
        repository.push(&["--tags"]);
        let net = Net::start();
        let mut request = sshd.request(&repository.bare);
        let old = repository.git(&["rev-parse", "HEAD"]);
        let fetched = net.fetch(&request);
        assert_eq!(
            fetched.head,
            Some((old.clone(), "refs/heads/main".to_owned())),
            "{}",
            sshd.log()
        );
        assert_eq!(fetched.oids(), repository.objects_between(&old, &[]));
        let new = repository.commit(&[("two.yaml", "changed")]);
        request.have = vec![old.clone()];
        let fetched = net.fetch(&request);
        assert_eq!(fetched.oids(), repository.objects_between(&new, &[&old]));
        fetched.assert_order();
        assert!(fetched.wire_bytes() < 1500, "{}", fetched.wire_bytes());
        request.known = main_at(&new);
        assert_eq!(
            net.fetch(&request).end,
            Answer::Unchanged { oid: new.clone() }
        );
        request.known = None;
        request.have.clear();
        for (reference, head) in [
            (Reference::Tag("v1.0.0".into()), &old),
            (Reference::Semver("1.x".into()), &old),
            (Reference::Commit(old.clone()), &old),
        ] {
            request.reference = reference;
            assert_eq!(net.fetch(&request).head(), head);
            let fresh = Net::start();
            assert_eq!(fresh.fetch(&request).head(), head);
        }
        request.reference = Reference::Branch("nothing".into());
        assert_eq!(
            net.fetch(&request).failure().0,
            FailureClass::NoSuchReference
        );
        request.reference = Reference::Commit("1".repeat(40));
        let fetched = net.fetch(&request);
        assert_eq!(
            fetched.failure().0,
            FailureClass::NoSuchReference,
            "{:?}",
            fetched.end
        );
    }
}

#[test]
fn a_large_pack_comes_through_the_flow_control() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let mut state = 7_u64;
    let noise: String = (0..4_000_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'!' + (state >> 58) as u8)
        })
        .collect();
    let repository = Repository::with_files(&[("noise", &noise)]);
    let fetched = Net::start().fetch(&sshd.request(&repository.bare));
    assert_eq!(fetched.oids(), repository.objects_between("HEAD", &[]));
    assert!(fetched.wire_bytes() > 2_000_000);
}

#[test]
fn every_kind_of_key_authenticates() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let repository = Repository::with_files(&[("a", "a")]);
    let net = Net::start();
    let mut request = sshd.request(&repository.bare);
    let known = sshd.known("host_ed25519");
    for identity in ["user_ed25519", "user_rsa", "user_ecdsa"] {
        request.credentials = sshd.credentials(identity, &known);
        let fetched = net.fetch(&request);
        assert!(fetched.head.is_some(), "{identity}: {:?}", fetched.end);
    }
    let pkcs8 = sshd.directory.path().join("user_ecdsa");
    keygen(&[
        "-q",
        "-p",
        "-N",
        "",
        "-m",
        "PKCS8",
        "-f",
        pkcs8.to_str().unwrap(),
    ]);
    assert!(
        sshd.file("user_ecdsa")
            .starts_with("-----BEGIN PRIVATE KEY")
    );
    request.credentials = sshd.credentials("user_ecdsa", &known);
    net.fetch(&request).head();
    let with_passphrase = |text: Option<&str>| Credentials::Ssh {
        identity: Secret::new(sshd.file("user_locked")),
        passphrase: text.map(Secret::new),
        known_hosts: known.clone(),
    };
    request.credentials = with_passphrase(Some("hunter2"));
    net.fetch(&request).head();
    for passphrase in [None, Some("wrong")] {
        request.credentials = with_passphrase(passphrase);
        assert_eq!(
            net.fetch(&request).failure().0,
            FailureClass::InvalidRequest
        );
    }
    request.credentials = sshd.credentials("stranger", &known);
    let fetched = net.fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Authentication);
    assert!(message.contains("SHA256:"), "{message}");
    request.credentials = Credentials::None;
    assert_eq!(
        net.fetch(&request).failure().0,
        FailureClass::InvalidRequest
    );
}

#[test]
fn t17_the_host_key_is_judged_before_anything_is_said() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let repository = Repository::with_files(&[("a", "a")]);
    let net = Net::start();
    let mut request = sshd.request(&repository.bare);
    let ed25519 = sshd.known("host_ed25519");
    let rsa = sshd.known("host_rsa");
    let ecdsa = sshd.known("host_ecdsa");
    let (_, stranger) = (
        "",
        format!("[127.0.0.1]:{} {}", sshd.port, sshd.file("stranger.pub")),
    );
    // The server has an ed25519 key too; it has to show the one that is known.
    for good in [
        &ed25519,
        &rsa,
        &ecdsa,
        &format!("{stranger}{ed25519}"),
        &format!("{rsa}{ecdsa}"),
    ] {
        request.credentials = sshd.credentials("user_ed25519", good);
        let fetched = net.fetch(&request);
        assert!(fetched.head.is_some(), "{good}: {:?}", fetched.end);
    }
    let before = sshd.log().matches("Accepted publickey").count();
    let authority = format!("@cert-authority {ed25519}");
    for (bad, word) in [
        (String::new(), "no entry"),
        (stranger, "not one of those"),
        (format!("{ed25519}@revoked {ed25519}"), "revokes"),
        (authority, "@cert-authority"),
        ("nonsense\n".to_owned(), "line 1"),
    ] {
        request.credentials = sshd.credentials("user_ed25519", &bad);
        let fetched = net.fetch(&request);
        let (class, message) = fetched.failure();
        assert_eq!(class, FailureClass::HostKey, "{bad}: {message}");
        assert!(
            message.contains(word) && message.contains("SHA256:"),
            "{message}"
        );
    }
    let after = sshd.log().matches("Accepted publickey").count();
    assert_eq!(
        before, after,
        "the key was never offered to a host that is not trusted"
    );
}

#[test]
fn t17_a_hashed_entry_made_by_ssh_keygen_is_understood() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let repository = Repository::with_files(&[("a", "a")]);
    let file = sshd.directory.path().join("known_hosts");
    fs::write(&file, sshd.known("host_ed25519")).unwrap();
    keygen(&["-q", "-H", "-f", file.to_str().unwrap()]);
    let hashed = fs::read_to_string(&file).unwrap();
    assert!(hashed.starts_with("|1|"), "{hashed}");
    let mut request = sshd.request(&repository.bare);
    request.credentials = sshd.credentials("user_ed25519", &hashed);
    Net::start().fetch(&request).head();
}

#[test]
fn a_path_that_is_no_repository_is_named() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let net = Net::start();
    let fetched = net.fetch(&sshd.request(Path::new("/nonexistent/fleet.git")));
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::NotFound, "{message}");
    assert!(
        message.contains("does not appear to be a git repository"),
        "{message}"
    );
}

#[test]
fn a_server_that_accepts_and_says_nothing_runs_into_the_timeout() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut request = sshd.request(Path::new("/fleet.git"));
    request.url = format!("ssh://git@127.0.0.1:{port}/fleet.git");
    request.timeout_seconds = 1;
    assert_eq!(
        Net::start().fetch(&request).failure().0,
        FailureClass::Timeout
    );
    drop(silent);
    assert_eq!(
        Net::start().fetch(&request).failure().0,
        FailureClass::Unreachable
    );
}
