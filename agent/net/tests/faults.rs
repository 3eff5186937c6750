//! Servers that misbehave, caches that rot, and many requests at once.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use windlass_wire::{Answer, FailureClass};

use crate::agent::{Net, request};
use crate::git::Repository;
use crate::http_server::{Behaviour, HttpServer};

/// Content that hardly compresses, so that the pack has a size worth cutting.
pub fn noise(length: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state >> 58) as u8)
    };
    (0..length).map(|_| next()).collect()
}

pub fn fleet() -> (Repository, HttpServer, Net) {
    let noise = noise(60_000);
    let repository = Repository::with_files(&[("a", noise.as_str()), ("b", "b")]);
    let server = HttpServer::start(repository.root.path());
    (repository, server, Net::start())
}

/// Nothing of a failed fetch stays: no pack, no half-written object.
#[track_caller]
pub fn assert_cache_is_small(net: &Net) {
    let mut size = 0;
    for cache in fs::read_dir(&net.cache_dir).unwrap() {
        for file in fs::read_dir(cache.unwrap().path()).unwrap() {
            size += file.unwrap().metadata().unwrap().len();
        }
    }
    assert!(size < 64 * 1024, "{size}");
}

#[test]
fn t13_a_dripping_server_runs_into_the_timeout() {
    let (_repository, server, net) = fleet();
    server.behave(Behaviour::Drip);
    let mut request = request(&server.url());
    request.timeout_seconds = 2;
    let started = Instant::now();
    let fetched = net.fetch(&request);
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Timeout, "{message}");
    assert!(message.contains("2 s"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_cache_is_small(&net);
}

#[test]
fn t13_a_silent_server_runs_into_the_timeout() {
    let (_repository, server, net) = fleet();
    server.behave(Behaviour::Silent);
    let mut request = request(&server.url());
    request.timeout_seconds = 1;
    assert_eq!(net.fetch(&request).failure().0, FailureClass::Timeout);
}

#[test]
fn t13_a_pack_that_is_cut_off_leaves_nothing_and_is_fetched_again() {
    let (_repository, server, net) = fleet();
    for after in [0, 20, 150, 200, 300, 1000, 10_000, 30_000] {
        server.behave(Behaviour::Reset(after));
        let fetched = net.fetch(&request(&server.url()));
        let (class, message) = fetched.failure();
        assert_eq!(class, FailureClass::Unreachable, "{after}: {message}");
        assert!(
            fetched.objects.is_empty(),
            "nothing of half a pack is handed out"
        );
        assert_cache_is_small(&net);
    }
    server.behave(Behaviour::Normal);
    net.fetch(&request(&server.url())).head();
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let net = Net::start();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let fetched = net.fetch(&request(&format!("http://127.0.0.1:{port}/fleet.git")));
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Unreachable);
    assert!(message.contains("refuses connections"), "{message}");
}

#[test]
fn statuses_become_classes() {
    let (_repository, server, net) = fleet();
    for (status, expected) in [
        (401, FailureClass::Authentication),
        (403, FailureClass::Authentication),
        (404, FailureClass::NotFound),
        (418, FailureClass::Protocol),
        (429, FailureClass::Unreachable),
        (500, FailureClass::Unreachable),
        (503, FailureClass::Unreachable),
    ] {
        server.behave(Behaviour::Status(status));
        assert_eq!(
            net.fetch(&request(&server.url())).failure().0,
            expected,
            "{status}"
        );
    }
    server.behave(Behaviour::Status(200));
    let fetched = net.fetch(&request(&server.url()));
    assert_eq!(
        fetched.failure().0,
        FailureClass::Protocol,
        "no Git content type"
    );
}

#[test]
fn a_header_without_an_end_is_refused() {
    let (_repository, server, net) = fleet();
    server.behave(Behaviour::EndlessHeader);
    let fetched = net.fetch(&request(&server.url()));
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::Protocol, "{message}");
    assert!(message.contains("too many headers"), "{message}");
}

#[test]
fn garbage_instead_of_an_answer_is_a_protocol_failure() {
    let (_repository, server, net) = fleet();
    for body in [
        b"hello".as_slice(),
        b"0000",
        b"0001",
        b"zzzz",
        b"fff",
        b"0009ERR x",
        b"ffffabc",
        b"003dXXXX refs/heads/main peeled:00000000000000000000000000000\n0000",
        b"000dpackfile\n",
        b"",
    ] {
        server.behave(Behaviour::Body(body.to_vec()));
        let fetched = net.fetch(&request(&server.url()));
        let class = fetched.failure().0;
        assert!(
            matches!(
                class,
                FailureClass::Protocol | FailureClass::NoSuchReference | FailureClass::Unreachable
            ),
            "{body:?}: {class}"
        );
    }
}

#[test]
fn t14_a_rotten_cache_is_noticed_and_fetched_again() {
    let (repository, server, net) = fleet();
    let complete = net.fetch(&request(&server.url())).oids();
    let file = net.only_cache().join("objects.sqlite");
    let intact = fs::read(&file).unwrap();
    // Every part of the file in turn: header, schema, index, content.
    for position in (0..intact.len() as u64).step_by(intact.len() / 40) {
        let mut rotten = intact.clone();
        let end = (position as usize + 64).min(rotten.len());
        rotten[position as usize..end]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x5a);
        fs::write(&file, &rotten).unwrap();
        let fetched = net.fetch(&request(&server.url()));
        assert_eq!(fetched.oids(), complete, "at {position}: {:?}", fetched.end);
    }
    for damage in [b"not a database at all".as_slice(), b""] {
        fs::write(&file, damage).unwrap();
        assert_eq!(net.fetch(&request(&server.url())).oids(), complete);
    }
    fs::write(&file, &intact).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(8192)
        .unwrap();
    assert_eq!(net.fetch(&request(&server.url())).oids(), complete);
    // The journal of a process that was killed, with nothing sensible in it.
    let journal = net.only_cache().join("objects.sqlite-journal");
    fs::File::create(&journal)
        .unwrap()
        .write_all_at(&[0x5a; 1024], 0)
        .unwrap();
    assert_eq!(net.fetch(&request(&server.url())).oids(), complete);
    let new = repository.commit(&[("c", "c")]);
    assert_eq!(net.fetch(&request(&server.url())).head(), new);
}

#[test]
fn t14_a_cache_that_lost_the_base_of_a_delta_is_fetched_again() {
    let (repository, server, net) = fleet();
    let first = net.fetch(&request(&server.url()));
    let lost = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let connection = rusqlite::Connection::open(net.only_cache().join("objects.sqlite")).unwrap();
    let sql = format!("DELETE FROM object WHERE oid = x'{lost}'");
    assert_eq!(connection.execute(&sql, []).unwrap(), 1);
    drop(connection);
    let new = repository.commit(&[("b", "changed")]);
    let mut next = request(&server.url());
    next.have = vec![first.head().to_owned()];
    let fetched = net.fetch(&next);
    assert_eq!(
        fetched.oids(),
        repository.objects_between(&new, &[first.head()])
    );
    fetched.assert_order();
}

#[test]
fn t07_what_root_plants_in_the_cache_directory_changes_nothing() {
    let (_repository, server, net) = fleet();
    let complete = net.fetch(&request(&server.url())).oids();
    let cache = net.only_cache();
    fs::create_dir_all(cache.join("objects/info")).unwrap();
    fs::write(cache.join("objects/info/alternates"), "/etc\n").unwrap();
    fs::write(cache.join("shallow"), "0".repeat(40)).unwrap();
    fs::write(cache.join("protocol"), "version 9\n".repeat(1000)).unwrap();
    assert_eq!(net.fetch(&request(&server.url())).oids(), complete);
}

#[test]
fn many_requests_for_one_url_and_for_several_are_all_answered() {
    let (repository, server, net) = fleet();
    let expected = repository.objects_between("HEAD", &[]);
    let urls = [
        server.url(),
        server.url_at("localhost"),
        format!("{}/", server.url()),
    ];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|index| {
                let (net, url) = (&net, &urls[index % urls.len()]);
                scope.spawn(move || net.fetch(&request(url)).oids())
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
    let packs = server
        .take_seen()
        .iter()
        .filter(|seen| seen.body.windows(5).any(|window| window == b"want "))
        .count();
    assert_eq!(packs, 2, "one pack for each of the two hosts");
}

#[test]
fn an_agent_that_hangs_up_costs_nothing_but_its_thread() {
    let (_repository, server, net) = fleet();
    for _ in 0..40 {
        let mut stream = net.connect();
        windlass_wire::write_request(&mut stream, &request(&server.url())).unwrap();
        drop(stream);
        drop(net.connect());
    }
    net.fetch(&request(&server.url())).head();
}

#[test]
fn a_request_that_cannot_be_read_is_answered() {
    use std::io::Write as _;
    let net = Net::start();
    let mut stream = net.connect();
    stream.write_all(&[0, 0, 0, 2, 9, 9]).unwrap();
    let answer = windlass_wire::read_answer(&mut stream).unwrap();
    assert!(
        matches!(
            &answer,
            Answer::Failed {
                class: FailureClass::InvalidRequest,
                ..
            }
        ),
        "{answer:?}"
    );
}

#[test]
fn an_idle_process_ends() {
    let root = tempfile::tempdir().unwrap();
    let socket = root.path().join("net.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let settings = windlass_net::Settings {
        cache_dir: root.path().join("cache"),
        idle_exit: Some(Duration::from_millis(300)),
    };
    let started = Instant::now();
    windlass_net::serve(listener, settings).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));
}
