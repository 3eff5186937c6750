//! Requests of others, on a socket that is handed over: what is handed on, what is refused, and what slow ones cost.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use windlass_wire::{
    FromNet, Reply, Routes, Taken, ToNet, limits, read_from_net, write_serve, write_to_net,
};

use crate::agent::{Net, send};

/// The agent's side, which replies 200 and keeps what it was handed.
struct Agent {
    stream: UnixStream,
    listener: TcpListener,
}

fn routes(paths: &[&str]) -> Routes {
    let paths = paths.iter().map(|path| (*path).to_owned());
    Routes {
        paths: paths.collect(),
        otherwise: 404,
    }
}

impl Agent {
    fn start(net: &Net, paths: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = net.connect();
        write_serve(&mut stream, &routes(paths)).unwrap();
        assert_eq!(read_from_net(&mut &stream).unwrap(), FromNet::Ready);
        send(&stream, &listener);
        let agent = Self { stream, listener };
        agent
            .stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        agent
    }

    fn next(&self) -> Taken {
        match read_from_net(&mut &self.stream).unwrap() {
            FromNet::Taken(taken) => taken,
            other => panic!("{other:?}"),
        }
    }

    fn reply(&self, id: u64, status: u16, body: &[u8]) {
        let reply = Reply {
            id,
            status,
            content_type: "text/plain".to_owned(),
            body: body.to_vec(),
        };
        write_to_net(&mut &self.stream, &ToNet::Reply(reply)).unwrap();
    }

    fn connect(&self) -> TcpStream {
        let address = self.listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// Sends bytes, and reads the whole answer.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        answer(&mut stream)
    }

    fn is_handed_on(&self, request: &[u8]) -> Taken {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let taken = self.next();
        self.reply(taken.id, 200, b"well");
        let answer = answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.contains("\r\nConnection: close\r\n") && answer.ends_with("\r\n\r\nwell"),
            "{answer}"
        );
        taken
    }
}

fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_for_known_paths_are_handed_on_whole_and_answered() {
    let net = Net::start();
    let agent = Agent::start(&net, &["/hook/a"]);
    let plain =
        b"POST /hook/a HTTP/1.1\r\nHost: x\r\nX-Key: v\xff\r\nContent-Length: 4\r\n\r\nbody";
    let taken = agent.is_handed_on(plain);
    assert_eq!(
        (taken.method.as_str(), taken.path.as_str()),
        ("POST", "/hook/a")
    );
    assert_eq!(taken.header("x-key"), Some(b"v\xff".as_slice()));
    assert_eq!(taken.body, b"body");

    let chunked = b"PUT /hook/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
        2;x=y\r\nbo\r\nA\r\ndy and all\r\n0\r\nTrailer: x\r\n\r\n";
    assert_eq!(agent.is_handed_on(chunked).body, b"body and all");
    let none = agent.is_handed_on(b"GET /hook/a HTTP/1.0\n\n");
    assert_eq!((none.method.as_str(), none.body.len()), ("GET", 0));

    // One that waits for a word before it sends what is large.
    let mut waiting = agent.connect();
    let head = "POST /hook/a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3145728\r\n\r\n";
    waiting.write_all(head.as_bytes()).unwrap();
    let mut word = [0; 25];
    waiting.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    waiting.write_all(&vec![b'x'; limits::TAKEN_BYTES]).unwrap();
    let taken = agent.next();
    assert_eq!(taken.body.len(), limits::TAKEN_BYTES);
    agent.reply(taken.id, 500, b"");
    assert!(answer(&mut waiting).starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
}

#[test]
fn what_is_unknown_too_large_or_no_request_reaches_nobody() {
    let net = Net::start();
    let agent = Agent::start(&net, &["/hook/a"]);
    let long = format!(
        "GET /hook/a HTTP/1.1\r\nX: {}\r\n\r\n",
        "a".repeat(17 * 1024)
    );
    let many = format!("GET /hook/a HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65));
    let chunks = "POST /hook/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let huge = format!("{chunks}FFFFFFFFFFFF\r\n");
    let wrong = format!("{chunks}zz\r\n");
    for (request, status) in [
        (
            "POST /hook/b HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
            404,
        ),
        ("POST /hook/a?x HTTP/1.1\r\n\r\n", 404),
        (
            "POST /hook/a HTTP/1.1\r\nContent-Length: 3145729\r\n\r\n",
            413,
        ),
        // Four gigabytes.
        (
            "POST /hook/a HTTP/1.1\r\nContent-Length: 4294967296\r\n\r\n",
            413,
        ),
        ("nothing\r\n\r\n", 400),
        (
            "POST /hook/a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nbody",
            400,
        ),
        (long.as_str(), 431),
        (many.as_str(), 431),
        (huge.as_str(), 413),
        (wrong.as_str(), 400),
    ] {
        let answer = agent.ask(request.as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request} {answer}"
        );
    }
    // Other routes count from now on.
    write_to_net(&mut &agent.stream, &ToNet::Routes(routes(&["/hook/b"]))).unwrap();
    std::thread::scope(|scope| {
        let until_known = scope.spawn(|| {
            let answers = (0..1000).map(|_| agent.ask(b"GET /hook/b HTTP/1.1\r\n\r\n"));
            let mut known = answers.skip_while(|answer| answer.starts_with("HTTP/1.1 404 "));
            known.next()
        });
        let taken = agent.next();
        assert_eq!(taken.path, "/hook/b");
        agent.reply(taken.id, 200, b"");
        let known = until_known.join().unwrap().unwrap();
        assert!(known.starts_with("HTTP/1.1 200 "), "{known}");
    });
    let gone = agent.ask(b"GET /hook/a HTTP/1.1\r\n\r\n");
    assert!(gone.starts_with("HTTP/1.1 404 "), "{gone}");
}

#[test]
fn one_path_is_asked_for_ten_times_a_second_on_and_on_and_no_more() {
    let net = Net::start();
    let agent = Agent::start(&net, &["/hook/a"]);
    let mut busy = 0;
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let begun = Instant::now();
            let answers = (0..60).map(|_| agent.ask(b"GET /hook/a HTTP/1.1\r\n\r\n"));
            let busy = answers
                .filter(|answer| answer.starts_with("HTTP/1.1 429 "))
                .count();
            (busy, begun.elapsed())
        });
        while !asking.is_finished() {
            agent
                .stream
                .set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            if let Ok(FromNet::Taken(taken)) = read_from_net(&mut &agent.stream) {
                agent.reply(taken.id, 200, b"");
            }
        }
        let (refused, took) = asking.join().unwrap();
        let most = 21 + (took.as_secs_f64() * 10.0) as usize;
        assert!(60 - refused <= most, "{refused} of 60 refused in {took:?}");
        busy = refused;
    });
    assert!(busy > 0);
}

#[test]
fn with_nobody_connected_the_socket_is_given_back_and_who_comes_then_waits_for_the_next_session() {
    let net = Net::start();
    let agent = Agent::start(&net, &["/hook/a"]);
    agent.is_handed_on(b"GET /hook/a HTTP/1.1\r\n\r\n");
    assert!(matches!(
        read_from_net(&mut &agent.stream),
        Err(windlass_wire::WireError::Closed)
    ));
    let mut early = agent.connect();
    early.write_all(b"GET /hook/a HTTP/1.1\r\n\r\n").unwrap();
    let mut stream = net.connect();
    write_serve(&mut stream, &routes(&["/hook/a"])).unwrap();
    assert_eq!(read_from_net(&mut &stream).unwrap(), FromNet::Ready);
    send(&stream, &agent.listener);
    let again = Agent {
        stream,
        listener: agent.listener,
    };
    let taken = again.next();
    again.reply(taken.id, 200, b"");
    assert!(answer(&mut early).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_socket_that_does_not_listen_is_not_taken() {
    let net = Net::start();
    let mut stream = net.connect();
    write_serve(&mut stream, &routes(&[])).unwrap();
    assert_eq!(read_from_net(&mut &stream).unwrap(), FromNet::Ready);
    let other = UnixStream::pair().unwrap().0;
    send(&stream, &other);
    assert!(read_from_net(&mut &stream).is_err());
}

#[test]
fn slow_strangers_make_room_for_others() {
    let net = Net::start();
    let agent = Agent::start(&net, &["/hook/a"]);
    let slow: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut stream = agent.connect();
            stream.write_all(b"POST /hook/a HTTP/1.1\r\nX: ").unwrap();
            stream
        })
        .collect();
    // The one who knows what to say is served although so many are there.
    let begun = Instant::now();
    agent.is_handed_on(b"GET /hook/a HTTP/1.1\r\n\r\n");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let left = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        matches!((&mut &*stream).read(&mut [0; 1]), Ok(0)) || {
            stream.set_nonblocking(false).unwrap();
            false
        }
    };
    let closed = slow.iter().filter(|stream| left(stream)).count();
    assert!((144..=160).contains(&closed), "{closed} of 400 were closed");
}
