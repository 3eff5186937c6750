//! Downloads from a small server that answers whatever a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use windlass_wire::{
    ClientIdentity, Credentials, DownloadRequest, FailureClass, Piece, Proxy, read_piece,
    write_download,
};

use crate::agent::Net;
use crate::http_server::{Behaviour, HttpServer};

type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A server that notes the head of each request, in lower case.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer): (_, Arc<Answer>) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &noted, &*answer));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

pub(crate) fn head_of(stream: &TcpStream) -> Option<String> {
    read_head(&mut BufReader::new(stream))
}

fn read_head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head.to_lowercase())
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, answer: &Answer) {
    let mut reader = BufReader::new(&stream);
    let Some(head) = read_head(&mut reader) else {
        return;
    };
    // A connection that is closed with something unread is reset, and the answer may be lost with it.
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = Vec::new();
    if reader
        .take(length.unwrap_or(0))
        .read_to_end(&mut body)
        .is_err()
    {
        return;
    }
    let answer = answer(&head);
    seen.lock().unwrap().push(head);
    // The other side may have heard enough.
    let _ = stream.write_all(&answer);
}

pub(crate) fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn status(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n").into()
}

pub(crate) fn request(url: &str) -> DownloadRequest {
    DownloadRequest {
        url: url.to_owned(),
        accept: "*/*".to_owned(),
        credentials: Credentials::None,
        ca_bundle: None,
        identity: None,
        proxy: None,
        etag: None,
        byte_limit: 1024 * 1024,
        timeout_seconds: 20,
    }
}

pub(crate) fn with_login(url: &str) -> DownloadRequest {
    DownloadRequest {
        credentials: Credentials::Basic {
            username: "me".to_owned(),
            password: "pass".to_owned().into(),
        },
        ..request(url)
    }
}

/// The tag, the bytes, and how it ended.
fn download(net: &Net, request: &DownloadRequest) -> (Option<String>, Vec<u8>, Piece) {
    let mut stream = net.connect();
    write_download(&mut stream, request).unwrap();
    taken(stream)
}

/// What windlass-net answers: the tag, the bytes, and how it ended.
pub(crate) fn taken(mut stream: impl Read) -> (Option<String>, Vec<u8>, Piece) {
    let (mut tag, mut content) = (None, Vec::new());
    loop {
        match read_piece(&mut stream).expect("windlass-net answers") {
            Piece::Head { etag } => tag = etag,
            Piece::Bytes(bytes) => content.extend(bytes),
            end => return (tag, content, end),
        }
    }
}

#[track_caller]
fn failure(net: &Net, request: &DownloadRequest) -> (FailureClass, String) {
    match download(net, request).2 {
        Piece::Failed { class, message } => (class, message),
        other => panic!("the download fails: {other:?}"),
    }
}

#[test]
fn bytes_come_as_they_are_with_their_tag_and_only_once_while_it_stays() {
    let content: Vec<u8> = (0..600_000_u32).map(|number| number as u8).collect();
    let sent = content.clone();
    let server = Server::start(move |head| match head.contains("if-none-match: \"one\"") {
        true => status("304 Not Modified", ""),
        false => ok("ETag: \"one\"\r\n", &sent),
    });
    let net = Net::start();
    let url = server.url("/charts/index.yaml?a=b");
    let (tag, got, end) = download(&net, &request(&url));
    assert_eq!(end, Piece::Done { bytes: 600_000 });
    assert_eq!((tag.as_deref(), got), (Some("\"one\""), content));
    let head = server.seen().remove(0);
    assert!(
        head.starts_with("get /charts/index.yaml?a=b http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("accept: */*\r\n"), "{head}");
    let known = DownloadRequest {
        etag: tag,
        ..request(&url)
    };
    assert_eq!(download(&net, &known), (None, Vec::new(), Piece::Unchanged));
}

#[test]
fn nothing_larger_than_asked_for_is_read_whether_its_length_is_told_or_not() {
    let told = Server::start(|_| ok("", &[b'a'; 1001]));
    let endless = Server::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        [head.as_bytes(), &[b'a'; 1001]].concat()
    });
    let net = Net::start();
    for server in [told, endless] {
        let most = DownloadRequest {
            byte_limit: 1000,
            ..request(&server.url("/x"))
        };
        let (class, message) = failure(&net, &most);
        assert_eq!(class, FailureClass::Refused);
        assert!(message.ends_with("is larger than 1000 bytes"), "{message}");
        let enough = DownloadRequest {
            byte_limit: 1001,
            ..most
        };
        assert_eq!(download(&net, &enough).2, Piece::Done { bytes: 1001 });
    }
}

#[test]
fn an_answer_that_ends_early_is_a_failure() {
    let server = Server::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n";
        [head.as_bytes(), b"12345"].concat()
    });
    let (class, message) = failure(&Net::start(), &request(&server.url("/x")));
    assert_eq!(class, FailureClass::Unreachable, "{message}");
}

#[test]
fn credentials_follow_a_redirect_on_the_same_host_and_never_to_another() {
    let other = Server::start(|_| ok("", b"there"));
    let to = other.url("/blob");
    let here = Server::start(move |head| match head {
        head if head.starts_with("get /near") => status("302 Found", "Location: ../end/\r\n"),
        head if head.starts_with("get /../end/") => ok("", b"here"),
        _ => status("307 Temporary Redirect", &format!("Location: {to}\r\n")),
    });
    let net = Net::start();
    let login = "authorization: basic bwu6cgfzcw==\r\n";
    let (_, got, _) = download(&net, &with_login(&here.url("/near")));
    assert_eq!(got, b"here");
    assert!(here.seen().iter().all(|head| head.contains(login)));
    let (_, got, _) = download(&net, &with_login(&here.url("/far")));
    assert_eq!(got, b"there");
    assert!(here.seen()[0].contains(login));
    let head = other.seen().remove(0);
    assert!(!head.contains("authorization"), "{head}");
}

#[test]
fn who_wants_credentials_behind_a_redirect_is_named() {
    let other = Server::start(|_| status("401 Unauthorized", ""));
    let to = other.url("/blob");
    let here = Server::start(move |_| status("302 Found", &format!("Location: {to}\r\n")));
    let (class, message) = failure(&Net::start(), &with_login(&here.url("/x")));
    assert_eq!(class, FailureClass::Authentication);
    assert!(message.contains("not sent to another host"), "{message}");
}

#[test]
fn redirects_in_a_circle_and_to_other_schemes_end() {
    let circle = Server::start(|_| status("302 Found", "Location: /again\r\n"));
    let net = Net::start();
    let (class, message) = failure(&net, &request(&circle.url("/x")));
    assert_eq!(class, FailureClass::Protocol);
    assert!(message.contains("more than 5 times"), "{message}");
    for to in ["file:///etc/passwd", "/\u{7f}", "ssh://h/x"] {
        let to = format!("Location: {to}\r\n");
        let server = Server::start(move |_| status("302 Found", &to));
        let (class, _) = failure(&net, &request(&server.url("/x")));
        assert!(matches!(
            class,
            FailureClass::Refused | FailureClass::Protocol
        ));
    }
}

#[test]
fn every_status_has_its_class() {
    let net = Net::start();
    for (line, class) in [
        ("401 Unauthorized", FailureClass::Authentication),
        ("403 Forbidden", FailureClass::Authentication),
        ("404 Not Found", FailureClass::NotFound),
        ("429 Too Many Requests", FailureClass::Unreachable),
        ("503 Unavailable", FailureClass::Unreachable),
        ("304 Not Modified", FailureClass::Protocol),
        ("206 Partial Content", FailureClass::Protocol),
    ] {
        let server = Server::start(move |_| status(line, ""));
        assert_eq!(
            failure(&net, &request(&server.url("/x"))).0,
            class,
            "{line}"
        );
    }
}

#[test]
fn no_other_url_is_downloaded() {
    let net = Net::start();
    for url in [
        "/etc/passwd",
        "file:///etc/passwd",
        "ssh://h/x",
        "ftp://h/x",
        "charts",
        "",
    ] {
        assert_eq!(
            failure(&net, &request(url)).0,
            FailureClass::InvalidUrl,
            "{url}"
        );
    }
}

#[test]
fn a_proxy_is_asked_to_connect_with_its_own_login() {
    let target = Server::start(|_| ok("", b"through"));
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        let head = head_of(&client).unwrap();
        let to = head.split_whitespace().nth(1).unwrap().to_owned();
        let mut server = TcpStream::connect(to).unwrap();
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        let mut question = vec![0; 4096];
        let read = client.read(&mut question).unwrap();
        server.write_all(&question[..read]).unwrap();
        std::io::copy(&mut server, &mut client).unwrap();
        head
    });
    let through = DownloadRequest {
        proxy: Some(Proxy {
            address: format!("http://127.0.0.1:{port}"),
            login: Some(("who".to_owned(), "word".to_owned().into())),
        }),
        ..with_login(&target.url("/x"))
    };
    let (_, got, end) = download(&Net::start(), &through);
    assert_eq!(got, b"through", "{end:?}");
    let head = asked.join().unwrap();
    assert!(head.starts_with("connect 127.0.0.1:"), "{head}");
    assert!(
        head.contains("proxy-authorization: basic d2hvondvcmq=\r\n"),
        "{head}"
    );
    assert!(
        !head.contains("bwu6cgfzcw"),
        "the proxy hears nothing of the other login: {head}"
    );
}

/// A server that wants a certificate of its authority; that authority's certificate, and such a certificate with key.
pub(crate) fn mutual() -> (rustls::ServerConfig, String, ClientIdentity) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::server::WebPkiClientVerifier;
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (server, server_key) = signed("localhost");
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(server_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.der().clone()], private.into())
        .unwrap();
    let (client, client_key) = signed("windlass");
    let identity = ClientIdentity {
        certificate: client.pem(),
        key: client_key.serialize_pem().into(),
    };
    (config, root.pem(), identity)
}

#[test]
fn a_client_certificate_is_shown_to_the_host_that_was_asked() {
    let (config, authority, identity) = mutual();
    let root = tempfile::tempdir().unwrap();
    let server = HttpServer::start_tls(root.path(), config);
    server.behave(Behaviour::Status(200));
    let net = Net::start();
    let known = DownloadRequest {
        ca_bundle: Some(authority),
        identity: Some(identity.clone()),
        ..request(&server.url_at("localhost"))
    };
    assert_eq!(download(&net, &known).2, Piece::Done { bytes: 0 });
    let nobody = DownloadRequest {
        identity: None,
        ..known.clone()
    };
    let (class, message) = failure(&net, &nobody);
    assert_eq!(class, FailureClass::Tls, "{message}");
    let broken = ClientIdentity {
        key: "no key".to_owned().into(),
        ..identity
    };
    let broken = DownloadRequest {
        identity: Some(broken),
        ..known
    };
    let (class, message) = failure(&net, &broken);
    assert_eq!(class, FailureClass::InvalidRequest);
    assert!(message.contains("tls.key"), "{message}");
}
