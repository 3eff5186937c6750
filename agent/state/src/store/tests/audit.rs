//! What the history keeps of each verdict, for `windlass trust log`.

use windlass_trust::{Proof, SignedCommits, Since};

use super::*;

fn refused(head: Oid, reason: String) -> Refused {
    Refused {
        at: 7,
        head,
        reason,
        signer: String::new(),
    }
}

#[test]
fn an_accepted_head_is_recorded_with_its_proof_and_read_back_offline() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "one\n")]);
    let mut incoming = store.receive().unwrap();
    repository.send(&mut incoming);
    let mut accepted = accept(&incoming, head);
    accepted.proof.signers.push(SignedCommits {
        principal: "me@example.com".to_owned(),
        key: "SHA256:abc".to_owned(),
        commits: 3,
    });
    incoming
        .keep(&line("root"), &accepted, &main(head), 1000)
        .unwrap();
    drop(store);

    let history = Inspection::open(place.path()).unwrap().history(10).unwrap();
    let expected = Proof {
        mode: Mode::Path,
        since: Since::Introduction(head),
        to: head,
        signers: accepted.proof.signers.clone(),
        new_commits: 0,
        tag: None,
        left: Vec::new(),
    };
    assert_eq!(history[0].proof.as_ref(), Some(&expected));
    assert_eq!(history[0].proof, Some(accepted.proof));
}

#[test]
fn refusals_never_push_what_was_accepted_out_of_the_audit() {
    let (_place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "one\n")]);
    keep(&store, &repository, "root", head);
    for number in 0..1100 {
        let refused = refused(head, number.to_string());
        store.record_refused(&line("root"), &refused).unwrap();
    }
    let history = store.history(usize::MAX).unwrap();
    let last = history.last().unwrap();
    assert_eq!((history.len(), last.verdict), (1001, Verdict::Accepted));
    assert!(last.proof.is_some());
    assert_eq!(
        (history[0].reason.as_str(), history[999].reason.as_str()),
        ("1099", "100")
    );
}

#[test]
fn a_database_of_an_older_agent_can_be_looked_at_and_gets_its_table_at_the_next_start() {
    let (place, store) = open();
    let mut repository = Repository::default();
    let head = repository.commit(&[], &[("a.yaml", "one\n")]);
    keep(&store, &repository, "root", head);
    store
        .with(|connection| connection.execute_batch("DROP TABLE proofs"))
        .unwrap();
    let looked = Inspection::open(place.path()).unwrap().history(10).unwrap();
    assert_eq!((looked[0].to, &looked[0].proof), (head, &None));
    drop(store);
    let store = Store::open(place.path()).unwrap();
    let next = repository.commit(&[head], &[("a.yaml", "two\n")]);
    keep(&store, &repository, "root", next);
    let history = store.history(10).unwrap();
    assert!(history[0].proof.is_some() && history[1].proof.is_none());
}
