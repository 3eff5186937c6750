//! Git: real clones and pushes through the server, honest signatures, faults on request.

use std::path::Path;

use windlass_kit::directory::Directory;
use windlass_kit::git::{Fault, GitServer, Options, git_command};
use windlass_kit::repo::{Repo, Signer};
use windlass_kit::ssh::SshServer;

fn git(home: &Path, settings: &[&str], arguments: &[&str]) -> (bool, String) {
    let mut git = git_command(home);
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    let output = git
        .args(settings)
        .args(arguments)
        .output()
        .expect("git starts");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn served(options: &Options) -> (GitServer, Repo, Signer) {
    let server = GitServer::start(options);
    let signer = Signer::new("alice@example.org");
    let mut repo = Repo::new(&server.create("fleet.git"));
    repo.publish(
        &[("a/one.yaml", "one"), ("two.yaml", "two")],
        "first",
        &signer,
    );
    (server, repo, signer)
}

#[test]
fn a_clone_over_http_gives_the_files_and_git_accepts_the_signature() {
    let (server, repo, signer) = served(&Options::default());
    let home = Directory::new("home");
    let to = home.join("clone");
    let (done, errors) = git(
        home.path(),
        &[],
        &[
            "clone",
            "-q",
            &server.url("fleet.git"),
            to.to_str().unwrap(),
        ],
    );
    assert!(done, "{errors}");
    assert_eq!(
        std::fs::read_to_string(to.join("a/one.yaml")).unwrap(),
        "one"
    );
    let signers = home.join("allowed_signers");
    std::fs::write(&signers, signer.allowed_signers()).unwrap();
    let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let at = to.to_str().unwrap();
    let (good, words) = git(
        home.path(),
        &[&allowed],
        &["-C", at, "verify-commit", "HEAD"],
    );
    assert!(
        good && words.contains("Good \"git\" signature for alice@example.org"),
        "{words}"
    );
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .any(|request| request.path == "/fleet.git/git-upload-pack")
    );
    assert!(
        requests
            .iter()
            .all(|request| request.protocol == "version=2"),
        "{requests:?}"
    );
    assert_eq!(repo.files("HEAD").len(), 2);
}

#[test]
fn a_push_over_https_with_credentials_is_admitted_and_without_them_refused() {
    let credentials = Some(("git".to_owned(), "secret".to_owned()));
    let (server, repo, _) = served(&Options {
        tls: true,
        credentials,
    });
    let home = Directory::new("home");
    let authority = home.join("authority.crt");
    std::fs::write(&authority, server.authority().expect("https has one")).unwrap();
    let trust = format!("http.sslCAInfo={}", authority.display());
    let at = repo.path();
    let push = |url: &str| {
        let arguments = [
            "-C",
            at.to_str().unwrap(),
            "push",
            "-q",
            url,
            "HEAD:refs/heads/next",
        ];
        git(home.path(), &[&trust], &arguments)
    };
    let url = server.url("fleet.git");
    assert!(!push(&url).0);
    let (done, errors) = push(&url.replace("https://", "https://git:secret@"));
    assert!(done, "{errors}");
    let refused = server
        .requests()
        .iter()
        .filter(|request| request.status == 401)
        .count();
    assert!(refused >= 1);
}

#[test]
fn a_tampered_commit_keeps_its_signature_and_loses_its_validity() {
    let (_server, mut repo, signer) = served(&Options::default());
    let honest = repo.commit("honest", &signer);
    let tampered = repo.tamper(&honest, |commit| commit.replace("honest", "forged"));
    assert_ne!(honest, tampered);
    let signers = repo.path().join("../allowed_signers");
    std::fs::write(&signers, signer.allowed_signers()).unwrap();
    let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let at = repo.path();
    let verify = |id: &str| {
        git(
            &at,
            &[&allowed],
            &["-C", at.to_str().unwrap(), "verify-commit", id],
        )
        .0
    };
    assert!(verify(&honest));
    assert!(!verify(&tampered));
    let unsigned = repo.commit_unsigned("nobody");
    assert!(!verify(&unsigned));
}

#[test]
fn a_server_fails_as_asked_and_comes_back_on_its_port() {
    let (server, _repo, _signer) = served(&Options::default());
    let home = Directory::new("home");
    let url = server.url("fleet.git");
    let ask = || git(home.path(), &[], &["ls-remote", &url]);
    assert!(ask().0);
    server.set_fault(Fault::Status(503));
    let (done, errors) = ask();
    assert!(!done && errors.contains("503"), "{errors}");
    server.set_fault(Fault::Cut);
    assert!(!ask().0);
    server.set_fault(Fault::Redirect("/moved"));
    assert!(ask().0);
    server.set_fault(Fault::Drip(2_000));
    assert!(ask().0);
    server.set_fault(Fault::Hang);
    std::thread::scope(|scope| {
        let hanging = scope.spawn(ask);
        windlass_kit::wait::until_true("the request to arrive", windlass_kit::api::WAIT, || {
            server.hanging_requests() == 1
        });
        assert!(!hanging.is_finished());
        server.set_fault(Fault::None);
        assert!(!hanging.join().expect("no panic").0);
    });
    server.stop();
    assert!(!ask().0);
    server.restart();
    assert!(ask().0);
}

#[test]
fn a_clone_over_ssh_needs_the_key_and_the_known_host() {
    let (server, _repo, _signer) = served(&Options::default());
    let ssh = SshServer::start();
    let home = Directory::new("home");
    let known_hosts = home.join("known_hosts");
    std::fs::write(&known_hosts, ssh.known_hosts()).unwrap();
    let url = ssh.url(&server.path().join("fleet.git"));
    let ask = |identity: &Path| {
        let command = format!(
            "core.sshCommand=ssh -F none -o IdentitiesOnly=yes -o BatchMode=yes -i {} \
             -o UserKnownHostsFile={} -o GlobalKnownHostsFile=none",
            identity.display(),
            known_hosts.display()
        );
        git(home.path(), &[&command], &["ls-remote", &url])
    };
    let (done, errors) = ask(&ssh.identity());
    assert!(done, "{errors}");
    let stranger = Signer::new("mallory@example.org");
    assert!(!ask(&stranger.key()).0);
    ssh.stop();
    assert!(!ask(&ssh.identity()).0);
    ssh.restart();
    assert!(ask(&ssh.identity()).0);
}
