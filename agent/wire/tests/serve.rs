//! Requests that come in and their replies: what is written is read, and nothing else is.

use proptest::prelude::*;
use windlass_wire::{
    FromNet, Reply, Request, Routes, Taken, ToNet, WireError, limits, read_from_net, read_request,
    read_to_net, write_from_net, write_serve, write_to_net,
};

prop_compose! {
    fn routes()(
        paths in proptest::collection::vec("/[a-z0-9]{0,60}", 0..5),
        otherwise in any::<u16>(),
    ) -> Routes {
        Routes { paths, otherwise }
    }
}

prop_compose! {
    fn taken()(
        id in any::<u64>(),
        method in "[A-Z]{1,8}",
        path in "/.{0,60}",
        headers in proptest::collection::vec(
            ("[a-z-]{0,20}", proptest::collection::vec(any::<u8>(), 0..40)), 0..5),
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) -> Taken {
        Taken { id, method, path, headers, body }
    }
}

prop_compose! {
    fn reply()(
        id in any::<u64>(),
        status in any::<u16>(),
        content_type in ".{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) -> Reply {
        Reply { id, status, content_type, body }
    }
}

proptest! {
    #[test]
    fn both_sides_read_what_the_other_wrote_or_nothing(
        routes in routes(), taken in taken(), reply in reply(),
        cut in any::<prop::sample::Index>(), flip in 1_u8..=255
    ) {
        let mut request = Vec::new();
        write_serve(&mut request, &routes).unwrap();
        let read = read_request(&mut request.as_slice()).unwrap();
        prop_assert_eq!(read, Request::Serve(routes.clone()));

        let mut from_net = Vec::new();
        let frames = [FromNet::Ready, FromNet::Taken(taken)];
        for frame in &frames {
            write_from_net(&mut from_net, frame).unwrap();
        }
        let mut rest = from_net.as_slice();
        for frame in frames {
            prop_assert_eq!(read_from_net(&mut rest).unwrap(), frame);
        }
        prop_assert!(rest.is_empty());

        let mut to_net = Vec::new();
        let frames = [ToNet::Routes(routes), ToNet::Reply(reply)];
        for frame in &frames {
            write_to_net(&mut to_net, frame).unwrap();
        }
        let mut rest = to_net.as_slice();
        for frame in frames {
            prop_assert_eq!(read_to_net(&mut rest).unwrap(), frame);
        }

        for bytes in [&mut request, &mut from_net, &mut to_net] {
            let position = cut.index(bytes.len());
            bytes[position] ^= flip;
            let _ = read_request(&mut bytes.as_slice());
            let _ = read_from_net(&mut bytes.as_slice());
            let _ = read_to_net(&mut &bytes[..position]);
        }
    }
}

#[test]
fn what_is_over_its_bound_is_not_written() {
    let taken = |bytes: usize| {
        FromNet::Taken(Taken {
            id: 1,
            method: "POST".to_owned(),
            path: "/a".to_owned(),
            headers: Vec::new(),
            body: vec![b'a'; bytes],
        })
    };
    let mut full = Vec::new();
    write_from_net(&mut full, &taken(limits::TAKEN_BYTES)).unwrap();
    assert_eq!(
        read_from_net(&mut full.as_slice()).unwrap(),
        taken(limits::TAKEN_BYTES)
    );
    let long = write_from_net(&mut Vec::new(), &taken(limits::TAKEN_BYTES + 1));
    assert!(matches!(long, Err(WireError::TooLarge { .. })), "{long:?}");
    let many = Routes {
        paths: vec![String::new(); limits::ROUTES + 1],
        otherwise: 404,
    };
    let many = write_serve(&mut Vec::new(), &many);
    assert!(matches!(many, Err(WireError::TooLarge { .. })), "{many:?}");
}

#[test]
fn no_path_header_or_body_is_printed() {
    let routes = Routes {
        paths: vec!["/hook/hunter2".to_owned()],
        otherwise: 404,
    };
    let taken = Taken {
        id: 1,
        method: "POST".to_owned(),
        path: "/hook/hunter2".to_owned(),
        headers: vec![("authorization".to_owned(), b"hunter2".to_vec())],
        body: b"hunter2".to_vec(),
    };
    let shown = format!("{routes:?} {taken:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    // Bytes are printed as numbers: 104 is the h.
    assert!(!shown.contains("104"), "{shown}");
    assert_eq!(taken.header("authorization"), Some(b"hunter2".as_slice()));
}
