//! Fetching over http and https.

use std::sync::Arc;

use windlass_wire::{Answer, Credentials, FailureClass, Known, Reference, Secret};

use crate::agent::{Net, main_at, request};
use crate::git::Repository;
use crate::http_server::{Behaviour, HttpServer};

fn fleet() -> (Repository, HttpServer, Net) {
    let repository = Repository::with_files(&[("a/one.yaml", "one"), ("two.yaml", "two")]);
    let server = HttpServer::start(repository.root.path());
    (repository, server, Net::start())
}

#[test]
fn the_first_fetch_brings_everything_the_branch_reaches() {
    let (repository, server, net) = fleet();
    let head = repository.commit(&[("a/one.yaml", "changed")]);
    let fetched = net.fetch(&request(&server.url()));
    assert_eq!(
        fetched.head,
        Some((head.clone(), "refs/heads/main".to_owned()))
    );
    assert_eq!(fetched.oids(), repository.objects_between(&head, &[]));
    fetched.assert_order();
    assert!(fetched.wire_bytes() > 0);
    let content = repository.git(&["rev-parse", "HEAD:a/one.yaml"]);
    let blob = fetched
        .objects
        .iter()
        .find(|(_, oid, _)| *oid == content)
        .unwrap();
    assert_eq!((blob.0, blob.2.as_slice()), (3, b"changed".as_slice()));
}

#[test]
fn a_fetch_brings_only_what_the_agent_does_not_have() {
    let (repository, server, net) = fleet();
    let first = net.fetch(&request(&server.url()));
    let old = first.head().to_owned();
    let new = repository.commit(&[("a/three.yaml", "three")]);
    let mut next = request(&server.url());
    next.have = vec![old.clone(), "1".repeat(40)];
    next.known = main_at(&old);
    let fetched = net.fetch(&next);
    assert_eq!(fetched.head(), new);
    assert_eq!(fetched.oids(), repository.objects_between(&new, &[&old]));
    fetched.assert_order();
}

#[test]
fn one_changed_file_among_thousands_moves_few_bytes() {
    let files: Vec<(String, String)> = (0..5000)
        .map(|index| {
            (
                format!("file-{index}.yaml"),
                format!("content {}", index * 7919),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_str()))
        .collect();
    let repository = Repository::with_files(&files);
    let server = HttpServer::start(repository.root.path());
    let net = Net::start();
    let all = net.fetch(&request(&server.url()));
    assert_eq!(all.objects.len(), 5002);
    let mut next = request(&server.url());
    next.have = vec![all.head().to_owned()];
    next.known = main_at(all.head());
    repository.commit(&[("file-2500.yaml", "changed")]);
    server.take_seen();
    let fetched = net.fetch(&next);
    assert_eq!(fetched.objects.len(), 3, "commit, tree, blob");
    assert!(all.wire_bytes() > 200_000, "{}", all.wire_bytes());
    assert!(fetched.wire_bytes() < 2_000, "{}", fetched.wire_bytes());
    let sent: usize = server
        .take_seen()
        .iter()
        .map(|seen| seen.sent + seen.body.len())
        .sum();
    assert!(sent < 4_000, "headers and haves counted too: {sent}");
}

#[test]
fn a_poll_that_finds_nothing_is_one_request_with_one_prefix() {
    let (repository, server, net) = fleet();
    for index in 0..50 {
        repository.git(&["branch", &format!("other-{index}")]);
    }
    repository.push(&["--all"]);
    let head = net.fetch(&request(&server.url())).head().to_owned();
    server.take_seen();
    let mut poll = request(&server.url());
    poll.known = main_at(&head);
    poll.have = vec![head.clone()];
    for _ in 0..3 {
        let polled = net.fetch(&poll);
        assert_eq!(polled.end, Answer::Unchanged { oid: head.clone() });
        assert!(polled.objects.is_empty() && polled.head.is_none());
        let seen = server.take_seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].target.ends_with("/git-upload-pack"));
        let body = String::from_utf8(seen[0].body.clone()).unwrap();
        assert_eq!(body.matches("ref-prefix").count(), 1);
        assert!(body.contains("ref-prefix refs/heads/main\n"));
        assert!(seen[0].sent < 400, "{}", seen[0].sent);
    }
}

#[test]
fn a_poll_after_a_restart_is_one_request_too() {
    let (_repository, server, net) = fleet();
    let head = net.fetch(&request(&server.url())).head().to_owned();
    let listener =
        std::os::unix::net::UnixListener::bind(net.root.path().join("second.sock")).unwrap();
    let settings = windlass_net::Settings {
        cache_dir: net.cache_dir.clone(),
        idle_exit: None,
    };
    std::thread::spawn(move || windlass_net::serve(listener, settings));
    server.take_seen();
    let mut poll = request(&server.url());
    poll.known = main_at(&head);
    let mut stream =
        std::os::unix::net::UnixStream::connect(net.root.path().join("second.sock")).unwrap();
    windlass_wire::write_request(&mut stream, &poll).unwrap();
    assert_eq!(
        windlass_wire::read_answer(&mut stream).unwrap(),
        Answer::Unchanged { oid: head }
    );
    assert_eq!(server.take_seen().len(), 1);
}

#[test]
fn a_server_that_changed_is_met_again_with_a_handshake() {
    let (repository, server, net) = fleet();
    let head = net.fetch(&request(&server.url())).head().to_owned();
    server.behave(Behaviour::OldProtocol);
    let new = repository.commit(&[("b", "b")]);
    let mut next = request(&server.url());
    next.have = vec![head];
    assert_eq!(net.fetch(&next).head(), new);
}

#[test]
fn every_kind_of_reference_is_found() {
    let (repository, server, net) = fleet();
    let first = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
    repository.commit(&[("b", "b")]);
    repository.git(&["tag", "v1.2.0"]);
    let second = repository.git(&["rev-parse", "HEAD"]);
    let third = repository.commit(&[("c", "c")]);
    repository.git(&["tag", "-a", "-m", "two", "v2.0.0"]);
    repository.push(&["--tags"]);
    repository.push(&["HEAD:refs/pull/7/head"]);
    let expect = |reference: Reference, oid: &str, name: &str| {
        for _ in 0..2 {
            let mut request = request(&server.url());
            request.reference = reference.clone();
            let fetched = net.fetch(&request);
            assert_eq!(
                fetched.head,
                Some((oid.to_owned(), name.to_owned())),
                "{reference:?}"
            );
            fetched.assert_order();
            request.known = Some(Known {
                reference_name: name.to_owned(),
                target: fetched.target.clone(),
            });
            let polled = net.fetch(&request);
            assert_eq!(
                polled.end,
                Answer::Unchanged {
                    oid: fetched.target
                },
                "{reference:?}"
            );
        }
    };
    expect(Reference::Tag("v1.0.0".into()), &first, "refs/tags/v1.0.0");
    expect(Reference::Semver("1.x".into()), &second, "refs/tags/v1.2.0");
    expect(
        Reference::Semver(">=1.0.0".into()),
        &third,
        "refs/tags/v2.0.0",
    );
    expect(
        Reference::Name("refs/pull/7/head".into()),
        &third,
        "refs/pull/7/head",
    );
    expect(Reference::Commit(second.clone()), &second, &second);
    expect(Reference::Branch("main".into()), &third, "refs/heads/main");
}

#[test]
fn an_annotated_tag_comes_with_its_tag_object() {
    let (repository, server, net) = fleet();
    repository.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
    repository.push(&["--tags"]);
    let mut request = request(&server.url());
    request.reference = Reference::Tag("v1.0.0".into());
    let fetched = net.fetch(&request);
    assert_eq!(fetched.head(), repository.git(&["rev-parse", "HEAD"]));
    let tag = repository.git(&["rev-parse", "v1.0.0"]);
    assert_eq!((fetched.objects[0].0, &fetched.objects[0].1), (4, &tag));
    assert_eq!(fetched.oids(), repository.objects_between("v1.0.0", &[]));
}

#[test]
fn what_is_not_there_is_named() {
    let (repository, server, net) = fleet();
    net.fetch(&request(&server.url())).head();
    repository.git(&[
        "push",
        "-q",
        repository.bare.to_str().unwrap(),
        "HEAD:refs/heads/keep",
    ]);
    crate::git::git(&repository.bare, &["update-ref", "-d", "refs/heads/main"]);
    let fetched = net.fetch(&request(&server.url()));
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::NoSuchReference);
    assert!(message.contains("no branch \"main\""), "{message}");
    let mut missing = request(&server.url());
    missing.reference = Reference::Commit("1".repeat(40));
    let fetched = net.fetch(&missing);
    assert_eq!(
        fetched.failure().0,
        FailureClass::NoSuchReference,
        "{:?}",
        fetched.end
    );
    missing.url = server.url().replace("fleet", "nothing");
    missing.reference = Reference::Branch("main".into());
    assert_eq!(net.fetch(&missing).failure().0, FailureClass::NotFound);
}

#[test]
fn a_branch_that_was_moved_back_or_rewritten_is_followed() {
    let (repository, server, net) = fleet();
    let old = repository.git(&["rev-parse", "HEAD"]);
    let gone = repository.commit(&[("b", "b")]);
    assert_eq!(net.fetch(&request(&server.url())).head(), gone);
    repository.git(&["reset", "-q", "--hard", &old]);
    let other = repository.commit(&[("c", "c")]);
    let mut next = request(&server.url());
    next.have = vec![gone.clone()];
    let fetched = net.fetch(&next);
    assert_eq!(fetched.head(), other);
    assert_eq!(fetched.oids(), repository.objects_between(&other, &[&gone]));
}

#[test]
fn merges_bring_exactly_what_is_new() {
    let (repository, server, net) = fleet();
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.commit(&[("side/a", "a")]);
    repository.commit(&[("side/b", "b")]);
    repository.git(&["checkout", "-q", "main"]);
    let old = repository.commit(&[("d", "d")]);
    net.fetch(&request(&server.url())).head();
    repository.git(&["merge", "-q", "--no-edit", "side"]);
    let new = repository.commit(&[("e", "e")]);
    let mut next = request(&server.url());
    next.have = vec![old.clone()];
    let fetched = net.fetch(&next);
    assert_eq!(fetched.oids(), repository.objects_between(&new, &[&old]));
    fetched.assert_order();
}

#[test]
fn credentials_are_sent_and_their_lack_is_named() {
    let (_repository, server, net) = fleet();
    server.behave(Behaviour::Wants("Basic bWU6aHVudGVyMg==".to_owned()));
    let mut request = request(&server.url());
    let fetched = net.fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Authentication);
    assert!(message.contains("secretRef"), "{message}");
    request.credentials = Credentials::Basic {
        username: "me".into(),
        password: Secret::new("wrong-canary"),
    };
    let fetched = net.fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Authentication);
    assert!(
        message.contains("refuses") && !message.contains("canary"),
        "{message}"
    );
    request.credentials = Credentials::Basic {
        username: "me".into(),
        password: Secret::new("hunter2"),
    };
    net.fetch(&request).head();
    request.credentials = Credentials::None;
    request.url = server.url().replace("http://", "http://me:hunter2@");
    net.fetch(&request).head();
    server.behave(Behaviour::Wants("Bearer tok-en".to_owned()));
    request.url = server.url();
    request.credentials = Credentials::Bearer(Secret::new("tok-en\n"));
    net.fetch(&request).head();
    request.credentials = Credentials::Bearer(Secret::new("canary\r\nX: y"));
    let fetched = net.fetch(&request);
    assert_eq!(fetched.failure().0, FailureClass::InvalidRequest);
    assert!(!fetched.failure().1.contains("canary"));
}

fn certificate(names: &[&str]) -> (String, rustls::ServerConfig) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private.into())
        .unwrap();
    (authority_pem, config)
}

#[test]
fn https_trusts_the_given_ca_and_no_other() {
    let repository = Repository::with_files(&[("a", "a")]);
    let (ca, config) = certificate(&["localhost", "127.0.0.1"]);
    let server = HttpServer::start_tls(repository.root.path(), config);
    let net = Net::start();
    let mut request = request(&server.url_at("localhost"));
    let fetched = net.fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Tls, "{message}");
    assert!(message.contains("ca.crt"), "{message}");
    request.ca_bundle = Some(certificate(&["localhost"]).0);
    assert_eq!(net.fetch(&request).failure().0, FailureClass::Tls);
    request.ca_bundle = Some(ca.clone());
    net.fetch(&request).head();
    request.ca_bundle = Some("no certificate".to_owned());
    assert_eq!(
        net.fetch(&request).failure().0,
        FailureClass::InvalidRequest
    );
    let (other_ca, other) = certificate(&["elsewhere.test"]);
    let wrong_name = HttpServer::start_tls(repository.root.path(), other);
    request.url = wrong_name.url_at("localhost");
    request.ca_bundle = Some(other_ca);
    assert_eq!(
        net.fetch(&request).failure().0,
        FailureClass::Tls,
        "the name does not match"
    );
}

#[test]
fn t16_a_redirect_to_another_host_never_sees_the_credentials() {
    let (repository, server, net) = fleet();
    let other = HttpServer::start(repository.root.path());
    let mut request = request(&server.url());
    request.credentials = Credentials::Basic {
        username: "me".into(),
        password: Secret::new("canary"),
    };
    for (status, to) in [
        (301, format!("http://127.0.0.1:{}{{target}}", other.port)),
        (302, format!("http://localhost:{}{{target}}", other.port)),
        (
            307,
            format!("http://evil:trap@127.0.0.1:{}{{target}}", other.port),
        ),
        (308, format!("http://127.0.0.1:{}{{target}}", other.port)),
    ] {
        server.behave(Behaviour::Redirect(status, to));
        net.fetch(&request).head();
        let seen = other.take_seen();
        assert!(seen.len() >= 2, "the other server was asked");
        assert!(
            seen.iter().all(|seen| seen.authorization.is_none()),
            "{seen:?}"
        );
    }
    other.behave(Behaviour::Wants("Basic bWU6Y2FuYXJ5".to_owned()));
    let fetched = net.fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Authentication);
    assert!(
        message.contains("another host") && !message.contains("canary"),
        "{message}"
    );
}

#[test]
fn t16_a_redirect_within_the_host_keeps_the_credentials() {
    let (_repository, server, net) = fleet();
    let mut wanted = request(&server.url().replace("fleet.git", "old.git"));
    wanted.credentials = Credentials::Basic {
        username: "me".into(),
        password: Secret::new("hunter2"),
    };
    server.behave(Behaviour::Redirect(
        301,
        "/fleet.git/info/refs?service=git-upload-pack".into(),
    ));
    // Redirecting everything is a loop, which ends.
    let fetched = net.fetch(&wanted);
    assert_eq!(
        fetched.failure().0,
        FailureClass::Protocol,
        "{:?}",
        fetched.end
    );
    let seen = server.take_seen();
    assert!(seen.len() <= 6 && seen.iter().all(|seen| seen.authorization.is_some()));
}

#[test]
fn t16_a_redirect_away_from_https_or_to_something_else_is_refused() {
    let repository = Repository::with_files(&[("a", "a")]);
    let (ca, config) = certificate(&["localhost"]);
    let server = HttpServer::start_tls(repository.root.path(), config);
    let plain = HttpServer::start(repository.root.path());
    let net = Net::start();
    let mut request = request(&server.url_at("localhost"));
    request.ca_bundle = Some(ca);
    request.credentials = Credentials::Basic {
        username: "me".into(),
        password: Secret::new("canary"),
    };
    for to in [
        format!("http://127.0.0.1:{}{{target}}", plain.port),
        "file:///etc/passwd".to_owned(),
        "ssh://git@127.0.0.1/info/refs".to_owned(),
        format!("http://127.0.0.1:{}/login", plain.port),
        "//127.0.0.1/info/refs".to_owned(),
    ] {
        server.behave(Behaviour::Redirect(302, to.clone()));
        assert_eq!(
            net.fetch(&request).failure().0,
            FailureClass::Refused,
            "{to}"
        );
    }
    assert!(
        plain.take_seen().is_empty(),
        "nothing was ever sent to the other server"
    );
}

#[test]
fn a_server_with_the_old_protocol_is_spoken_to_in_it() {
    let (repository, server, net) = fleet();
    server.behave(Behaviour::OldProtocol);
    repository.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
    repository.push(&["--tags"]);
    let old = repository.git(&["rev-parse", "HEAD"]);
    let mut request = request(&server.url());
    assert_eq!(
        net.fetch(&request).oids(),
        repository.objects_between("HEAD", &[])
    );
    let new = repository.commit(&[("b", "b")]);
    request.have = vec![old.clone()];
    let fetched = net.fetch(&request);
    assert_eq!(fetched.oids(), repository.objects_between(&new, &[&old]));
    assert!(fetched.wire_bytes() < 1500, "{}", fetched.wire_bytes());
    request.known = main_at(&new);
    assert_eq!(net.fetch(&request).end, Answer::Unchanged { oid: new });
    request.known = None;
    request.reference = Reference::Tag("v1.0.0".into());
    assert_eq!(net.fetch(&request).head(), old);
    request.have.clear();
    request.reference = Reference::Commit(old.clone());
    let other = Net::start();
    assert_eq!(
        other.fetch(&request).head(),
        old,
        "found behind a branch tip"
    );
    request.reference = Reference::Commit("1".repeat(40));
    assert_eq!(
        other.fetch(&request).failure().0,
        FailureClass::NoSuchReference
    );
}

#[test]
fn t06_references_nobody_asked_for_are_not_fetched() {
    let (repository, server, net) = fleet();
    let head = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["checkout", "-q", "-b", "other"]);
    let other = repository.commit(&[("secret", "secret")]);
    repository.push(&[&format!("{other}:refs/replace/{head}")]);
    repository.push(&[&format!("{other}:refs/notes/commits")]);
    let fetched = net.fetch(&request(&server.url()));
    assert_eq!(fetched.oids(), repository.objects_between(&head, &[]));
    assert!(!fetched.oids().contains(&other));
}
