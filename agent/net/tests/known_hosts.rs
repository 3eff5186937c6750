//! A corpus of known_hosts files, each judged by OpenSSH's ssh and by us.

use std::fs;
use std::process::{Command, Stdio};

use windlass_wire::FailureClass;

use crate::agent::Net;
use crate::git::Repository;
use crate::ssh::{NEW_PROTOCOL, Sshd, keygen};

/// Whether ssh trusts the host with this file.
fn openssh_trusts(sshd: &Sshd, host: &str, text: &str) -> bool {
    let file = sshd.directory.path().join("corpus");
    fs::write(&file, text).unwrap();
    let identity = sshd.directory.path().join("user_ed25519");
    let output = Command::new("ssh")
        .args([
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .args([
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "UpdateHostKeys=no",
        ])
        .args(["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", file.display()))
        .arg("-i")
        .arg(identity)
        .args(["-p", &sshd.port.to_string(), host, "true"])
        .stdin(Stdio::null())
        .output()
        .expect("ssh is installed");
    output.status.success()
}

fn we_trust(net: &Net, sshd: &Sshd, repository: &Repository, host: &str, text: &str) -> bool {
    let mut request = sshd.request(&repository.bare);
    request.url = request.url.replace("127.0.0.1", host);
    request.credentials = sshd.credentials("user_ed25519", text);
    let fetched = net.fetch(&request);
    if fetched.head.is_some() {
        return true;
    }
    let (class, message) = fetched.failure();
    let is_about_the_host = class == FailureClass::HostKey
        || class == FailureClass::InvalidRequest && message.contains("known_hosts");
    assert!(is_about_the_host, "{text}: {message}");
    false
}

fn hashed(sshd: &Sshd, text: &str) -> String {
    let file = sshd.directory.path().join("to_hash");
    fs::write(&file, text).unwrap();
    keygen(&["-q", "-H", "-f", file.to_str().unwrap()]);
    fs::read_to_string(file).unwrap()
}

/// Host to connect to, and the file.
#[expect(clippy::too_many_lines, reason = "a table: each line is one file")]
fn corpus(sshd: &Sshd) -> Vec<(&'static str, String)> {
    let port = sshd.port;
    let key = |name: &str| {
        let public = sshd.file(&format!("{name}.pub"));
        public
            .split(' ')
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    };
    let (ed25519, rsa, ecdsa) = (key("host_ed25519"), key("host_rsa"), key("host_ecdsa"));
    let stranger = key("stranger");
    let name = format!("[127.0.0.1]:{port}");
    let local = format!("[localhost]:{port}");
    let on = |hosts: &str, key: &str| format!("{hosts} {key}\n");
    let both = hashed(sshd, &(on(&name, &ed25519) + &on(&local, &rsa)));
    let ip = "127.0.0.1";
    vec![
        (ip, String::new()),
        (ip, "# only a comment\n\n".to_owned()),
        (ip, on(&name, &ed25519)),
        (ip, on(&name, &stranger)),
        (ip, on(&name, &stranger) + &on(&name, &ed25519)),
        (ip, on(&name, &rsa) + &on(&name, &ecdsa)),
        (
            ip,
            on(&name, &format!("{ecdsa} a comment with # and spaces")),
        ),
        (ip, format!("\t {} \n", on(&name, &ed25519).trim())),
        (ip, on(&name, &ed25519).replace('\n', "\r\n")),
        // Names, patterns, ports.
        (ip, on(ip, &ed25519)),
        (ip, on(ip, &stranger)),
        (ip, on(ip, &stranger) + &on(&name, &ed25519)),
        (ip, on(ip, &ed25519) + &on(&name, &stranger)),
        (ip, on(&format!("[127.0.0.1]:{}", port ^ 1), &ed25519)),
        (ip, on("*", &ed25519)),
        (ip, on("127.0.0.*", &ed25519)),
        (ip, on("[127.0.0.?]:*", &ed25519)),
        (ip, on("[127.0.0.1]", &ed25519)),
        (ip, on(&format!("*,!{name}"), &ed25519)),
        (ip, on(&format!("!{name},*"), &ed25519)),
        (ip, on(&format!("!{name}"), &ed25519)),
        (ip, on(&format!("*,!{ip}"), &ed25519)),
        (ip, on(&format!("other.test,{name},more.test"), &ed25519)),
        (ip, on(&format!("other.test, {name}"), &ed25519)),
        ("localhost", on(&local.to_uppercase(), &ed25519)),
        ("localhost", on("LOCAL*", &ed25519)),
        ("localhost", on(&name, &ed25519)),
        ("localhost", on(&format!("{name},{local}"), &ed25519)),
        ("localhost", on("?ocalhost", &ed25519)),
        // Hashed.
        (ip, both.clone()),
        ("localhost", both.clone()),
        (ip, hashed(sshd, &on(ip, &ed25519))),
        (ip, both.replacen("|1|", "|2|", 1)),
        (ip, both.replacen("|1|", "|1|A", 1)),
        // Markers.
        (ip, on(&name, &ed25519) + "@revoked " + &on(&name, &ed25519)),
        (
            ip,
            "@revoked ".to_owned() + &on("*", &ed25519) + &on(&name, &ed25519),
        ),
        (
            ip,
            "@revoked ".to_owned() + &on(ip, &ed25519) + &on(&name, &ed25519),
        ),
        (
            ip,
            "@revoked ".to_owned() + &on(&name, &stranger) + &on(&name, &ed25519),
        ),
        (
            ip,
            "@revoked ".to_owned() + &on(&name, &rsa) + &on(&name, &ed25519),
        ),
        (ip, "@revoked ".to_owned() + &on(&name, &ed25519)),
        (
            ip,
            hashed(sshd, &on(&name, &ed25519)) + "@revoked " + &on(&name, &ed25519),
        ),
        (ip, "@cert-authority ".to_owned() + &on(&name, &ed25519)),
        (
            ip,
            "@cert-authority ".to_owned() + &on("*", &stranger) + &on(&name, &ed25519),
        ),
        // Damage.
        (ip, "nonsense\n".to_owned() + &on(&name, &ed25519)),
        (ip, on(&name, &ed25519.replace("ssh-ed25519", "ssh-rsa"))),
        (ip, on(&name, &ed25519[..40])),
        (ip, on(&name, "ssh-ed25519")),
        (ip, on(&name, &ed25519).replace(' ', "")),
        (ip, on(&name, &ed25519).trim_end().to_owned()),
    ]
}

/// Where we refuse what ssh accepts, on purpose: a marker that cannot be read may have been a revocation.
fn stricter(sshd: &Sshd) -> Vec<String> {
    let ed25519 = sshd.known("host_ed25519");
    vec![
        format!("@revoked\n{ed25519}"),
        format!("@revoked * ssh-ed25519 ???\n{ed25519}"),
        format!("@unknown {ed25519}{ed25519}"),
    ]
}

#[test]
fn t17_the_verdict_on_every_known_hosts_file_is_openssh_s() {
    let sshd = Sshd::start(NEW_PROTOCOL);
    let repository = Repository::with_files(&[("a", "a")]);
    let net = Net::start();
    let corpus = corpus(&sshd);
    let mut differences = String::new();
    let mut trusted = 0;
    for (host, text) in &corpus {
        let theirs = openssh_trusts(&sshd, host, text);
        let ours = we_trust(&net, &sshd, &repository, host, text);
        trusted += usize::from(theirs);
        if theirs != ours {
            differences += &format!("{host}, ssh {theirs}, we {ours}: {text}");
        }
    }
    assert_eq!(differences, "", "port {}", sshd.port);
    assert!(
        trusted > 12 && trusted < corpus.len() - 12,
        "both verdicts occur: {trusted}"
    );
    for text in stricter(&sshd) {
        assert!(
            !we_trust(&net, &sshd, &repository, "127.0.0.1", &text),
            "{text}"
        );
    }
}

#[test]
fn t17_a_host_certificate_is_refused_by_name() {
    // OpenSSH would believe it. We say what to do instead.
    let sshd = Sshd::start(NEW_PROTOCOL);
    let repository = Repository::with_files(&[("a", "a")]);
    let mut request = sshd.request(&repository.bare);
    let authority = format!("@cert-authority {}", sshd.known("stranger"));
    request.credentials = sshd.credentials("user_ed25519", &authority);
    let fetched = Net::start().fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::HostKey);
    assert!(
        message.contains("@cert-authority") && message.contains("SHA256:"),
        "{message}"
    );
}
