//! Requests that tell somebody something, at real servers: plain, behind TLS, behind a proxy, and at ones that refuse.

use std::sync::{Arc, Mutex};

use windlass_wire::{
    ClientIdentity, FailureClass, Piece, PostExpected, PostMethod, PostRequest, Proxy, read_piece,
    write_post,
};

use crate::agent::Net;
use crate::download::{Server, mutual, ok, status};
use crate::http_server::{Behaviour, HttpServer};

fn request(url: &str) -> PostRequest {
    PostRequest {
        method: PostMethod::Post,
        url: url.to_owned().into(),
        headers: vec![
            (
                "Content-Type".to_owned(),
                "application/json".to_owned().into(),
            ),
            (
                "Authorization".to_owned(),
                "Bearer hunter2secret\n".to_owned().into(),
            ),
        ],
        body: br#"{"message":"hello"}"#.to_vec(),
        expected: PostExpected::Success,
        ca_bundle: None,
        identity: None,
        proxy: None,
        timeout_seconds: 20,
    }
}

fn post(net: &Net, request: &PostRequest) -> Piece {
    let mut stream = net.connect();
    write_post(&mut stream, request).unwrap();
    read_piece(&mut stream).expect("windlass-net answers")
}

#[track_caller]
fn failure(net: &Net, request: &PostRequest) -> (FailureClass, String) {
    match post(net, request) {
        Piece::Failed { class, message } => {
            assert!(!message.contains("hunter2"), "{message}");
            (class, message)
        }
        other => panic!("the request is not taken: {other:?}"),
    }
}

const TAKEN: Piece = Piece::Done { bytes: 0 };

#[test]
fn method_path_headers_and_body_arrive_as_they_are() {
    let server = HttpServer::start(std::path::Path::new("/"));
    let net = Net::start();
    // Whatever the server makes of it, it has seen it.
    let url = format!("http://127.0.0.1:{}/services/T0/B0/?key=value", server.port);
    post(&net, &request(&url));
    let put = PostRequest {
        method: PostMethod::Put,
        body: "ü\r\n".as_bytes().to_vec(),
        ..request(&url)
    };
    post(&net, &put);
    let seen = server.take_seen();
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].target, "/services/T0/B0/?key=value");
    assert_eq!(
        seen[0].authorization.as_deref(),
        Some("Bearer hunter2secret")
    );
    assert_eq!(seen[0].body, br#"{"message":"hello"}"#);
    assert_eq!(
        (seen[1].method.as_str(), seen[1].body.as_slice()),
        ("PUT", "ü\r\n".as_bytes())
    );
}

#[test]
fn every_status_of_success_is_one_and_others_say_what_to_do() {
    let answer = Arc::new(Mutex::new(String::new()));
    let given = Arc::clone(&answer);
    let server = Server::start(move |_| {
        status(
            &given.lock().unwrap(),
            "Location: http://127.0.0.1/evil\r\n",
        )
    });
    let net = Net::start();
    let sent = request(&server.url("/hunter2"));
    for good in ["200 OK", "201 Created", "202 Accepted", "204 No Content"] {
        *answer.lock().unwrap() = good.to_owned();
        assert_eq!(post(&net, &sent), TAKEN, "{good}");
    }
    for (bad, class, advice) in [
        (
            "401 Unauthorized",
            FailureClass::Authentication,
            "check the Secret",
        ),
        (
            "403 Forbidden",
            FailureClass::Authentication,
            "check the Secret",
        ),
        ("404 Not Found", FailureClass::NotFound, "address"),
        (
            "429 Too Many Requests",
            FailureClass::Unreachable,
            "tried again",
        ),
        (
            "503 Service Unavailable",
            FailureClass::Unreachable,
            "tried again",
        ),
        (
            "400 Bad Request",
            FailureClass::Protocol,
            "check the Provider",
        ),
        (
            "307 Temporary Redirect",
            FailureClass::Refused,
            "not followed",
        ),
        ("302 Found", FailureClass::Refused, "not followed"),
    ] {
        *answer.lock().unwrap() = bad.to_owned();
        let (found, message) = failure(&net, &sent);
        assert!(
            found == class && message.contains(advice),
            "{bad}: {found:?} {message}"
        );
        assert!(
            message.contains(&format!("127.0.0.1:{}", server.port)),
            "{message}"
        );
    }
    // One request each: no redirect was followed.
    assert_eq!(server.seen().len(), 12);
}

#[test]
fn an_api_that_answers_200_to_what_it_refuses_is_understood() {
    let answer = Arc::new(Mutex::new(Vec::new()));
    let given = Arc::clone(&answer);
    let server = Server::start(move |_| ok("", &given.lock().unwrap()));
    let net = Net::start();
    let sent = PostRequest {
        expected: PostExpected::Ok,
        ..request(&server.url("/api/chat.postMessage"))
    };
    *answer.lock().unwrap() = br#"{"ok":true}"#.to_vec();
    assert_eq!(post(&net, &sent), TAKEN);
    for bad in [
        r#"{"ok":false,"error":"channel_not_found"}"#,
        "{}",
        "ok",
        "",
        r#"{"ok":"true"}"#,
    ] {
        *answer.lock().unwrap() = bad.as_bytes().to_vec();
        let (class, message) = failure(&net, &sent);
        assert_eq!(class, FailureClass::Protocol, "{message}");
        assert!(message.contains("refuses the request"), "{message}");
        assert!(
            !bad.contains("channel") || message.contains("channel_not_found"),
            "{message}"
        );
    }
}

#[test]
fn what_a_server_repeats_of_a_secret_is_not_told() {
    let server = Server::start(|_| {
        let body = "no such hook /hooks/hunter2hook for hunter2secret";
        let length = body.len();
        format!("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").into()
    });
    let (_, message) = failure(
        &Net::start(),
        &request(&server.url("/hooks/hunter2hook?a=hunter2query")),
    );
    assert!(
        message.contains("no such hook /hooks/*** for ***"),
        "{message}"
    );
}

#[test]
fn an_address_that_is_none_and_a_server_that_is_not_there_are_told_without_the_path() {
    let net = Net::start();
    for bad in [
        "hunter2",
        "ssh://hunter2@h/x",
        "/hunter2",
        "https://h/hunter2\n",
        "",
    ] {
        let (class, message) = failure(&net, &request(bad));
        assert_eq!(class, FailureClass::InvalidUrl, "{bad}: {message}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (class, message) = failure(&net, &request(&format!("http://127.0.0.1:{port}/hunter2")));
    assert_eq!(class, FailureClass::Unreachable, "{message}");
    let mut header = request("http://127.0.0.1/");
    header.headers = vec![("X-Key".to_owned(), "hunter2\nX: y".to_owned().into())];
    assert_eq!(failure(&net, &header).0, FailureClass::InvalidRequest);
}

#[test]
fn a_server_that_never_answers_ends_with_the_time_of_the_provider() {
    let silent = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_secs(20));
        Vec::new()
    });
    let impatient = PostRequest {
        timeout_seconds: 1,
        ..request(&silent.url("/hunter2"))
    };
    let (class, message) = failure(&Net::start(), &impatient);
    assert_eq!(class, FailureClass::Timeout, "{message}");
    assert!(
        message.contains("spec.timeout of the Provider"),
        "{message}"
    );
}

#[test]
fn a_proxy_is_asked_for_the_host_and_sees_no_secret() {
    let proxy = Server::start(|_| status("502 Bad Gateway", ""));
    let net = Net::start();
    let through = PostRequest {
        proxy: Some(Proxy {
            address: proxy.url(""),
            login: Some(("me".to_owned(), "hunter2".to_owned().into())),
        }),
        ..request("https://hooks.test/hunter2")
    };
    failure(&net, &through);
    let head = proxy.seen().remove(0);
    assert!(head.starts_with("connect hooks.test:443 "), "{head}");
    assert!(!head.contains("hunter2"), "{head}");
}

#[test]
fn an_own_authority_and_a_client_certificate_are_used() {
    let (config, authority, identity) = mutual();
    let server = HttpServer::start_tls(std::path::Path::new("/"), config);
    server.behave(Behaviour::Status(202));
    let net = Net::start();
    let known = PostRequest {
        ca_bundle: Some(authority),
        identity: Some(identity),
        ..request(&server.url_at("localhost"))
    };
    assert_eq!(post(&net, &known), TAKEN);
    let nobody = PostRequest {
        identity: None::<ClientIdentity>,
        ..known.clone()
    };
    // In TLS 1.3 the server refuses after the client has begun to send: it may see the alert, or the end.
    let (class, message) = failure(&net, &nobody);
    let refused = matches!(class, FailureClass::Tls | FailureClass::Unreachable);
    assert!(refused, "{class:?} {message}");
    let stranger = PostRequest {
        ca_bundle: None,
        ..known
    };
    let (class, message) = failure(&net, &stranger);
    assert_eq!(class, FailureClass::Tls, "{message}");
    assert!(message.contains("ca.crt"), "{message}");
}
