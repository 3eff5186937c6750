//! Buckets, as small servers play them.

use std::io::Read as _;

use windlass_wire::{BucketAsk, BucketRequest, FailureClass, Piece, read_piece, write_bucket};

use crate::agent::Net;
use crate::download::{Server, ok, request, status, taken, with_login};

fn asking(server: &Server, ask: BucketAsk) -> BucketRequest {
    BucketRequest {
        ask,
        region: None,
        download: with_login(&server.url("/apps")),
    }
}

fn listing(server: &Server) -> BucketRequest {
    asking(server, BucketAsk::List("a b/".to_owned()))
}

fn objects(server: &Server, keys: &[&str]) -> BucketRequest {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    asking(server, BucketAsk::Objects(keys))
}

fn answer(net: &Net, request: &BucketRequest) -> (Option<String>, Vec<u8>, Piece) {
    let mut stream = net.connect();
    write_bucket(&mut stream, request).unwrap();
    taken(stream)
}

#[track_caller]
fn failure(net: &Net, request: &BucketRequest) -> (FailureClass, String) {
    match answer(net, request).2 {
        Piece::Failed { class, message } => (class, message),
        other => panic!("the bucket is refused: {other:?}"),
    }
}

/// A page with these keys, and the token of the next one.
fn page(keys: &[&str], next: Option<&str>) -> Vec<u8> {
    let contents = keys.iter().map(|key| {
        format!("<Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag><Size>1</Size></Contents>")
    });
    let contents: String = contents.collect();
    let more = next.map_or_else(String::new, |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    let truncated = next.is_some();
    let text = format!(
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{more}{contents}\
         </ListBucketResult>"
    );
    ok("", text.as_bytes())
}

fn refusal(line: &str, body: &str) -> Vec<u8> {
    let body = format!("<Error>{body}</Error>");
    let length = body.len();
    format!("HTTP/1.1 {line}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

#[test]
fn a_list_is_asked_for_page_by_page_with_the_prefix_and_comes_as_lines() {
    let server = Server::start(|head| match head.contains("continuation-token=n%2f1%3d") {
        false => page(&["a+b%2F%C3%A4.yaml", "%2e%2e%2fx"], Some("N/1=")),
        true => page(&["z"], None),
    });
    let net = Net::start();
    let (_, lines, end) = answer(&net, &listing(&server));
    let expected = "e a%20b/%C3%A4.yaml\ne ../x\ne z\n";
    assert_eq!(String::from_utf8(lines).unwrap(), expected);
    let bytes = expected.len() as u64;
    assert_eq!(end, Piece::Done { bytes });
    let heads = server.seen();
    assert!(
        heads[0].starts_with(
            "get /apps?encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2f http/1.1"
        ),
        "{heads:?}"
    );
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert!(
            head.contains("authorization: aws4-hmac-sha256 credential=me/"),
            "{head}"
        );
        assert!(!head.contains("pass"), "the secret key stays here: {head}");
    }
    let open = BucketRequest {
        download: request(&server.url("/apps")),
        ..listing(&server)
    };
    assert!(matches!(answer(&net, &open).2, Piece::Done { .. }));
    let heads = server.seen();
    assert!(!heads[0].contains("authorization"), "{heads:?}");
}

#[test]
fn a_list_that_never_ends_is_no_list_or_lies_about_its_tags_is_refused() {
    let endless = Server::start(|_| page(&["x".repeat(900).as_str(); 500], Some("again")));
    let net = Net::start();
    let (class, message) = failure(&net, &listing(&endless));
    assert_eq!(class, FailureClass::Refused, "{message}");
    assert!(endless.seen().len() <= 3);
    let empty = Server::start(|_| page(&[], Some("again")));
    let (class, message) = failure(&net, &listing(&empty));
    assert_eq!(class, FailureClass::Refused, "{message}");

    for body in [
        "<html><body>Welcome</body></html>",
        "",
        "<Error><Code>InternalError</Code></Error>",
        "<ListBucketResult><Contents><Key>a</Key></Contents>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><ETag>e</ETag></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><ETag>e e</ETag></Contents></ListBucketResult>",
    ] {
        let server = Server::start(move |_| ok("", body.as_bytes()));
        let (class, message) = failure(&net, &listing(&server));
        assert_eq!(class, FailureClass::Protocol, "{body}: {message}");
        assert!(message.contains("speaks S3"), "{message}");
    }
    let no_text = Server::start(|_| page(&["%FF"], None));
    assert_eq!(failure(&net, &listing(&no_text)).0, FailureClass::Refused);
}

#[test]
fn objects_come_one_after_the_other_and_one_that_is_gone_is_left_out() {
    let server = Server::start(|head| {
        if head.contains("/gone ") {
            return refusal("404 Not Found", "<Code>NoSuchKey</Code>");
        }
        ok("ETag: \"t1\"\r\n", b"bytes")
    });
    let net = Net::start();
    let mut stream = net.connect();
    write_bucket(&mut stream, &objects(&server, &["gone", "a b/+c"])).unwrap();
    let etag = Some("t1".to_owned());
    let expected = [
        Piece::Missing,
        Piece::Head { etag },
        Piece::Bytes(b"bytes".to_vec()),
        Piece::Done { bytes: 5 },
    ];
    for piece in expected {
        assert_eq!(read_piece(&mut stream).unwrap(), piece);
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "nothing comes after it");
    let heads = server.seen();
    assert!(
        heads[1].starts_with("get /apps/a%20b/%2bc http/1.1"),
        "{heads:?}"
    );

    // The limit holds for all of them.
    let mut two = objects(&server, &["a", "b"]);
    two.download.byte_limit = 9;
    let mut stream = net.connect();
    write_bucket(&mut stream, &two).unwrap();
    let (_, content, end) = taken(&mut stream);
    assert_eq!((content.len(), end), (5, Piece::Done { bytes: 5 }));
    let end = taken(&mut stream).2;
    assert!(
        matches!(
            &end,
            Piece::Failed {
                class: FailureClass::Refused,
                ..
            }
        ),
        "{end:?}"
    );

    let no_bucket = Server::start(|_| refusal("404 Not Found", "<Code>NoSuchBucket</Code>"));
    let (class, _) = failure(&net, &objects(&no_bucket, &["a"]));
    assert_eq!(class, FailureClass::NotFound);
}

#[test]
fn a_server_that_names_its_region_is_asked_once_more_and_no_redirect_is_followed() {
    let body = "<Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>";
    let server = Server::start(move |head| match head.contains("/eu-west-1/s3/") {
        false => refusal("400 Bad Request", body),
        true => page(&["a"], None),
    });
    let net = Net::start();
    assert_eq!(answer(&net, &listing(&server)).1, b"e a\n");
    assert_eq!(server.seen().len(), 2);

    let other = Server::start(|_| page(&["a"], None));
    let location = format!("Location: {}\r\n", other.url("/apps"));
    let moved = Server::start(move |_| status("307 Temporary Redirect", &location));
    let (class, message) = failure(&net, &listing(&moved));
    assert_eq!(class, FailureClass::Protocol, "{message}");
    assert_eq!(other.seen(), Vec::<String>::new());
    let wanders = Server::start(|_| {
        let head = "301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1";
        refusal(head, "<Code>PermanentRedirect</Code>")
    });
    assert_eq!(failure(&net, &listing(&wanders)).0, FailureClass::Protocol);
    assert_eq!(wanders.seen().len(), 2);
}

#[test]
fn what_a_server_says_of_a_refusal_is_told_without_the_key() {
    let net = Net::start();
    let check = |line: &'static str, body: &'static str, class: FailureClass, part: &str| {
        let server = Server::start(move |_| refusal(line, body));
        let (found, message) = failure(&net, &listing(&server));
        assert_eq!(found, class, "{message}");
        assert!(message.contains(part), "{message}");
        assert!(!message.contains("pass"), "{message}");
        assert!(message.chars().count() < 1000, "{message}");
    };
    check(
        "403 Forbidden",
        "<Code>SignatureDoesNotMatch</Code><Message>No\u{1b}[31m</Message>",
        FailureClass::Authentication,
        "check accesskey, secretkey",
    );
    check(
        "403 Forbidden",
        "<Code>RequestTimeTooSkewed</Code>",
        FailureClass::Protocol,
        "correct the clock",
    );
    check(
        "503 Slow Down",
        "<Code>SlowDown</Code>",
        FailureClass::Unreachable,
        "SlowDown",
    );
    check("404 Not Found", "", FailureClass::NotFound, "404");
    let server = Server::start(|_| refusal("403 Forbidden", "<Code>AccessDenied</Code>"));
    let open = BucketRequest {
        download: request(&server.url("/apps")),
        ..listing(&server)
    };
    let (_, message) = failure(&net, &open);
    assert!(message.contains("give the source a secretRef"), "{message}");
}
