//! Repositories made to mislead: references, trees, submodules and files that somebody planted.

use std::fmt::Write as _;
use std::fs;

use windlass_wire::{FailureClass, Reference};

use crate::agent::{Net, request};
use crate::git::{Repository, git};
use crate::http_server::{Behaviour, HttpServer};

#[test]
fn t06_a_hundred_thousand_references_change_nothing() {
    let repository = Repository::with_files(&[("a", "a")]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    for number in 0..100_000 {
        let _ = writeln!(packed, "{head} refs/heads/b{number:06}");
    }
    let _ = writeln!(packed, "{head} refs/replace/{head}");
    fs::write(repository.bare.join("packed-refs"), packed).unwrap();
    let server = HttpServer::start(repository.root.path());
    let fetched = Net::start().fetch(&request(&server.url()));
    assert_eq!(fetched.oids(), repository.objects_between(&head, &[]));
    let sent: usize = server.take_seen().iter().map(|seen| seen.sent).sum();
    assert!(sent < 4000, "only the wanted one is listed: {sent}");
    // The old protocol cannot ask for one: they stream by, and none is kept.
    server.behave(Behaviour::OldProtocol);
    let fetched = Net::start().fetch(&request(&server.url()));
    assert_eq!(fetched.oids(), repository.objects_between(&head, &[]));
}

/// A list of references as a server may answer it.
fn listed(names: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for name in names {
        let line = [b"1111111111111111111111111111111111111111 ", *name, b"\n"].concat();
        body.extend(format!("{:04x}", line.len() + 4).bytes());
        body.extend(line);
    }
    body.extend(b"0000");
    body
}

#[test]
fn t08_hostile_names_from_a_server_are_nobodys_reference() {
    let repository = Repository::with_files(&[("a", "a")]);
    let server = HttpServer::start(repository.root.path());
    let net = Net::start();
    let long = [b"refs/tags/v1.0.0-".as_slice(), &[b'a'; 4096]].concat();
    let names: [&[u8]; 14] = [
        b"refs/tags/../../v9.9.9",
        b"refs/tags/v9.9.9/../../../etc/passwd",
        b"refs/tags/v9.9.9@{1}",
        b"refs/tags/v9.9.9\0hidden",
        b"refs/tags/v9.9.9.lock",
        b"refs/tags/v9.9.9\x1b[31m",
        b"refs/tags/\xff\xfe",
        b"refs/heads/main/../main",
        b"refs/heads/main\0",
        b"refs/heads/main^{}",
        b"refs/heads/MAIN",
        b"/refs/heads/main",
        b"",
        &long,
    ];
    server.behave(Behaviour::Body(listed(&names)));
    for reference in [
        Reference::Branch("main".into()),
        Reference::Semver("9.x".into()),
    ] {
        let mut request = request(&server.url());
        request.reference = reference.clone();
        let fetched = net.fetch(&request);
        let (class, message) = fetched.failure();
        assert_eq!(
            class,
            FailureClass::NoSuchReference,
            "{reference:?}: {message}"
        );
        assert!(
            message.is_ascii() && !message.contains('\u{1b}'),
            "{message}"
        );
    }
    for cache in fs::read_dir(&net.cache_dir).unwrap() {
        let name = cache.unwrap().file_name().into_string().unwrap();
        assert!(
            name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{name}"
        );
    }
}

#[test]
fn t09_a_malformed_tree_is_handed_over_as_it_is_and_leads_nowhere() {
    let repository = Repository::with_files(&[("a", "a")]);
    let id = oid_bytes(&repository.git(&["rev-parse", "HEAD:a"]));
    let entry = |mode: &str, name: &[u8]| [mode.as_bytes(), b" ", name, b"\0", &id].concat();
    let trees = [
        entry("100644", b"../../../etc/cron.d/x"),
        entry("100644", b".git"),
        [
            entry("100644", b"b"),
            entry("100644", b"a"),
            entry("100644", b"a"),
        ]
        .concat(),
        entry("177777", b"x"),
        entry("1006440000000000000000000000000", b"x"),
        [entry("100644", b"a"), b"100644 cut".to_vec()].concat(),
        b"not a tree at all".to_vec(),
    ];
    for tree in trees {
        let tree_id = repository.store("tree", &tree);
        let commit = repository.commit_tree(&tree_id);
        let net = Net::start_reading(&[&repository.work]);
        let fetched = net.fetch(&request(&repository.work.display().to_string()));
        assert_eq!(fetched.head(), commit);
        let (_, _, bytes) = fetched
            .objects
            .iter()
            .find(|(_, oid, _)| *oid == tree_id)
            .unwrap();
        assert_eq!(
            *bytes, tree,
            "the agent judges the bytes, not what this process made of them"
        );
    }
}

#[test]
fn t11_hostile_submodules_cause_no_request_and_no_program() {
    let elsewhere = Repository::with_files(&[("a", "a")]);
    let trap = HttpServer::start(elsewhere.root.path());
    let trapped = trap.url();
    for modules in [
        format!("[submodule \"a\"]\n\tpath = a\n\turl = {trapped}\n"),
        format!("[submodule \"a\"]\n\tpath = a\n\turl = {trapped}\n\tupdate = !touch /tmp/owned\n"),
        format!("[submodule \"../..\"]\n\tpath = ../..\n\turl = {trapped}\n"),
        "[submodule \"a\"]\n\tpath = a\n\turl = ext::sh -c touch% /tmp/owned\n".to_owned(),
        format!("[include]\n\tpath = /etc/passwd\n[submodule \"a\"]\n\turl = -u{trapped}\n"),
    ] {
        let repository = Repository::with_files(&[(".gitmodules", &modules)]);
        let link = format!("160000,{},a", elsewhere.git(&["rev-parse", "HEAD"]));
        repository.git(&["update-index", "--add", "--cacheinfo", &link]);
        repository.git(&["commit", "-q", "-m", "link"]);
        repository.push(&["HEAD"]);
        let server = HttpServer::start(repository.root.path());
        let fetched = Net::start().fetch(&request(&server.url()));
        assert_eq!(fetched.oids(), repository.objects_between("HEAD", &[]));
        assert!(trap.take_seen().is_empty(), "{modules}");
    }
    let repository = Repository::with_files(&[("a", "a")]);
    let id = oid_bytes(&repository.store("blob", b"/etc/passwd"));
    let tree = [b"120000 .gitmodules\0".as_slice(), &id].concat();
    let head = repository.commit_tree(&repository.store("tree", &tree));
    repository.push(&["HEAD"]);
    let server = HttpServer::start(repository.root.path());
    assert_eq!(Net::start().fetch(&request(&server.url())).head(), head);
}

fn oid_bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn t07_what_is_planted_in_a_repository_on_the_node_changes_nothing() {
    let repository = Repository::with_files(&[("a", "a")]);
    let head = repository.commit(&[("b", "b")]);
    let parent = repository.git(&["rev-parse", "HEAD^"]);
    let expected = repository.objects_between(&head, &[]);
    let planted = repository.work.join(".git");
    repository.git(&["replace", &head, &parent]);
    fs::create_dir_all(planted.join("info")).unwrap();
    fs::write(planted.join("info/grafts"), format!("{head}\n")).unwrap();
    let config = "[core]\n\tsshCommand = touch /tmp/owned\n\tfsmonitor = touch /tmp/owned\n\thooksPath = /tmp\n\
                  [include]\n\tpath = /etc/passwd\n[uploadpack]\n\tpackObjectsHook = touch /tmp/owned\n";
    fs::write(planted.join("config"), config).unwrap();
    let net = Net::start_reading(&[&repository.work]);
    let wanted = request(&repository.work.display().to_string());
    let fetched = net.fetch(&wanted);
    assert_eq!((fetched.head(), fetched.oids()), (head.as_str(), expected));
    for (file, content, word) in [
        ("objects/info/alternates", "/etc\n".to_owned(), "alternates"),
        ("shallow", format!("{head}\n"), "--unshallow"),
    ] {
        fs::write(planted.join(file), content).unwrap();
        let fetched = net.fetch(&wanted);
        assert_eq!(fetched.failure().0, FailureClass::NotFound);
        assert!(fetched.failure().1.contains(word), "{:?}", fetched.end);
        fs::remove_file(planted.join(file)).unwrap();
    }
}

#[test]
fn t07_a_reference_that_is_a_link_to_another_file_tells_nothing_of_it() {
    let repository = Repository::with_files(&[("a", "a")]);
    let secret = repository.root.path().join("secret");
    fs::write(&secret, "canary-in-a-file\n").unwrap();
    let reference = repository.work.join(".git/refs/heads/main");
    fs::remove_file(&reference).unwrap();
    std::os::unix::fs::symlink(&secret, &reference).unwrap();
    let net = Net::start_reading(&[repository.root.path()]);
    let fetched = net.fetch(&request(&repository.work.display().to_string()));
    assert!(!fetched.failure().1.contains("canary"), "{:?}", fetched.end);
}

#[test]
fn a_repository_with_another_object_format_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    git(
        root.path(),
        &["init", "-q", "-b", "main", "--object-format=sha256", "work"],
    );
    let work = root.path().join("work");
    git(&work, &["commit", "-q", "--allow-empty", "-m", "x"]);
    git(root.path(), &["clone", "-q", "--bare", "work", "fleet.git"]);
    let server = HttpServer::start(root.path());
    let net = Net::start_reading(&[root.path()]);
    let path = work.display().to_string();
    for url in [server.url(), path] {
        let fetched = net.fetch(&request(&url));
        let message = fetched.failure().1;
        assert!(message.contains("SHA-1"), "{url}: {message}");
    }
    server.behave(Behaviour::OldProtocol);
    let fetched = net.fetch(&request(&server.url()));
    assert!(fetched.failure().1.contains("SHA-1"), "{:?}", fetched.end);
}
