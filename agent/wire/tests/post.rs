//! Requests to be sent: what is written is read, and nothing else is.

use proptest::prelude::*;
use windlass_wire::{
    ClientIdentity, PostExpected, PostMethod, PostRequest, Proxy, Request, WireError, limits,
    read_request, write_post,
};

use crate::secret;

prop_compose! {
    fn request()(
        put in any::<bool>(),
        ok in any::<bool>(),
        url in secret(),
        headers in proptest::collection::vec((".{0,20}", secret()), 0..4),
        body in proptest::collection::vec(any::<u8>(), 0..400),
        ca_bundle in proptest::option::of(".{0,300}"),
        identity in proptest::option::of((".{0,300}", secret())),
        proxy in proptest::option::of((".{0,60}", proptest::option::of((".{0,20}", secret())))),
        timeout_seconds in any::<u64>(),
    ) -> PostRequest {
        PostRequest {
            method: if put { PostMethod::Put } else { PostMethod::Post },
            url,
            headers,
            body,
            expected: if ok { PostExpected::Ok } else { PostExpected::Success },
            ca_bundle,
            identity: identity.map(|(certificate, key)| ClientIdentity { certificate, key }),
            proxy: proxy.map(|(address, login)| Proxy { address, login }),
            timeout_seconds,
        }
    }
}

fn written(request: &PostRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_post(&mut bytes, request).expect("the generated request is within its bounds");
    bytes
}

fn plain() -> PostRequest {
    PostRequest {
        method: PostMethod::Post,
        url: "https://hooks.test/hunter2".to_owned().into(),
        headers: vec![("X-Key".to_owned(), "hunter2".to_owned().into())],
        body: b"hunter2".to_vec(),
        expected: PostExpected::Success,
        ca_bundle: None,
        identity: Some(ClientIdentity {
            certificate: String::new(),
            key: "hunter2".to_owned().into(),
        }),
        proxy: Some(Proxy {
            address: "http://me:hunter2@proxy.test".into(),
            login: Some(("me".into(), "hunter2".to_owned().into())),
        }),
        timeout_seconds: 1,
    }
}

proptest! {
    #[test]
    fn a_request_comes_back_as_it_was_written_or_not_at_all(
        request in request(),
        cut in any::<prop::sample::Index>()
    ) {
        let bytes = written(&request);
        prop_assert!(read_request(&mut &bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(read_request(&mut bytes.as_slice()).unwrap(), Request::Post(request));
    }

    #[test]
    fn a_flipped_byte_never_panics(
        request in request(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255
    ) {
        let mut bytes = written(&request);
        let position = at.index(bytes.len());
        bytes[position] ^= flip;
        let _ = read_request(&mut bytes.as_slice());
    }
}

#[test]
fn what_is_over_its_bound_is_not_written() {
    let (mut long_body, mut long_value, mut many) = (plain(), plain(), plain());
    long_body.body = vec![b'a'; limits::POST_BYTES + 1];
    let value = "a".repeat(limits::HEADER_BYTES + 1);
    long_value.headers = vec![("X".to_owned(), value.into())];
    many.headers = vec![("X".to_owned(), String::new().into()); limits::HEADERS + 1];
    for request in [long_body, long_value, many] {
        let written = write_post(&mut Vec::new(), &request);
        assert!(
            matches!(written, Err(WireError::TooLarge { .. })),
            "{written:?}"
        );
    }
    let mut full = plain();
    full.body = vec![b'a'; limits::POST_BYTES];
    full.ca_bundle = Some("a".repeat(limits::CA_BUNDLE_BYTES));
    let largest: windlass_wire::Secret = "a".repeat(limits::HEADER_BYTES).into();
    full.headers = vec![("X".to_owned(), largest); limits::HEADERS];
    assert_eq!(
        read_request(&mut written(&full).as_slice()).unwrap(),
        Request::Post(full)
    );
}

#[test]
fn what_is_printed_holds_no_secret() {
    let shown = format!("{:?}", plain());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("X-Key"), "{shown}");
}
