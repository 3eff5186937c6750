//! Registries, as small servers play them.

use windlass_wire::{
    Credentials, DownloadRequest, FailureClass, Piece, RegistryAsk, RegistryRequest, write_registry,
};

use crate::agent::Net;
use crate::download::{Server, ok, request, status, taken, with_login};

const DIGEST: &str = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

fn at(server: &Server) -> String {
    format!("oci://127.0.0.1:{}/charts/web", server.port)
}

fn asking(url: &str, ask: RegistryAsk) -> RegistryRequest {
    RegistryRequest {
        ask,
        insecure: true,
        download: request(url),
    }
}

fn manifest(url: &str, reference: &str) -> RegistryRequest {
    asking(url, RegistryAsk::Manifest(reference.to_owned()))
}

fn with_password(asked: RegistryRequest) -> RegistryRequest {
    let download = with_login(&asked.download.url);
    RegistryRequest { download, ..asked }
}

fn answer(net: &Net, request: &RegistryRequest) -> (Option<String>, Vec<u8>, Piece) {
    let mut stream = net.connect();
    write_registry(&mut stream, request).unwrap();
    taken(stream)
}

#[track_caller]
fn failure(net: &Net, request: &RegistryRequest) -> (FailureClass, String) {
    match answer(net, request).2 {
        Piece::Failed { class, message } => (class, message),
        other => panic!("the registry is refused: {other:?}"),
    }
}

/// The words that prove who asks.
const LOGIN: &str = "authorization: basic bwu6cgfzcw==\r\n";

#[test]
fn a_token_is_asked_for_where_the_registry_says_and_shown_to_the_registry_alone() {
    let tokens = Server::start(|_| ok("", br#"{"token":"abc"}"#));
    let store = Server::start(|_| ok("", b"bytes"));
    let challenge = format!(
        "WWW-Authenticate: Bearer realm=\"{}\",service=\"the registry\"\r\n",
        tokens.url("/token?a=b")
    );
    let moved = format!("Location: {}\r\n", store.url("/elsewhere"));
    let registry =
        Server::start(
            move |head| match head.contains("authorization: bearer abc\r\n") {
                false => status("401 Unauthorized", &challenge),
                true => status("307 Temporary Redirect", &moved),
            },
        );
    let net = Net::start();
    let blob = with_password(asking(&at(&registry), RegistryAsk::Blob(DIGEST.to_owned())));
    let (_, content, end) = answer(&net, &blob);
    assert_eq!(
        (content.as_slice(), end),
        (&b"bytes"[..], Piece::Done { bytes: 5 })
    );
    let asked = tokens.seen().remove(0);
    let target =
        "get /token?a=b&service=the%20registry&scope=repository%3acharts%2fweb%3apull http/1.1";
    assert!(
        asked.starts_with(target) && asked.contains(LOGIN),
        "{asked}"
    );
    let heads = registry.seen();
    assert!(
        heads[0].starts_with(&format!("get /v2/charts/web/blobs/{DIGEST} ")),
        "{heads:?}"
    );
    assert!(
        !heads.iter().any(|head| head.contains("basic")),
        "{heads:?}"
    );
    assert!(
        !store.seen()[0].contains("authorization"),
        "nobody else sees the token"
    );
}

#[test]
fn a_registry_that_wants_a_password_gets_it_after_it_asked_and_nothing_else_after_that() {
    let registry = Server::start(|head| match head.contains(LOGIN) {
        true => ok("", b"{}"),
        false => status(
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"x\"\r\n",
        ),
    });
    let net = Net::start();
    let asked = manifest(&at(&registry), "1.0.0");
    assert_eq!(answer(&net, &with_password(asked.clone())).1, b"{}");
    let heads = registry.seen();
    assert!(!heads[0].contains("authorization"), "{heads:?}");
    let (class, message) = failure(&net, &asked);
    assert_eq!(class, FailureClass::Authentication);
    assert!(message.contains("secretRef"), "{message}");
    let wrong = Credentials::Bearer("other".to_owned().into());
    let download = DownloadRequest {
        credentials: wrong,
        ..asked.download.clone()
    };
    let (class, message) = failure(&net, &RegistryRequest { download, ..asked });
    assert_eq!(class, FailureClass::Authentication);
    assert!(message.contains("refuses the credentials"), "{message}");
}

#[test]
fn who_gives_no_token_is_named() {
    let net = Net::start();
    for (line, body, class) in [
        ("401 Unauthorized", "", FailureClass::Authentication),
        ("200 OK", "{}", FailureClass::Protocol),
        ("200 OK", "no json", FailureClass::Protocol),
        ("503 Unavailable", "", FailureClass::Unreachable),
    ] {
        let tokens = Server::start(move |_| match body {
            "" => status(line, ""),
            body => ok("", body.as_bytes()),
        });
        let challenge = format!(
            "WWW-Authenticate: Bearer realm=\"{}\"\r\n",
            tokens.url("/token")
        );
        let registry = Server::start(move |_| status("401 Unauthorized", &challenge));
        let (found, message) = failure(&net, &with_password(manifest(&at(&registry), "latest")));
        assert_eq!(found, class, "{line} {body}: {message}");
    }
    let silent = Server::start(|_| status("401 Unauthorized", ""));
    assert_eq!(
        failure(&net, &manifest(&at(&silent), "latest")).0,
        FailureClass::Protocol
    );
}

#[test]
fn tags_are_read_page_by_page_from_the_same_registry_only() {
    let registry = Server::start(|head| match head {
        head if head.contains("last=2.0.0") => ok("", br#"{"tags":["3.0.0"]}"#),
        _ => ok(
            "Link: </v2/charts/web/tags/list?last=2.0.0&n=2>; rel=\"next\"\r\n",
            b"{\"tags\":[\"1.0.0\",\"not a\\ntag\",\"2.0.0\"]}",
        ),
    });
    let net = Net::start();
    let (_, lines, end) = answer(&net, &asking(&at(&registry), RegistryAsk::Tags));
    assert_eq!(String::from_utf8(lines).unwrap(), "1.0.0\n2.0.0\n3.0.0\n");
    assert_eq!(end, Piece::Done { bytes: 18 });
    let other = Server::start(|_| ok("", br#"{"tags":["9.0.0"]}"#));
    let link = format!(
        "Link: <{}>; rel=\"next\"\r\n",
        other.url("/v2/charts/web/tags/list")
    );
    let leads_away = Server::start(move |_| ok(&link, br#"{"tags":[]}"#));
    let (class, message) = failure(&net, &asking(&at(&leads_away), RegistryAsk::Tags));
    assert_eq!(class, FailureClass::Refused, "{message}");
    assert!(other.seen().is_empty());
}

#[test]
fn a_list_of_tags_without_an_end_ends() {
    let registry = Server::start(|_| {
        ok(
            "Link: </v2/charts/web/tags/list?again>; rel=\"next\"\r\n",
            br#"{"tags":["1.0.0"]}"#,
        )
    });
    let net = Net::start();
    let (class, message) = failure(&net, &asking(&at(&registry), RegistryAsk::Tags));
    assert_eq!(class, FailureClass::Refused);
    assert!(message.contains("1000 pages"), "{message}");
    let mut few = asking(&at(&registry), RegistryAsk::Tags);
    few.download.byte_limit = 100;
    let (class, message) = failure(&net, &few);
    assert_eq!(class, FailureClass::Refused);
    assert!(message.contains("larger than 100 bytes"), "{message}");
    let empty = Server::start(|_| ok("", br#"{"name":"web","tags":null}"#));
    assert_eq!(
        answer(&net, &asking(&at(&empty), RegistryAsk::Tags)).2,
        Piece::Done { bytes: 0 }
    );
}

#[test]
fn a_manifest_that_is_known_is_not_sent_again() {
    let registry = Server::start(|_| ok(&format!("Docker-Content-Digest: {DIGEST}\r\n"), b"foo"));
    let net = Net::start();
    let asked = manifest(&at(&registry), "latest");
    let (tag, content, _) = answer(&net, &asked);
    assert_eq!(
        (tag.as_deref(), content.as_slice()),
        (Some(DIGEST), &b"foo"[..])
    );
    registry.seen();
    let known = |digest: &str| RegistryRequest {
        download: DownloadRequest {
            etag: Some(digest.to_owned()),
            ..asked.download.clone()
        },
        ..asked.clone()
    };
    assert_eq!(answer(&net, &known(DIGEST)).2, Piece::Unchanged);
    let heads = registry.seen();
    assert!(
        heads.len() == 1 && heads[0].starts_with("head /v2/charts/web/manifests/latest "),
        "{heads:?}"
    );
    let other = DIGEST.replace('2', "3");
    assert_eq!(answer(&net, &known(&other)).2, Piece::Done { bytes: 3 });
}

#[test]
fn what_is_no_name_of_a_registry_is_never_asked_for() {
    let registry = Server::start(|_| ok("", b""));
    let net = Net::start();
    for reference in ["../../secrets", "a/b", "", "sha256:ABC", "1+1"] {
        let (class, message) = failure(&net, &manifest(&at(&registry), reference));
        assert_eq!(class, FailureClass::InvalidRequest, "{message}");
    }
    let blob = asking(&at(&registry), RegistryAsk::Blob("latest".to_owned()));
    assert_eq!(failure(&net, &blob).0, FailureClass::InvalidRequest);
    for url in [
        registry.url("/charts/web"),
        format!("{}/../x", at(&registry)),
        "oci://h".to_owned(),
    ] {
        assert_eq!(
            failure(&net, &manifest(&url, "latest")).0,
            FailureClass::InvalidUrl,
            "{url}"
        );
    }
    assert!(registry.seen().is_empty());
}
