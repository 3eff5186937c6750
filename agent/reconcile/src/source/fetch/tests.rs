use std::os::unix::net::UnixListener;

use windlass_state::Verdict;
use windlass_trust::Oid;
use windlass_wire::{
    Answer, Credentials, FailureClass, Reference, Request, read_request, write_answer,
};

use super::*;
use crate::named::Named;

/// T05: `trust log` has it with what the reference pointed at, once for as long as that stays so.
#[test]
fn t05_a_collision_attack_stands_in_the_history() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("net.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let head = Oid::from_bytes([7; 20]);
    let answering = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = read_request(&mut stream).unwrap();
            assert!(matches!(asked, Request::Fetch(_)));
            let answers = [
                Answer::Head {
                    oid: head.to_string(),
                    reference_name: "refs/heads/main".to_owned(),
                    target: head.to_string(),
                },
                Answer::Failed {
                    class: FailureClass::HashCollision,
                    message: "an object carries a SHA-1 collision attack".to_owned(),
                },
            ];
            for answer in answers {
                write_answer(&mut stream, &answer).unwrap();
            }
        }
    });
    let root = Named::new("flux-system", "flux-system");
    let keep = Keep::open(&place.path().join("state"), &root).unwrap();
    let line = Line {
        source: root.to_string(),
        url: "https://git.example.com/house.git".to_owned(),
        selector: "branch main".to_owned(),
    };
    let request = FetchRequest {
        url: line.url.clone(),
        reference: Reference::Branch("main".to_owned()),
        have: Vec::new(),
        credentials: Credentials::None,
        ca_bundle: None,
        timeout_seconds: 5,
        known: None,
        history: History::All,
    };
    let net = Net::new(socket, None);
    for _ in 0..2 {
        let error = asked(&keep, &line, &net, &request).err().unwrap();
        assert_eq!(Problem::fetch(&error).reason, reasons::HASH_COLLISION);
    }
    answering.join().unwrap();
    let history = keep.store.history(9).unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|entry| (entry.verdict, entry.to, entry.reason.as_str()))
        .collect();
    let reason = "an object carries a SHA-1 collision attack";
    assert_eq!(told, [(Verdict::Refused, head, reason)]);
}
