//! Tags, ranges of versions and pins: which way a line may go, and what a signed tag vouches for.

use windlass_trust::{
    Accepted, Candidate, Found, Introduction, Mode, ObjectKind, Oid, Pin, Policy, Ratchet, Refusal,
    RefusalReason, Selector, Since, Step, Verdict, advance, verify_pinned, verify_reference,
};

use crate::house::House;
use crate::kit::{Key, accepted};

impl House {
    pub(crate) fn others(&self) -> Policy {
        Policy {
            introduction: Introduction::FirstSigned,
            ..self.policy(Mode::Path)
        }
    }

    pub(crate) fn judge(
        &self,
        policy: &Policy,
        ratchet: Option<&Ratchet>,
        selector: &Selector,
        (reference, target): (&str, Oid),
    ) -> Result<Accepted, Box<Refusal>> {
        let found = Found { target, reference };
        match verify_reference(&self.history.objects, policy, ratchet, selector, &found).unwrap() {
            Verdict::Accepted(accepted) => Ok(accepted),
            Verdict::Refused(refusal) => Err(Box::new(refusal)),
        }
    }
}

pub(crate) fn semver() -> Selector {
    Selector::Semver(">=1.0.0".to_owned())
}

fn tag(name: &str) -> Selector {
    Selector::Tag(name.to_owned())
}

fn branch() -> Selector {
    Selector::Branch("main".to_owned())
}

#[test]
fn each_kind_of_selector_moves_its_own_way() {
    let oid = |byte: u8| Oid::from_bytes([byte; 20]);
    let ratchet = |version: Option<&str>| Ratchet {
        head: oid(1),
        introduction: oid(1),
        counter: 3,
        version: version.map(str::to_owned),
        spent: Vec::new(),
        left: Vec::new(),
    };
    let candidate = |byte: u8, tag: &str| Candidate {
        commit: oid(byte),
        tag: (!tag.is_empty()).then(|| tag.to_owned()),
    };
    let step = |version: Option<&str>, selector: &Selector, candidate: &Candidate| {
        advance(Some(&ratchet(version)), selector, candidate).map_err(|reason| reason.code())
    };
    for selector in [
        branch(),
        tag("v1"),
        semver(),
        Selector::Name("refs/pull/1/head".to_owned()),
    ] {
        assert_eq!(
            advance(None, &selector, &candidate(2, "v1.0.0")),
            Ok(Step::Start)
        );
        assert_eq!(
            step(Some("v1.0.0"), &selector, &candidate(1, "v1.0.0")),
            Ok(Step::Stay)
        );
        assert_eq!(
            step(Some("v1.0.0"), &selector, &candidate(2, "v1.0.0")),
            Ok(Step::Descend)
        );
    }
    let semver = semver();
    for (accepted, found, expected) in [
        ("v1.0.0", "v1.0.1", Ok(Step::Rise)),
        ("v1.0.0", "1.1.0", Ok(Step::Rise)),
        ("v1.9.0", "v1.10.0", Ok(Step::Rise)),
        ("v1.0.0-rc.1", "v1.0.0", Ok(Step::Rise)),
        ("v1.0.0", "v1.0.0+build", Ok(Step::Descend)),
        ("v1.0.0", "v1.0.0-rc.2", Err("LowerVersion")),
        ("v1.10.0", "v1.9.9", Err("LowerVersion")),
        ("v1.0.0", "latest", Err("NotAVersion")),
        ("v1.0.0", "", Err("NotAVersion")),
    ] {
        assert_eq!(
            step(Some(accepted), &semver, &candidate(2, found)),
            expected,
            "{accepted} to {found}"
        );
    }
}

#[test]
fn without_a_known_version_a_line_only_goes_forward_and_a_pin_goes_nowhere() {
    let (one, two) = (Oid::from_bytes([1; 20]), Oid::from_bytes([2; 20]));
    // An older windlass wrote no version.
    let ratchet = Ratchet {
        head: one,
        introduction: one,
        counter: 3,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let step = |selector: &Selector, commit: Oid| {
        let tag = Some("v9.0.0".to_owned());
        advance(Some(&ratchet), selector, &Candidate { commit, tag })
            .map_err(|reason| reason.code())
    };
    assert_eq!(step(&semver(), two), Ok(Step::Descend));
    assert_eq!(step(&Selector::Commit(one), one), Ok(Step::Stay));
    assert_eq!(step(&Selector::Commit(one), two), Err("NotThePinnedCommit"));
}

#[test]
fn a_higher_version_on_a_branch_of_its_own_is_accepted_and_a_lower_one_never() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "1.0");
    let patched = house.good(&[one], "1.0.1 on its release branch");
    let main = house.good(&[one], "main");
    let two = house.good(&[main], "1.1");
    let release = house.signed_tag("v1.1.0", two);
    for policy in [house.policy(Mode::Path), house.others()] {
        let first = house
            .judge(&policy, None, &semver(), ("refs/tags/v1.0.1", patched))
            .unwrap();
        assert_eq!(first.ratchet.version.as_deref(), Some("v1.0.1"));
        let next = house
            .judge(
                &policy,
                Some(&first.ratchet),
                &semver(),
                ("refs/tags/v1.1.0", release),
            )
            .unwrap();
        assert_eq!((next.ratchet.head, next.ratchet.counter), (two, 2));
        let refusal = house
            .judge(
                &policy,
                Some(&next.ratchet),
                &semver(),
                ("refs/tags/v1.0.1", patched),
            )
            .unwrap_err();
        assert_eq!(refusal.reason.code(), "LowerVersion");
        // The same line again writes nothing, and the lower tag over the same commit changes nothing.
        for name in ["refs/tags/v1.1.0", "refs/tags/v1.0.9"] {
            let again = house
                .judge(&policy, Some(&next.ratchet), &semver(), (name, two))
                .unwrap();
            assert_eq!(again.ratchet, next.ratchet);
        }
        let higher = house
            .judge(
                &policy,
                Some(&next.ratchet),
                &semver(),
                ("refs/tags/v1.2.0", two),
            )
            .unwrap();
        assert_eq!(
            (higher.ratchet.counter, higher.ratchet.version.as_deref()),
            (3, Some("v1.2.0"))
        );
    }
}

#[test]
fn t40_a_moved_tag_must_descend_from_what_it_named() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let two = house.good(&[one], "two");
    let beside = house.good(&[base], "beside");
    for (selector, reference) in [
        (tag("v1.0.0"), "refs/tags/v1.0.0"),
        (semver(), "refs/tags/v1.0.0"),
    ] {
        let policy = house.policy(Mode::Path);
        let first = house
            .judge(&policy, None, &selector, (reference, one))
            .unwrap();
        let forward = house
            .judge(&policy, Some(&first.ratchet), &selector, (reference, two))
            .unwrap();
        assert_eq!(forward.ratchet.head, two);
        for (other, behind) in [(beside, None), (one, Some(1))] {
            let refusal = house
                .judge(
                    &policy,
                    Some(&forward.ratchet),
                    &selector,
                    (reference, other),
                )
                .unwrap_err();
            assert_eq!(
                refusal.reason,
                RefusalReason::NotFastForward {
                    accepted: two,
                    behind
                }
            );
        }
    }
}

#[test]
fn a_signed_tag_vouches_for_an_unsigned_commit_unless_every_commit_must_be_signed() {
    let mut house = House::new();
    let commit = house.history.unsigned(&[house.base], "release");
    let ada = Key::new(1);
    let signed = house.tag(Some(&ada), "v1.0.0", commit);
    let found = ("refs/tags/v1.0.0", signed);
    for policy in [house.policy(Mode::Path), house.others()] {
        let accepted = house.judge(&policy, None, &tag("v1.0.0"), found).unwrap();
        assert_eq!(
            (accepted.source.commit(), accepted.signer.is_empty()),
            (commit, policy == house.policy(Mode::Path))
        );
        assert_eq!(accepted.proof.tag, Some(signed));
        assert_eq!(accepted.proof.signers[0].principal, "ada");
    }
    let all = Policy {
        mode: Mode::All,
        ..house.policy(Mode::Path)
    };
    let refusal = house.judge(&all, None, &tag("v1.0.0"), found).unwrap_err();
    assert_eq!(
        (refusal.commit, refusal.reason),
        (commit, RefusalReason::Unsigned)
    );
}

#[test]
fn a_signed_tag_does_not_let_in_what_does_not_descend_from_the_introduction() {
    let mut house = House::new();
    let elsewhere = house.history.unsigned(&[], "another root");
    let signed = house.tag(Some(&Key::new(1)), "v1.0.0", elsewhere);
    let refusal = house
        .judge(
            &house.policy(Mode::Path),
            None,
            &tag("v1.0.0"),
            ("refs/tags/v1.0.0", signed),
        )
        .unwrap_err();
    assert_eq!(refusal.reason.code(), "NotDescendantOfIntroduction");
}

#[test]
fn a_tag_that_does_not_count_is_named_and_a_signed_commit_under_it_still_does() {
    let mut house = House::new();
    let base = house.base;
    let unsigned = house.history.unsigned(&[base], "unsigned");
    let signed = house.good(&[base], "signed");
    let foreign = |house: &mut House, target| house.tag(Some(&Key::new(2)), "v1.0.0", target);
    let bad = foreign(&mut house, unsigned);
    let refusal = house
        .judge(
            &house.policy(Mode::Path),
            None,
            &tag("v1.0.0"),
            ("refs/tags/v1.0.0", bad),
        )
        .unwrap_err();
    assert_eq!(refusal.reason.code(), "TagNotTrusted");
    assert!(
        refusal
            .to_string()
            .contains("is not in the allowed signers"),
        "{refusal}"
    );
    let other_name = house.tag(Some(&Key::new(1)), "v0.9.0", unsigned);
    let refusal = house
        .judge(
            &house.policy(Mode::Path),
            None,
            &tag("v1.0.0"),
            ("refs/tags/v1.0.0", other_name),
        )
        .unwrap_err();
    assert!(
        refusal.to_string().contains("under the name \"v0.9.0\""),
        "{refusal}"
    );
    let good = foreign(&mut house, signed);
    let accepted = house
        .judge(
            &house.policy(Mode::Path),
            None,
            &tag("v1.0.0"),
            ("refs/tags/v1.0.0", good),
        )
        .unwrap();
    assert_eq!(
        (accepted.signer.as_str(), accepted.proof.tag),
        ("ada", None)
    );
}

#[test]
fn tags_of_tags_are_taken_off_and_not_for_ever() {
    let mut house = House::new();
    let base = house.base;
    let commit = house.good(&[base], "release");
    let mut target = house.tag(None, "v1.0.0", commit);
    for _ in 0..7 {
        let text = format!(
            "object {target}\ntype tag\ntag v1.0.0\ntagger Ada <ada@example.com> 1700000000 +0000\n\nx\n"
        );
        target = house.history.objects.put(ObjectKind::Tag, text.as_bytes());
    }
    let accepted = house.judge(
        &house.policy(Mode::Path),
        None,
        &tag("v1.0.0"),
        ("refs/tags/v1.0.0", target),
    );
    assert_eq!(accepted.unwrap().source.commit(), commit);
    let text = format!(
        "object {target}\ntype tag\ntag v1.0.0\ntagger Ada <ada@example.com> 1700000000 +0000\n\nx\n"
    );
    let deeper = house.history.objects.put(ObjectKind::Tag, text.as_bytes());
    let refusal = house
        .judge(
            &house.policy(Mode::Path),
            None,
            &tag("v1.0.0"),
            ("refs/tags/v1.0.0", deeper),
        )
        .unwrap_err();
    assert_eq!(refusal.reason.code(), "AmbiguousObject");
    let tree = house.history.tree;
    let refusal = house
        .judge(
            &house.policy(Mode::Path),
            None,
            &branch(),
            ("refs/heads/main", tree),
        )
        .unwrap_err();
    assert_eq!(refusal.reason.code(), "NotACommit");
}

#[test]
fn a_branch_is_judged_as_a_plain_head() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let two = house.good(&[one], "two");
    let policy = house.policy(Mode::Path);
    let plain = accepted(&house.history.objects, &policy, None, two);
    let found = house
        .judge(&policy, None, &branch(), ("refs/heads/main", two))
        .unwrap();
    assert_eq!(found, plain);
    let back = house.judge(
        &policy,
        Some(&plain.ratchet),
        &branch(),
        ("refs/heads/main", one),
    );
    assert_eq!(
        back.unwrap_err().reason,
        RefusalReason::NotFastForward {
            accepted: two,
            behind: Some(1)
        }
    );
}

#[test]
fn a_pinned_commit_needs_no_signature_and_must_be_readable_in_one_way() {
    let mut house = House::new();
    let base = house.base;
    let commit = house.history.unsigned(&[base], "somebody else's");
    let head = house.good(&[base], "names it");
    let objects = &house.history.objects;
    let naming = accepted(objects, &house.policy(Mode::Path), None, head).source;
    for pin in [Pin::in_verified(commit, &naming), Pin::on_node(commit)] {
        let Verdict::Accepted(accepted) =
            verify_pinned(objects, &house.others(), None, pin).unwrap()
        else {
            panic!("refused");
        };
        assert_eq!(
            (accepted.source.commit(), accepted.proof.since),
            (commit, Since::Pinned)
        );
        let again = verify_pinned(objects, &house.others(), Some(&accepted.ratchet), pin).unwrap();
        assert!(matches!(again, Verdict::Accepted(again) if again.ratchet == accepted.ratchet));
    }
    let text = house.history.text(&[], "x");
    let twice = house
        .history
        .raw(&text.replace("author", "author A <a@b> 1 +0000\nauthor"));
    let verdict = verify_pinned(
        &house.history.objects,
        &house.others(),
        None,
        Pin::on_node(twice),
    );
    assert!(
        matches!(verdict.unwrap(), Verdict::Refused(refusal) if refusal.reason.code() == "AmbiguousObject")
    );
}
