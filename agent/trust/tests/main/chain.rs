//! Long ranges: a bad commit is found wherever it hides, and speed is measured.

use std::time::Instant;

use windlass_trust::{Introduction, Mode, Oid, Policy, Ratchet, Verdict, verify};

use crate::kit::{Counted, History, Key, accepted, policy, refused};

#[test]
fn t41_a_bad_commit_is_found_at_any_place_of_a_long_range_and_a_later_fix_is_accepted() {
    let (alice, mallory) = (Key::new(1), Key::new(2));
    let mut history = History::new();
    let introduction = history.unsigned(&[], "introduction");
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    let good = history.chain(&alice, introduction, 200);
    for place in [0, 1, 99, 198, 199] {
        let parent = if place == 0 {
            introduction
        } else {
            good[place - 1]
        };
        let bad = if place % 2 == 0 {
            history.unsigned(&[parent], "poison")
        } else {
            history.signed(&mallory, &[parent], "poison")
        };
        let poisoned = history.chain(&alice, bad, 200 - place);
        let head = *poisoned.last().unwrap();
        let before = accepted(&history.objects, &policy, None, parent);
        let refusal = refused(&history.objects, &policy, Some(&before.ratchet), head);
        assert_eq!(
            (refusal.commit, refusal.subject.as_str()),
            (bad, "poison"),
            "at {place}"
        );
        // The owner rewinds to the last good commit and goes on from there.
        let fixed = accepted(&history.objects, &policy, Some(&before.ratchet), good[199]);
        assert_eq!(
            fixed.proof.new_commits,
            if place == 0 { 200 } else { 200 - place }
        );
        assert_eq!(fixed.ratchet.counter, before.ratchet.counter + 1);
    }
}

/// The matrix's thousand commits: unsigned, by a key that is not listed, by one that no longer counts, at each place in turn.
#[test]
fn t41_no_place_in_a_thousand_commits_hides_a_bad_one() {
    let (alice, mallory, gone) = (Key::new(1), Key::new(2), Key::new(3));
    let mut history = History::new();
    let introduction = history.unsigned(&[], "introduction");
    // All of this history was made long after.
    let ended = gone
        .line("gone")
        .replacen(' ', " valid-before=\"20010101Z\" ", 1);
    let signers = alice.line("alice") + &ended;
    let policy = policy(&signers, Introduction::Commit(introduction));
    let good = history.chain(&alice, introduction, 1000);
    // Without optimisation each place costs a second.
    let step = if cfg!(debug_assertions) { 111 } else { 1 };
    for place in (0_usize..1000).step_by(step) {
        let parent = place.checked_sub(1).map_or(introduction, |at| good[at]);
        let (bad, code) = match place % 3 {
            0 => (history.unsigned(&[parent], "poison"), "Unsigned"),
            1 => (history.signed(&mallory, &[parent], "poison"), "UnknownKey"),
            _ => (history.signed(&gone, &[parent], "poison"), "KeyExpired"),
        };
        let head = history.signed(&alice, &[bad], "on top of it");
        let refusal = refused(&history.objects, &policy, None, head);
        assert_eq!(
            (refusal.commit, refusal.reason.code()),
            (bad, code),
            "at {place}"
        );
    }
}

#[test]
fn of_several_bad_commits_the_oldest_is_named() {
    let alice = Key::new(1);
    let mut history = History::new();
    let introduction = history.unsigned(&[], "introduction");
    let oldest = history.unsigned(&[introduction], "oldest");
    let middle = history.unsigned(&[oldest], "middle");
    let head = history.signed(&alice, &[middle], "head");
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    assert_eq!(
        refused(&history.objects, &policy, None, head).commit,
        oldest
    );
}

#[test]
fn a_push_onto_a_long_history_loads_only_what_is_new() {
    let alice = Key::new(1);
    let mut history = History::new();
    let introduction = history.unsigned(&[], "introduction");
    let chain = history.chain(&alice, introduction, 500);
    let last = chain[499];
    let head = history.signed(&alice, &[last], "new");
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    let ratchet = Ratchet {
        head: last,
        introduction,
        counter: 7,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    // Everything between is taken away: a walk that went there would fail.
    for oid in &chain[..499] {
        history.objects.0.remove(oid);
    }
    let accepted = accepted(&history.objects, &policy, Some(&ratchet), head);
    assert_eq!(
        (accepted.proof.new_commits, accepted.ratchet.counter),
        (1, 8)
    );
}

/// Not a threshold in debug builds; `cargo test --release -- --nocapture` prints the figure.
#[test]
fn a_range_of_thousands_of_commits_is_verified_quickly() {
    let alice = Key::new(1);
    let mut history = History::new();
    let introduction = history.unsigned(&[], "introduction");
    let length = if cfg!(debug_assertions) { 500 } else { 10_000 };
    let head: Oid = *history.chain(&alice, introduction, length).last().unwrap();
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    let start = Instant::now();
    let accepted = accepted(&history.objects, &policy, None, head);
    let rate = length as f64 / start.elapsed().as_secs_f64();
    println!("verified {rate:.0} commits a second");
    assert_eq!(accepted.proof.new_commits, length);
    assert!(
        cfg!(debug_assertions) || rate >= 5000.0,
        "only {rate:.0} commits a second"
    );
}

/// Anybody who can push may make such a merge: what it costs must not grow with the product of parents and bytes.
#[test]
fn an_unsigned_merge_of_thousands_is_read_a_few_times_and_more_than_256_parents_are_ambiguous() {
    let alice = Key::new(1);
    for (count, code) in [
        (256, "Unsigned"),
        (257, "AmbiguousObject"),
        (20_000, "AmbiguousObject"),
    ] {
        let mut history = History::new();
        let introduction = history.unsigned(&[], "introduction");
        let sides: Vec<Oid> = (0..count)
            .map(|number| history.unsigned(&[introduction], &format!("side {number}")))
            .collect();
        let head = history.unsigned(&sides, "octopus");
        for mode in [Mode::Path, Mode::FirstParent, Mode::All] {
            let policy = Policy {
                mode,
                ..policy(&alice.line("alice"), Introduction::Commit(introduction))
            };
            let reader = Counted::new(&history.objects);
            let Verdict::Refused(refusal) = verify(&reader, &policy, None, &head).unwrap() else {
                panic!("{count} parents were accepted");
            };
            let most = reader.reads.borrow().values().copied().max().unwrap();
            assert!(most <= 10, "{mode:?}, {count} parents: {most} reads");
            // The other modes name the oldest side, which they demand as well.
            let (named, code) = match mode {
                Mode::Path => (head, code),
                _ => (sides[0], "Unsigned"),
            };
            let said = (refusal.commit, refusal.reason.code());
            assert_eq!(said, (named, code), "{mode:?}, {count} parents");
        }
    }
}
