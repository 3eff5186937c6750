//! The three modes on the shapes that people make: merge buttons, pulls, octopus merges, poison in every place.

use windlass_trust::{
    CommitReport, Introduction, Mode, Oid, Policy, Ratchet, RefusalReason, Role, Verdict,
    verify_each,
};

use crate::house::House;
use crate::kit::{accepted, policy, refused};

impl House {
    /// The modes that accept this head when `since` was accepted last.
    #[track_caller]
    fn check(&self, since: Oid, head: Oid, expected: &[Mode]) {
        let ratchet = self.ratchet(since);
        for mode in [Mode::Path, Mode::FirstParent, Mode::All] {
            let policy = self.policy(mode);
            if expected.contains(&mode) {
                let accepted = accepted(&self.history.objects, &policy, Some(&ratchet), head);
                assert_eq!((accepted.ratchet.head, accepted.proof.mode), (head, mode));
            } else {
                let refusal = refused(&self.history.objects, &policy, Some(&ratchet), head);
                assert_eq!(refusal.rule.mode, mode);
            }
        }
    }

    fn ratchet(&self, head: Oid) -> Ratchet {
        Ratchet {
            head,
            introduction: self.base,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }
    }

    fn blocking(&self, mode: Mode, head: Oid) -> (Oid, RefusalReason) {
        let refusal = refused(&self.history.objects, &self.policy(mode), None, head);
        (refusal.commit, refusal.reason)
    }
}

const EVERY: &[Mode] = &[Mode::Path, Mode::FirstParent, Mode::All];
const ONE_WAY: &[Mode] = &[Mode::Path, Mode::FirstParent];

#[test]
fn the_signer_of_a_merge_vouches_for_the_side_branch_unless_every_commit_must_be_signed() {
    let mut house = House::new();
    let base = house.base;
    let side = house.bad(&[base], "side");
    let foreign = house.foreign(&[side], "more of the side");
    let main = house.good(&[base], "main");
    let merge = house.good(&[main, foreign], "Merge branch 'side'");
    house.check(base, merge, ONE_WAY);
    assert_eq!(
        house.blocking(Mode::All, merge),
        (side, RefusalReason::Unsigned)
    );
}

#[test]
fn an_unsigned_merge_of_signed_branches_stands_in_the_way_of_all_modes() {
    let mut house = House::new();
    let base = house.base;
    let side = house.good(&[base], "side");
    let main = house.good(&[base], "main");
    let merge = house.bad(&[main, side], "Merge pull request #1");
    let head = house.good(&[merge], "later");
    house.check(base, head, &[]);
    for mode in EVERY {
        assert_eq!(
            house.blocking(*mode, head),
            (merge, RefusalReason::Unsigned)
        );
    }
}

#[test]
fn a_pull_that_swaps_the_parents_is_fine_in_any_order_and_not_by_first_parents() {
    let mut house = House::new();
    let base = house.base;
    let theirs = house.good(&[base], "accepted meanwhile");
    let mine = house.good(&[base], "mine");
    let pull = house.good(&[mine, theirs], "Merge branch 'main' of the server");
    house.check(theirs, pull, &[Mode::Path, Mode::All]);
    let policy = house.policy(Mode::FirstParent);
    let ratchet = house.ratchet(theirs);
    let refusal = refused(&house.history.objects, &policy, Some(&ratchet), pull);
    assert_eq!(
        (refusal.commit, &refusal.reason),
        (pull, &RefusalReason::NotOnFirstParents { accepted: theirs })
    );
    assert!(refusal.next_step().contains("windlass trust countersign"));
}

#[test]
fn a_pull_with_unsigned_commits_of_mine_is_vouched_for_by_the_merge() {
    let mut house = House::new();
    let base = house.base;
    let theirs = house.good(&[base], "accepted meanwhile");
    let mine = house.bad(&[base], "mine");
    let pull = house.good(&[mine, theirs], "Merge branch 'main' of the server");
    house.check(theirs, pull, &[Mode::Path]);
}

#[test]
fn a_countersigning_merge_mends_a_poisoned_branch_without_a_force_push() {
    let mut house = House::new();
    let base = house.base;
    let first = house.bad(&[base], "forgot to sign");
    let poisoned = house.foreign(&[first], "who is this");
    house.check(base, poisoned, &[]);
    let countersigned = house.good(&[base, poisoned], "Countersign");
    house.check(base, countersigned, ONE_WAY);
    let later = house.good(&[countersigned], "and on");
    house.check(base, later, ONE_WAY);
    house.check(countersigned, later, EVERY);
}

#[test]
fn criss_cross_and_octopus_merges_need_one_signed_way() {
    let mut house = House::new();
    let base = house.base;
    let left = house.good(&[base], "left");
    let right = house.bad(&[base], "right");
    let cross_left = house.bad(&[left, right], "cross left");
    let cross_right = house.good(&[right, left], "cross right");
    let octopus = house.good(&[cross_left, right, cross_right], "octopus");
    house.check(base, octopus, &[Mode::Path]);
    let straight = house.good(&[cross_right, cross_left, right], "the other way round");
    house.check(base, straight, &[Mode::Path]);
    let other = house.bad(&[cross_right, cross_left], "unsigned");
    house.check(base, other, &[]);
}

#[test]
fn when_no_single_commit_blocks_every_way_the_oldest_obstacle_is_named() {
    let mut house = House::new();
    let base = house.base;
    let left = house.bad(&[base], "left");
    let right = house.foreign(&[base], "right");
    let merge = house.good(&[left, right], "merge");
    let above = house.good(&[merge], "above");
    let (commit, _) = house.blocking(Mode::Path, above);
    assert_eq!(commit, left);
    // One that every way passes is named before it, however late it comes.
    let gate = house.bad(&[above], "gate");
    let head = house.good(&[gate], "head");
    assert_eq!(house.blocking(Mode::Path, head).0, gate);
}

#[test]
fn what_a_weaker_mode_accepted_vouches_under_a_stricter_one() {
    let mut house = House::new();
    let base = house.base;
    let side = house.bad(&[base], "side");
    let merge = house.good(&[base, side], "merge");
    house.check(base, merge, ONE_WAY);
    let next = house.good(&[merge], "next");
    house.check(merge, next, EVERY);
    // Also where the side branch goes on from before the merge.
    let more = house.good(&[side], "more of the side");
    let again = house.good(&[next, more], "merge again");
    house.check(next, again, EVERY);
}

/// The range of a thousand commits is shorter here; the places are all of them.
#[test]
fn t41_poison_at_every_place_is_refused_the_ratchet_stays_and_a_good_fix_is_accepted() {
    let mut house = House::new();
    let base = house.base;
    let chain = house.history.chain(&house.ada, base, 60);
    let at = |place: usize| chain[place];
    for place in 0..59 {
        let bad = match place % 3 {
            0 => house.bad(&[at(place)], "unsigned"),
            1 => house.foreign(&[at(place)], "wrong key"),
            _ => {
                let text = house
                    .history
                    .text(&[at(place)], "changed after it was signed");
                let signed = house.history.sign(&house.ada, &text);
                let bytes = house.history.objects.0[&signed].bytes.clone();
                let text = String::from_utf8(bytes).unwrap();
                house
                    .history
                    .raw(&text.replace("changed after", "touched after"))
            }
        };
        let head = house.history.chain(&house.ada, bad, 3)[2];
        for mode in EVERY {
            let policy = house.policy(*mode);
            let objects = &house.history.objects;
            let ratchet = accepted(objects, &policy, None, at(0)).ratchet;
            let refusal = refused(objects, &policy, Some(&ratchet), head);
            assert_eq!(refusal.commit, bad, "{mode} at {place}");
            // Nothing moved, not even to the last good commit; the branch set back to any good one goes on.
            let fixed = accepted(objects, &policy, Some(&ratchet), at(59));
            assert_eq!((fixed.proof.new_commits, fixed.ratchet.counter), (59, 2));
        }
    }
}

#[test]
fn t41_poison_in_a_merged_side_branch_is_refused_only_where_every_commit_counts() {
    for place in 0..8 {
        let mut house = House::new();
        let base = house.base;
        let before = house.history.chain(&house.ada, base, place);
        let bad = house.foreign(&[*before.last().unwrap_or(&base)], "poison");
        let side = *house
            .history
            .chain(&house.ada, bad, 8 - place)
            .last()
            .unwrap();
        let main = house.good(&[base], "main");
        let merge = house.good(&[main, side], "merge");
        house.check(base, merge, ONE_WAY);
        assert_eq!(house.blocking(Mode::All, merge).0, bad);
        let unvouched = house.good(&[side], "no merge");
        house.check(base, unvouched, &[]);
    }
}

#[test]
fn t41_a_key_that_was_taken_from_the_list_signs_nothing_new_in_any_mode() {
    let mut house = House::new();
    let base = house.base;
    let by_ada = house.good(&[base], "while she was listed");
    let later = house.good(&[by_ada], "after she left");
    for mode in EVERY {
        let mut policy = house.policy(*mode);
        let objects = &house.history.objects;
        let ratchet = accepted(objects, &policy, None, by_ada).ratchet;
        policy.signers =
            crate::kit::policy(&house.eve.line("eve"), Introduction::FirstSigned).signers;
        let refusal = refused(objects, &policy, Some(&ratchet), later);
        assert_eq!(
            (refusal.commit, refusal.reason.code()),
            (later, "UnknownKey")
        );
    }
}

#[test]
fn every_commit_is_told_with_its_signer_its_role_or_its_fault() {
    let mut house = House::new();
    let base = house.base;
    let side = house.bad(&[base], "side");
    let main = house.good(&[base], "main");
    let merge = house.good(&[main, side], "merge");
    let mut told: Vec<CommitReport> = Vec::new();
    let objects = &house.history.objects;
    let verdict = verify_each(
        objects,
        &house.policy(Mode::Path),
        None,
        &merge,
        &mut |report| {
            told.push(report);
        },
    );
    assert!(matches!(verdict.unwrap(), Verdict::Accepted(_)));
    let short = |report: &CommitReport| {
        let signer = report.signed.clone().map(|signer| signer.principal);
        (report.commit, report.role, signer)
    };
    let ada = || Ok("ada".to_owned());
    let expected = [
        (main, Role::Checked, ada()),
        (
            side,
            Role::VouchedFor { by: merge },
            Err(RefusalReason::Unsigned),
        ),
        (merge, Role::Checked, ada()),
    ];
    assert_eq!(told.iter().map(short).collect::<Vec<_>>(), expected);
    assert_eq!(
        (told[0].subject.as_str(), told[0].author.as_str()),
        ("main", "Ada <ada@example.com>")
    );

    // Of a refused head everything that the mode looks at is told too.
    told.clear();
    let verdict = verify_each(
        objects,
        &house.policy(Mode::All),
        None,
        &merge,
        &mut |report| {
            told.push(report);
        },
    );
    assert!(matches!(verdict.unwrap(), Verdict::Refused(_)));
    assert_eq!((told.len(), told[1].role), (3, Role::Checked));
}

#[test]
fn the_proof_names_the_keys_the_range_and_the_rule() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let two = house.foreign(&[one], "two");
    let three = house.good(&[two], "three");
    let mut policy = house.policy(Mode::Path);
    let lines = house.ada.line("ada") + &house.eve.line("eve");
    policy.signers = crate::kit::policy(&lines, Introduction::FirstSigned).signers;
    let ratchet = accepted(&house.history.objects, &policy, None, base).ratchet;
    let proof = accepted(&house.history.objects, &policy, Some(&ratchet), three).proof;
    let counted: Vec<(&str, usize)> = proof
        .signers
        .iter()
        .map(|signed| (signed.principal.as_str(), signed.commits))
        .collect();
    assert_eq!(counted, [("ada", 2), ("eve", 1)]);
    assert_eq!(
        (proof.since.commit(), proof.to, proof.new_commits),
        (Some(base), three, 3)
    );
    assert!(
        proof
            .signers
            .iter()
            .all(|signed| signed.key.starts_with("SHA256:"))
    );
}

#[test]
fn a_refusal_names_commit_rule_and_command() {
    let mut house = House::new();
    let base = house.base;
    let bad = house.bad(&[base], "forgot");
    let text = |mode| refused(&house.history.objects, &house.policy(mode), None, bad).to_string();
    assert_eq!(
        text(Mode::Path),
        format!(
            "commit {bad} \"forgot\" by Ada <ada@example.com> is refused: it is not signed (mode path since the \
             introduction {base}); run `windlass trust countersign --from {base}` in a clone and push"
        )
    );
    // Where each commit must be signed itself, a merge on top does not help.
    let all = text(Mode::All);
    assert!(
        all.contains(&format!("commit --amend --no-edit -S' {base}")),
        "{all}"
    );
}

#[test]
fn a_key_that_had_expired_before_the_accepted_commit_cannot_backdate() {
    let mut house = House::new();
    let base = house
        .history
        .raw(&house.history.text_at(&[], "base", 1_700_000_000));
    let backdated = house.history.text_at(&[base], "backdated", 1_600_000_000);
    let backdated = house.history.sign(&house.eve, &backdated);
    let aside = house.history.text_at(&[], "an old branch", 1_600_000_000);
    let aside = house.history.sign(&house.eve, &aside);
    let merge = house.good(&[base, aside], "merge");
    let expired = house
        .eve
        .line("eve")
        .replacen(' ', " valid-before=\"20220101Z\" ", 1);
    let lines = house.ada.line("ada") + &expired;
    let policy = Policy {
        mode: Mode::All,
        ..policy(&lines, Introduction::Commit(base))
    };
    let refusal = refused(&house.history.objects, &policy, None, backdated);
    assert_eq!(
        (refusal.commit, refusal.reason.code()),
        (backdated, "KeyExpired")
    );
    // What does not descend from the accepted commit may be as old as it says.
    accepted(&house.history.objects, &policy, None, merge);
}
