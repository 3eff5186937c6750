//! Downloads: what is written is read, and nothing else is.

use proptest::prelude::*;
use windlass_wire::{
    BucketAsk, BucketRequest, ClientIdentity, Credentials, DownloadRequest, FailureClass, Piece,
    Proxy, RegistryAsk, RegistryRequest, Request, WireError, limits, read_piece, read_request,
    write_bucket, write_download, write_piece, write_registry,
};

use crate::secret;

fn credentials() -> impl Strategy<Value = Credentials> {
    prop_oneof![
        Just(Credentials::None),
        (".{0,60}", secret())
            .prop_map(|(username, password)| Credentials::Basic { username, password }),
        secret().prop_map(Credentials::Bearer),
    ]
}

prop_compose! {
    fn request()(
        url in ".{0,200}",
        accept in ".{0,60}",
        credentials in credentials(),
        ca_bundle in proptest::option::of(".{0,300}"),
        identity in proptest::option::of((".{0,300}", secret())),
        proxy in proptest::option::of((".{0,60}", proptest::option::of((".{0,20}", secret())))),
        etag in proptest::option::of(".{0,60}"),
        byte_limit in any::<u64>(),
        timeout_seconds in any::<u64>(),
    ) -> DownloadRequest {
        let identity = identity.map(|(certificate, key)| ClientIdentity { certificate, key });
        let proxy = proxy.map(|(address, login)| Proxy { address, login });
        DownloadRequest {
            url, accept, credentials, ca_bundle, identity, proxy, etag, byte_limit, timeout_seconds,
        }
    }
}

fn registry_request() -> impl Strategy<Value = RegistryRequest> {
    let ask = prop_oneof![
        Just(RegistryAsk::Tags),
        ".{0,60}".prop_map(RegistryAsk::Manifest),
        ".{0,60}".prop_map(RegistryAsk::Blob),
    ];
    (ask, any::<bool>(), request()).prop_map(|(ask, insecure, download)| RegistryRequest {
        ask,
        insecure,
        download,
    })
}

fn bucket_request() -> impl Strategy<Value = BucketRequest> {
    let ask = prop_oneof![
        ".{0,60}".prop_map(BucketAsk::List),
        proptest::collection::vec(".{0,60}", 0..5).prop_map(BucketAsk::Objects),
    ];
    let region = proptest::option::of(".{0,20}");
    (ask, region, request()).prop_map(|(ask, region, download)| BucketRequest {
        ask,
        region,
        download,
    })
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        proptest::option::of(".{0,60}").prop_map(|etag| Piece::Head { etag }),
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(Piece::Bytes),
        Just(Piece::Unchanged),
        Just(Piece::Missing),
        any::<u64>().prop_map(|bytes| Piece::Done { bytes }),
        ".{0,200}".prop_map(|message| Piece::Failed {
            class: FailureClass::Tls,
            message
        }),
    ]
}

fn written(request: &DownloadRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_download(&mut bytes, request).expect("the generated request is within its bounds");
    bytes
}

fn written_registry(request: &RegistryRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_registry(&mut bytes, request).expect("the generated request is within its bounds");
    bytes
}

fn written_pieces(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        write_piece(&mut bytes, piece).expect("the generated piece is within its bounds");
    }
    bytes
}

proptest! {
    #[test]
    fn a_request_comes_back_as_it_was_written(request in request()) {
        let bytes = written(&request);
        prop_assert_eq!(read_request(&mut bytes.as_slice()).unwrap(), Request::Download(request));
    }

    #[test]
    fn a_request_for_a_registry_comes_back_as_it_was_written_or_not_at_all(
        request in registry_request(),
        cut in any::<prop::sample::Index>()
    ) {
        let bytes = written_registry(&request);
        prop_assert!(read_request(&mut &bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(read_request(&mut bytes.as_slice()).unwrap(), Request::Registry(request));
    }

    #[test]
    fn a_request_for_a_bucket_comes_back_as_it_was_written_or_not_at_all(
        request in bucket_request(),
        cut in any::<prop::sample::Index>()
    ) {
        let mut bytes = Vec::new();
        write_bucket(&mut bytes, &request).expect("the generated request is within its bounds");
        prop_assert!(read_request(&mut &bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(read_request(&mut bytes.as_slice()).unwrap(), Request::Bucket(request));
    }

    #[test]
    fn pieces_in_a_row_come_back_as_they_were_written(
        pieces in proptest::collection::vec(piece(), 0..5)
    ) {
        let bytes = written_pieces(&pieces);
        let mut reader = bytes.as_slice();
        for piece in pieces {
            prop_assert_eq!(read_piece(&mut reader).unwrap(), piece);
        }
        prop_assert!(matches!(read_piece(&mut reader), Err(WireError::Closed)));
    }

    #[test]
    fn what_is_cut_is_an_error(
        request in request(),
        piece in piece(),
        cut in any::<prop::sample::Index>()
    ) {
        let bytes = written(&request);
        prop_assert!(read_request(&mut &bytes[..cut.index(bytes.len())]).is_err());
        let bytes = written_pieces(&[piece]);
        prop_assert!(read_piece(&mut &bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_flipped_byte_never_panics(
        request in request(),
        piece in piece(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255
    ) {
        let mut bytes = written(&request);
        let position = at.index(bytes.len());
        bytes[position] ^= flip;
        let _ = read_request(&mut bytes.as_slice());
        let mut bytes = written_pieces(&[piece]);
        let position = at.index(bytes.len());
        bytes[position] ^= flip;
        let _ = read_piece(&mut bytes.as_slice());
    }
}

#[test]
fn a_piece_over_its_bound_is_neither_written_nor_read() {
    let piece = Piece::Bytes(vec![0; limits::PIECE_BYTES + 1]);
    assert!(matches!(
        write_piece(&mut Vec::new(), &piece),
        Err(WireError::TooLarge { .. })
    ));
    let announced = u32::try_from(limits::PIECE_BYTES + 2)
        .unwrap()
        .to_be_bytes();
    assert!(matches!(
        read_piece(&mut announced.as_slice()),
        Err(WireError::TooLarge { .. })
    ));
}

#[test]
fn what_is_printed_holds_no_secret() {
    let request = DownloadRequest {
        url: "https://me:hunter2@charts.test/index.yaml?token=hunter2".into(),
        accept: String::new(),
        credentials: Credentials::Bearer("hunter2".to_owned().into()),
        ca_bundle: None,
        identity: Some(ClientIdentity {
            certificate: String::new(),
            key: "hunter2".to_owned().into(),
        }),
        proxy: Some(Proxy {
            address: "http://me:hunter2@proxy.test".into(),
            login: Some(("me".into(), "hunter2".to_owned().into())),
        }),
        etag: None,
        byte_limit: 1,
        timeout_seconds: 1,
    };
    let shown = format!("{request:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
