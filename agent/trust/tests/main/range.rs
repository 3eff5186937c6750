//! Which commits must be signed, and which way a head may move (faults T40 and T41).

use windlass_trust::{Introduction, ObjectKind, Ratchet, RefusalReason, VerifyError, verify};

use crate::kit::{History, Key, accepted, policy, refused};

/// A history with an introduction and two signed commits on top.
fn start() -> (
    Key,
    History,
    windlass_trust::Policy,
    [windlass_trust::Oid; 3],
) {
    let alice = Key::new(1);
    let mut history = History::new();
    let introduction = history.unsigned(&[], "introduction");
    let one = history.signed(&alice, &[introduction], "one");
    let two = history.signed(&alice, &[one], "two");
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    (alice, history, policy, [introduction, one, two])
}

#[test]
fn the_introduction_itself_needs_no_signature() {
    let (_, history, policy, [introduction, ..]) = start();
    let accepted = accepted(&history.objects, &policy, None, introduction);
    assert_eq!(
        (accepted.proof.new_commits, accepted.signer.as_str()),
        (0, "")
    );
    assert_eq!(
        accepted.ratchet,
        Ratchet {
            head: introduction,
            introduction,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }
    );
}

#[test]
fn an_ambiguous_introduction_is_refused_although_it_is_pinned() {
    let mut history = History::new();
    let tree = history.tree;
    let text = history
        .text(&[], "x")
        .replace("author", &format!("tree {tree}\nauthor"));
    let introduction = history.raw(&text);
    let policy = policy("", Introduction::Commit(introduction));
    let refusal = refused(&history.objects, &policy, None, introduction);
    assert_eq!(refusal.reason.code(), "AmbiguousObject");
}

#[test]
fn the_same_head_again_leaves_the_ratchet_as_it_is() {
    let (_, history, policy, [_, _, two]) = start();
    let first = accepted(&history.objects, &policy, None, two);
    let again = accepted(&history.objects, &policy, Some(&first.ratchet), two);
    assert_eq!((again.ratchet, again.proof.new_commits), (first.ratchet, 0));
    assert_eq!(again.signer, "alice");
}

#[test]
fn t40_a_branch_that_is_set_back_is_refused_and_both_commits_are_named() {
    let (_, history, policy, [_, one, two]) = start();
    let ratchet = accepted(&history.objects, &policy, None, two).ratchet;
    let refusal = refused(&history.objects, &policy, Some(&ratchet), one);
    assert_eq!(refusal.commit, one);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: two,
            behind: Some(1)
        }
    );
    let text = refusal.to_string();
    assert!(
        text.contains(&one.to_string()) && text.contains(&two.to_string()),
        "{text}"
    );
}

#[test]
fn t40_a_signed_sibling_branch_is_refused() {
    let (alice, mut history, policy, [_, one, two]) = start();
    let sibling = history.signed(&alice, &[one], "sibling");
    let ratchet = accepted(&history.objects, &policy, None, two).ratchet;
    let refusal = refused(&history.objects, &policy, Some(&ratchet), sibling);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: two,
            behind: None
        }
    );
}

#[test]
fn t40_an_unrelated_history_signed_with_the_same_key_is_refused() {
    let (alice, mut history, policy, [introduction, _, two]) = start();
    let root = history.signed(&alice, &[], "other root");
    let head = history.signed(&alice, &[root], "other head");
    let refusal = refused(&history.objects, &policy, None, head);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotDescendantOfIntroduction { introduction }
    );
    let ratchet = accepted(&history.objects, &policy, None, two).ratchet;
    let refusal = refused(&history.objects, &policy, Some(&ratchet), head);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: two,
            behind: None
        }
    );
}

#[test]
fn a_head_before_the_introduction_is_refused() {
    let alice = Key::new(1);
    let mut history = History::new();
    let before = history.signed(&alice, &[], "before");
    let introduction = history.signed(&alice, &[before], "introduction");
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    let refusal = refused(&history.objects, &policy, None, before);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotDescendantOfIntroduction { introduction }
    );
}

#[test]
fn a_merge_is_refused_when_its_side_branch_is_not_signed() {
    let (alice, mut history, policy, [_, one, two]) = start();
    let side = history.unsigned(&[one], "side");
    for parents in [[two, side], [side, two]] {
        let merge = history.signed(&alice, &parents, "merge");
        let refusal = refused(&history.objects, &policy, None, merge);
        assert_eq!(
            (refusal.commit, refusal.reason),
            (side, RefusalReason::Unsigned)
        );
    }
}

#[test]
fn an_octopus_merge_of_signed_branches_is_accepted_whatever_the_order() {
    let (alice, mut history, policy, [_, one, two]) = start();
    let left = history.signed(&alice, &[one], "left");
    let right = history.signed(&alice, &[one], "right");
    let ratchet = accepted(&history.objects, &policy, None, two).ratchet;
    for parents in [[two, left, right], [left, right, two], [right, two, left]] {
        let octopus = history.signed(&alice, &parents, "octopus");
        let accepted = accepted(&history.objects, &policy, Some(&ratchet), octopus);
        assert_eq!(accepted.proof.new_commits, 3);
    }
}

#[test]
fn a_signed_root_that_is_merged_in_counts_as_new_and_an_unsigned_one_is_refused() {
    let (alice, mut history, policy, [_, _, two]) = start();
    let signed_root = history.signed(&alice, &[], "imported");
    let good = history.signed(&alice, &[two, signed_root], "merge");
    assert_eq!(
        accepted(&history.objects, &policy, None, good)
            .proof
            .new_commits,
        4
    );
    let root = history.unsigned(&[], "imported");
    let bad = history.signed(&alice, &[two, root], "merge");
    assert_eq!(refused(&history.objects, &policy, None, bad).commit, root);
}

#[test]
fn a_signed_branch_from_before_the_introduction_may_be_merged() {
    let alice = Key::new(1);
    let mut history = History::new();
    let old = history.unsigned(&[], "old");
    let older_side = history.signed(&alice, &[old], "side");
    let introduction = history.unsigned(&[old], "introduction");
    let merge = history.signed(&alice, &[introduction, older_side], "merge");
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    assert_eq!(
        accepted(&history.objects, &policy, None, merge)
            .proof
            .new_commits,
        2
    );
}

#[test]
fn commit_dates_do_not_decide_what_is_new() {
    let alice = Key::new(1);
    let mut history = History::new();
    let old_text = history.text_at(&[], "old", 4_000_000_000);
    let old = history.raw(&old_text);
    let mut parent = old;
    for number in 0..20 {
        let text = history.text_at(&[parent], &format!("unsigned {number}"), 1000 - number);
        parent = history.raw(&text);
    }
    let introduction = parent;
    let side_text = history.text_at(&[old], "side", 4_100_000_000);
    let side = history.sign(&alice, &side_text);
    let merge_text = history.text_at(&[introduction, side], "merge", 5);
    let merge = history.sign(&alice, &merge_text);
    let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
    let accepted = accepted(&history.objects, &policy, None, merge);
    assert_eq!(accepted.proof.new_commits, 2);
}

#[test]
fn the_first_signed_head_introduces_itself_and_then_holds() {
    let alice = Key::new(1);
    let mut history = History::new();
    let old = history.unsigned(&[], "old");
    let first = history.signed(&alice, &[old], "first");
    let next = history.signed(&alice, &[first], "next");
    let policy = policy(&alice.line("alice"), Introduction::FirstSigned);
    assert_eq!(
        refused(&history.objects, &policy, None, old).reason,
        RefusalReason::Unsigned
    );
    let one = accepted(&history.objects, &policy, None, first);
    assert_eq!(
        one.ratchet,
        Ratchet {
            head: first,
            introduction: first,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }
    );
    let two = accepted(&history.objects, &policy, Some(&one.ratchet), next);
    assert_eq!(
        two.ratchet,
        Ratchet {
            head: next,
            introduction: first,
            counter: 2,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }
    );
    let other = history.signed(&alice, &[old], "other");
    let refusal = refused(&history.objects, &policy, Some(&two.ratchet), other);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: next,
            behind: None
        }
    );
}

#[test]
fn a_newer_introduction_is_taken_over_and_still_nothing_goes_back() {
    let (alice, mut history, _, [introduction, one, two]) = start();
    let three = history.signed(&alice, &[two], "three");
    let ratchet = Ratchet {
        head: one,
        introduction,
        counter: 4,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let newer = policy(&alice.line("alice"), Introduction::Commit(two));
    let taken = accepted(&history.objects, &newer, Some(&ratchet), three);
    assert_eq!(
        taken.ratchet,
        Ratchet {
            head: three,
            introduction: two,
            counter: 5,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }
    );
    let refusal = refused(&history.objects, &newer, Some(&ratchet), one);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotDescendantOfIntroduction { introduction: two }
    );
    let ahead = Ratchet {
        head: three,
        introduction,
        counter: 4,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let refusal = refused(&history.objects, &newer, Some(&ahead), two);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: three,
            behind: Some(1)
        }
    );
}

#[test]
fn under_another_introduction_the_ratchet_vouches_for_nothing() {
    let alice = Key::new(1);
    let mut history = History::new();
    let root = history.unsigned(&[], "root");
    let unsigned = history.unsigned(&[root], "unsigned");
    let head = history.signed(&alice, &[unsigned], "head");
    let ratchet = Ratchet {
        head,
        introduction: unsigned,
        counter: 1,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let policy = policy(&alice.line("alice"), Introduction::Commit(root));
    assert_eq!(
        refused(&history.objects, &policy, Some(&ratchet), head).commit,
        unsigned
    );
}

#[test]
fn a_key_taken_from_the_list_signs_nothing_new_and_what_was_accepted_stays() {
    let (alice, mut history, policy_before, [introduction, _, two]) = start();
    let ratchet = accepted(&history.objects, &policy_before, None, two).ratchet;
    let bob = Key::new(2);
    let after = policy(&bob.line("bob"), Introduction::Commit(introduction));
    let stays = accepted(&history.objects, &after, Some(&ratchet), two);
    assert_eq!(
        (stays.signer.as_str(), stays.ratchet),
        ("", ratchet.clone())
    );
    let by_alice = history.signed(&alice, &[two], "by alice");
    let refusal = refused(&history.objects, &after, Some(&ratchet), by_alice);
    assert_eq!(refusal.reason.code(), "UnknownKey");
    let by_bob = history.signed(&bob, &[two], "by bob");
    assert_eq!(
        accepted(&history.objects, &after, Some(&ratchet), by_bob).signer,
        "bob"
    );
}

#[test]
fn an_empty_list_of_signers_accepts_nothing_but_the_introduction() {
    let (_, history, _, [introduction, one, _]) = start();
    let nobody = policy("# nobody\n", Introduction::Commit(introduction));
    accepted(&history.objects, &nobody, None, introduction);
    assert_eq!(
        refused(&history.objects, &nobody, None, one).reason.code(),
        "UnknownKey"
    );
}

#[test]
fn a_head_that_is_no_commit_is_refused() {
    let (_, mut history, policy, _) = start();
    let tag = history.objects.put(ObjectKind::Tag, b"object x\n");
    let refusal = refused(&history.objects, &policy, None, tag);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotACommit {
            kind: ObjectKind::Tag
        }
    );
}

#[test]
fn a_missing_or_changed_commit_gives_an_error_and_no_verdict() {
    let (_, history, policy, [_, one, two]) = start();
    let mut missing = history.objects.clone();
    missing.0.remove(&one);
    let error = verify(&missing, &policy, None, &two).unwrap_err();
    assert!(matches!(error, VerifyError::Load { head, .. } if head == two));
    let mut changed = history.objects.clone();
    changed.0.get_mut(&one).unwrap().bytes.push(b'!');
    let error = verify(&changed, &policy, None, &two).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("changed where it is kept"), "{cause}");
}

#[test]
fn a_kept_commit_that_is_lost_counts_as_not_descended_from() {
    let (alice, mut history, policy, [introduction, ..]) = start();
    let lost = history.tree; // an id that no commit has
    let head = history.signed(&alice, &[introduction], "head");
    history.objects.0.remove(&lost);
    let ratchet = Ratchet {
        head: lost,
        introduction,
        counter: 1,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let refusal = refused(&history.objects, &policy, Some(&ratchet), head);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: lost,
            behind: None
        }
    );
}

#[test]
fn a_ratchet_reads_back_what_it_writes() {
    let (_, history, policy, [_, _, two]) = start();
    let ratchet = accepted(&history.objects, &policy, None, two).ratchet;
    let text = serde_json::to_string(&ratchet).unwrap();
    assert!(text.contains(&format!("\"head\":\"{two}\"")), "{text}");
    assert_eq!(serde_json::from_str::<Ratchet>(&text).unwrap(), ratchet);
    assert!(serde_json::from_str::<Ratchet>(&text.replace("counter", "count")).is_err());
    let upper = text.replace(&two.to_string(), &"A".repeat(40));
    assert!(serde_json::from_str::<Ratchet>(&upper).is_err());
}

#[test]
fn a_head_that_lies_behind_says_by_how_many_commits_merged_ones_included() {
    let (alice, mut history, policy, [_, one, two]) = start();
    let side = history.signed(&alice, &[one], "side");
    let merge = history.signed(&alice, &[two, side], "merge");
    let ratchet = accepted(&history.objects, &policy, None, merge).ratchet;
    let refusal = refused(&history.objects, &policy, Some(&ratchet), one);
    let behind = Some(3);
    assert_eq!(
        refusal.reason,
        RefusalReason::NotFastForward {
            accepted: merge,
            behind
        }
    );
}
