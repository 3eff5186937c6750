//! The codec against itself and against garbage.

mod download;
mod post;
mod serve;

use proptest::prelude::*;
use windlass_wire::{
    Answer, Credentials, FailureClass, FetchRequest, History, Known, Reference, Request, Secret,
    WireError, limits, read_answer, read_request, write_answer, write_request,
};

fn oid() -> impl Strategy<Value = String> {
    "[0-9a-f]{40}"
}

fn secret() -> impl Strategy<Value = Secret> {
    ".{0,200}".prop_map(Secret::new)
}

fn reference() -> impl Strategy<Value = Reference> {
    prop_oneof![
        ".{0,60}".prop_map(Reference::Branch),
        ".{0,60}".prop_map(Reference::Tag),
        ".{0,60}".prop_map(Reference::Semver),
        ".{0,60}".prop_map(Reference::Name),
        oid().prop_map(Reference::Commit),
    ]
}

fn credentials() -> impl Strategy<Value = Credentials> {
    prop_oneof![
        Just(Credentials::None),
        (".{0,60}", secret())
            .prop_map(|(username, password)| Credentials::Basic { username, password }),
        secret().prop_map(Credentials::Bearer),
        (secret(), proptest::option::of(secret()), ".{0,300}").prop_map(
            |(identity, passphrase, known_hosts)| Credentials::Ssh {
                identity,
                passphrase,
                known_hosts
            }
        ),
    ]
}

prop_compose! {
    fn request()(
        url in ".{0,200}",
        reference in reference(),
        have in proptest::collection::vec(oid(), 0..6),
        credentials in credentials(),
        ca_bundle in proptest::option::of(".{0,300}"),
        timeout_seconds in any::<u64>(),
        known in proptest::option::of((oid(), ".{0,100}").prop_map(|(target, reference_name)| Known {
            reference_name,
            target,
        })),
        history in prop_oneof![
            Just(History::All),
            Just(History::Head),
            oid().prop_map(History::Since),
        ],
    ) -> FetchRequest {
        FetchRequest { url, reference, have, credentials, ca_bundle, timeout_seconds, known, history }
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    let class = prop_oneof![
        Just(FailureClass::Authentication),
        Just(FailureClass::HostKey),
        Just(FailureClass::Cache),
    ];
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    prop_oneof![
        (oid(), ".{0,100}", oid()).prop_map(|(oid, reference_name, target)| Answer::Head {
            oid,
            reference_name,
            target
        }),
        (1_u8..=4, any::<[u8; 20]>(), bytes).prop_map(|(kind, oid, bytes)| Answer::Object {
            kind,
            oid,
            bytes
        }),
        oid().prop_map(|oid| Answer::Unchanged { oid }),
        (any::<u64>(), any::<u64>()).prop_map(|(objects, wire_bytes)| Answer::Done {
            objects,
            wire_bytes
        }),
        (class, ".{0,200}").prop_map(|(class, message)| Answer::Failed { class, message }),
    ]
}

fn encoded_request(request: &FetchRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_request(&mut bytes, request).expect("the generated request is within its bounds");
    bytes
}

fn encoded_answer(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_answer(&mut bytes, answer).expect("the generated answer is within its bounds");
    bytes
}

fn plain_request() -> FetchRequest {
    FetchRequest {
        url: "https://git.test/fleet".into(),
        reference: Reference::Branch("main".into()),
        have: Vec::new(),
        credentials: Credentials::None,
        ca_bundle: None,
        timeout_seconds: 60,
        known: None,
        history: History::All,
    }
}

proptest! {
    #[test]
    fn a_request_comes_back_as_it_was_written(request in request()) {
        prop_assert_eq!(
            read_request(&mut encoded_request(&request).as_slice()).unwrap(),
            Request::Fetch(request)
        );
    }

    #[test]
    fn answers_in_a_row_come_back_as_they_were_written(
        answers in proptest::collection::vec(answer(), 0..5)
    ) {
        let bytes: Vec<u8> = answers.iter().flat_map(encoded_answer).collect();
        let mut reader = bytes.as_slice();
        for answer in answers {
            prop_assert_eq!(read_answer(&mut reader).unwrap(), answer);
        }
        prop_assert!(matches!(read_answer(&mut reader), Err(WireError::Closed)));
    }

    #[test]
    fn a_truncated_request_is_an_error(request in request(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded_request(&request);
        let end = cut.index(bytes.len());
        prop_assert!(read_request(&mut &bytes[..end]).is_err());
    }

    #[test]
    fn a_truncated_answer_is_an_error(answer in answer(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded_answer(&answer);
        let end = cut.index(bytes.len());
        prop_assert!(read_answer(&mut &bytes[..end]).is_err());
    }

    #[test]
    fn a_frame_with_bytes_left_over_is_an_error(request in request()) {
        let mut bytes = encoded_request(&request);
        let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) + 1;
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes.push(0);
        prop_assert!(read_request(&mut bytes.as_slice()).is_err());
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_request(&mut bytes.as_slice());
        let _ = read_answer(&mut bytes.as_slice());
    }

    #[test]
    fn a_framed_body_of_garbage_never_panics(
        tag in 0_u8..8,
        body in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        let mut bytes = (body.len() as u32 + 1).to_be_bytes().to_vec();
        bytes.push(tag);
        bytes.extend(body);
        let _ = read_request(&mut bytes.as_slice());
        let _ = read_answer(&mut bytes.as_slice());
    }

    #[test]
    fn a_flipped_byte_never_panics(
        request in request(),
        answer in answer(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255
    ) {
        let mut bytes = encoded_request(&request);
        let position = at.index(bytes.len());
        bytes[position] ^= flip;
        let _ = read_request(&mut bytes.as_slice());
        let mut bytes = encoded_answer(&answer);
        let position = at.index(bytes.len());
        bytes[position] ^= flip;
        let _ = read_answer(&mut bytes.as_slice());
    }
}

#[test]
fn a_frame_over_its_limit_is_refused_before_it_is_read() {
    let announced = (limits::REQUEST_BYTES as u32 + 1).to_be_bytes();
    let error = read_request(&mut announced.as_slice()).unwrap_err();
    assert!(
        matches!(
            error,
            WireError::TooLarge {
                what: "request",
                ..
            }
        ),
        "{error}"
    );
    let error = read_answer(&mut u32::MAX.to_be_bytes().as_slice()).unwrap_err();
    assert!(
        matches!(error, WireError::TooLarge { what: "answer", .. }),
        "{error}"
    );
}

#[test]
fn only_an_object_may_be_as_large_as_an_object() {
    let mut bytes = (limits::ANSWER_BYTES as u32 + 1).to_be_bytes().to_vec();
    bytes.push(5);
    let error = read_answer(&mut bytes.as_slice()).unwrap_err();
    assert!(
        matches!(error, WireError::TooLarge { what: "answer", .. }),
        "{error}"
    );
}

#[test]
fn an_announced_object_costs_only_what_arrives() {
    let mut bytes = (limits::OBJECT_BYTES as u32).to_be_bytes().to_vec();
    bytes.extend([2, 3]);
    bytes.extend([0; 20]);
    bytes.extend([0; 10]);
    assert!(matches!(
        read_answer(&mut bytes.as_slice()),
        Err(WireError::Io(_))
    ));
}

#[test]
fn what_the_other_side_would_refuse_is_not_written() {
    let mut request = plain_request();
    request.url = "u".repeat(limits::URL_BYTES + 1);
    assert!(matches!(
        write_request(&mut Vec::new(), &request),
        Err(WireError::TooLarge { what: "url", .. })
    ));
    let mut request = plain_request();
    request.have = vec!["0".repeat(40); limits::HAVE_OIDS + 1];
    assert!(matches!(
        write_request(&mut Vec::new(), &request),
        Err(WireError::TooLarge {
            what: "have list",
            ..
        })
    ));
    let mut request = plain_request();
    request.known = Some(Known {
        reference_name: String::new(),
        target: "../../etc".into(),
    });
    assert!(matches!(
        write_request(&mut Vec::new(), &request),
        Err(WireError::Malformed {
            what: "known target"
        })
    ));
    let answer = Answer::Object {
        kind: 7,
        oid: [0; 20],
        bytes: Vec::new(),
    };
    assert!(matches!(
        write_answer(&mut Vec::new(), &answer),
        Err(WireError::UnknownTag {
            what: "object kind",
            tag: 7
        })
    ));
}

#[test]
fn every_text_at_its_bound_fits_into_one_request() {
    let mut request = plain_request();
    request.url = "u".repeat(limits::URL_BYTES);
    request.reference = Reference::Name("n".repeat(limits::NAME_BYTES));
    request.have = vec!["a".repeat(40); limits::HAVE_OIDS];
    request.ca_bundle = Some("c".repeat(limits::CA_BUNDLE_BYTES));
    request.known = Some(Known {
        reference_name: "k".repeat(limits::NAME_BYTES),
        target: "b".repeat(40),
    });
    let full = "s".repeat(limits::CREDENTIAL_BYTES);
    request.credentials = Credentials::Ssh {
        identity: Secret::new(full.clone()),
        passphrase: Some(Secret::new(full.clone())),
        known_hosts: full,
    };
    let bytes = encoded_request(&request);
    assert_eq!(
        read_request(&mut bytes.as_slice()).unwrap(),
        Request::Fetch(request)
    );
}

#[test]
fn a_failure_is_told_even_when_its_message_is_too_long() {
    let message = "é".repeat(limits::MESSAGE_BYTES);
    let bytes = encoded_answer(&Answer::Failed {
        class: FailureClass::Timeout,
        message: message.clone(),
    });
    let Answer::Failed {
        class,
        message: read,
    } = read_answer(&mut bytes.as_slice()).unwrap()
    else {
        panic!("a failure was written");
    };
    assert_eq!(class, FailureClass::Timeout);
    assert!(message.starts_with(&read) && read.len() > limits::MESSAGE_BYTES - 4);
}

#[test]
fn debug_shows_no_secret_and_no_content() {
    let mut request = plain_request();
    request.credentials = Credentials::Ssh {
        identity: Secret::new("canary-key"),
        passphrase: Some(Secret::new("canary-passphrase")),
        known_hosts: "host ssh-ed25519 AAAA".into(),
    };
    assert!(!format!("{request:?}").contains("canary"));
    request.credentials = Credentials::Basic {
        username: "me".into(),
        password: Secret::new("canary-password"),
    };
    assert!(!format!("{request:?}").contains("canary"));
    request.credentials = Credentials::Bearer(Secret::new("canary-token"));
    assert!(!format!("{request:?}").contains("canary"));
    request.url = "https://me:canary@git.test/".into();
    assert!(!format!("{request:?}").contains("canary"));
    let object = Answer::Object {
        kind: 3,
        oid: [0; 20],
        bytes: b"canary".to_vec(),
    };
    assert_eq!(
        format!("{object:?}"),
        "Object(kind 3, 0000000000000000000000000000000000000000, 6 bytes)"
    );
}

#[test]
fn every_failure_class_survives_the_wire_and_has_a_name() {
    for code in 1..=13_u8 {
        let frame = [0, 0, 0, 6, 5, code, 0, 0, 0, 0];
        let Ok(Answer::Failed { class, .. }) = read_answer(&mut frame.as_slice()) else {
            panic!("class {code} is known");
        };
        assert_ne!(class.as_str(), "Unknown");
        let bytes = encoded_answer(&Answer::Failed {
            class,
            message: String::new(),
        });
        assert_eq!(bytes, frame);
    }
    for code in [0, 14] {
        let frame = [0, 0, 0, 6, 5, code, 0, 0, 0, 0];
        assert!(read_answer(&mut frame.as_slice()).is_err());
    }
}

#[test]
fn only_a_reference_that_was_asked_for_can_be_the_answer() {
    let oid = "a".repeat(40);
    let check = |reference: Reference, allowed: &[&str], others: &[&str]| {
        for name in allowed {
            assert!(reference.allows(name), "{reference:?} {name}");
        }
        for name in others {
            assert!(!reference.allows(name), "{reference:?} {name}");
        }
    };
    check(
        Reference::Branch("main".into()),
        &["refs/heads/main"],
        &["refs/heads/main2", "refs/tags/main", "main", ""],
    );
    check(
        Reference::Tag("v1.0.0".into()),
        &["refs/tags/v1.0.0"],
        &["refs/tags/v1.0.1", "refs/heads/v1.0.0", "v1.0.0"],
    );
    check(
        Reference::Semver(">=1.0.0 <2.0.0".into()),
        &["refs/tags/v1.0.0", "refs/tags/1.9.9"],
        &[
            "refs/tags/v2.0.0",
            "refs/tags/v1.5.0-rc.1",
            "refs/tags/latest",
            "refs/heads/v1.0.0",
            "v1.0.0",
        ],
    );
    check(
        Reference::Semver("latest".into()),
        &[],
        &["refs/tags/v1.0.0"],
    );
    check(
        Reference::Name("refs/pull/7/head".into()),
        &["refs/pull/7/head"],
        &["refs/pull/8/head"],
    );
    check(
        Reference::Commit(oid.to_uppercase()),
        &[&oid],
        &["refs/heads/main", &"b".repeat(40)],
    );
}
