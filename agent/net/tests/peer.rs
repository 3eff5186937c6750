//! Two nodes: what one has arrives at the other as it was sent, and strangers and liars get nowhere.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use windlass_wire::{
    AdmitRequest, Answer, CopyRequest, FailureClass, Known, PeerQuestion, Secret, WireError,
    read_answer, read_question, write_admit, write_answer, write_copy,
};

use crate::agent::{Net, send};

/// A node's key: private and public half, in hex.
struct Key(String, String);

fn key(byte: u8) -> Key {
    let seed = [byte; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    Key(hex::encode(seed), hex::encode(pair.public_key()))
}

fn question() -> PeerQuestion {
    PeerQuestion {
        line: "ab".repeat(32),
        have: vec!["1".repeat(40)],
        known: Some(Known {
            reference_name: "refs/heads/main".to_owned(),
            target: "1".repeat(40),
        }),
    }
}

/// Serves one connection with these answers; gives the question that came, if one did.
fn serve(
    listener: TcpListener,
    identity: &Key,
    peers: &[&Key],
    answers: impl FnOnce(&mut UnixStream) + Send + 'static,
) -> JoinHandle<Option<PeerQuestion>> {
    let request = AdmitRequest {
        identity: Secret::from(identity.0.clone()),
        peers: peers.iter().map(|key| key.1.clone()).collect(),
    };
    std::thread::spawn(move || {
        let net = Net::start();
        let (connection, _) = listener.accept().unwrap();
        let mut stream = net.connect();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        write_admit(&mut stream, &request).unwrap();
        assert_eq!(read_answer(&mut &stream).unwrap(), Answer::Ready);
        send(&stream, &connection);
        drop(connection);
        match read_question(&mut &stream) {
            Ok(question) => {
                answers(&mut stream);
                Some(question)
            }
            Err(WireError::Closed | WireError::Io(_)) => None,
            Err(error) => panic!("{error}"),
        }
    })
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Asks a node; gives everything up to the end.
fn copy(address: &str, identity: &Key, peer: &Key, seconds: u64) -> Vec<Answer> {
    let net = Net::start();
    let mut stream = net.connect();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let request = CopyRequest {
        address: address.to_owned(),
        identity: Secret::from(identity.0.clone()),
        peer: peer.1.clone(),
        question: question(),
        timeout_seconds: seconds,
    };
    write_copy(&mut stream, &request).unwrap();
    let mut answers = Vec::new();
    loop {
        let answer = read_answer(&mut &stream).unwrap();
        let is_final = answer.is_final();
        answers.push(answer);
        if is_final {
            return answers;
        }
    }
}

fn asked() -> Answer {
    Answer::Asked {
        seconds_ago: Some(3),
        shown: true,
    }
}

fn head() -> Answer {
    Answer::Head {
        oid: "2".repeat(40),
        reference_name: "refs/heads/main".to_owned(),
        target: "2".repeat(40),
    }
}

fn blob(bytes: usize) -> Answer {
    Answer::Object {
        kind: 3,
        oid: [7; 20],
        bytes: vec![5; bytes],
    }
}

fn failure(answers: &[Answer]) -> (FailureClass, String) {
    match answers.last() {
        Some(Answer::Failed { class, message }) => (*class, message.clone()),
        end => panic!("{end:?}"),
    }
}

#[test]
fn what_a_node_has_arrives_as_it_was_sent() {
    let (one, two) = (key(1), key(2));
    let (listener, address) = listen();
    let done = Answer::Done {
        objects: 2,
        wire_bytes: 0,
    };
    let all = vec![asked(), head(), blob(3), blob(300_000), done];
    let sent = all.clone();
    let serving = serve(listener, &one, &[&key(9), &two], move |agent| {
        for answer in &sent {
            write_answer(agent, answer).unwrap();
        }
    });
    assert!(copy(&address, &two, &one, 30) == all);
    assert_eq!(serving.join().unwrap(), Some(question()));
}

#[test]
fn whoever_proves_no_known_key_gets_nothing_and_asks_nobody() {
    let (one, two, stranger) = (key(1), key(2), key(3));
    let (listener, address) = listen();
    let serving = serve(listener, &one, &[&two], |_| {
        panic!("a stranger was answered")
    });
    let (class, _) = failure(&copy(&address, &stranger, &one, 30));
    assert_eq!(class, FailureClass::Unreachable);
    assert_eq!(serving.join().unwrap(), None);

    // The other way about: who answers is not who was meant.
    let (listener, address) = listen();
    let serving = serve(listener, &stranger, &[&two], |_| panic!("it was asked"));
    failure(&copy(&address, &two, &one, 30));
    assert_eq!(serving.join().unwrap(), None);

    // No TLS at all, and a connection on which nothing comes.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b""] {
        let (listener, address) = listen();
        let begun = Instant::now();
        let serving = serve(listener, &one, &[&two], |_| {
            panic!("a stranger was answered")
        });
        let mut connection = TcpStream::connect(&address).unwrap();
        connection.write_all(bytes).unwrap();
        assert_eq!(serving.join().unwrap(), None);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn a_node_that_says_something_else_or_goes_on_for_ever_is_cut_off() {
    let (one, two) = (key(1), key(2));
    let told = |answers: Vec<Answer>| {
        let (listener, address) = listen();
        let serving = serve(listener, &key(1), &[&key(2)], move |agent| {
            // The other side may have left.
            answers
                .iter()
                .all(|answer| write_answer(agent, answer).is_ok());
        });
        let answers = copy(&address, &key(2), &key(1), 30);
        serving.join().unwrap();
        failure(&answers)
    };
    let (_, message) = told(vec![asked(), Answer::Base { oid: [1; 20] }]);
    assert!(message.contains("as a node does"), "{message}");
    let (_, message) = told(vec![asked(), head(), blob(10)]);
    assert!(message.contains("127.0.0.1"), "it ended early: {message}");

    let (listener, address) = listen();
    let serving = serve(listener, &one, &[&two], |agent| {
        // One object after the other, without an end.
        while write_answer(agent, &blob(10_000)).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let begun = Instant::now();
    failure(&copy(&address, &two, &one, 2));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    serving.join().unwrap();
}
