//! A policy that more than one root has to sign.

use windlass_trust::{AllowedSigners, Mode, POLICY_SIGNATURES, Signers, policy_signers};

use crate::charted::{Charted, ada, eve, principal, revoked};
use crate::kit::{Key, accepted, refused};

const NAMESPACE: &str = "windlass-policy";

fn bob() -> Key {
    Key::new(5)
}

/// A policy at a version that asks for so many roots.
fn policy(version: u64, threshold: u8) -> String {
    let eve = principal("eve", &eve(), &["apps/**"]);
    format!("version = {version}\nthreshold = {threshold}\n{eve}")
}

/// A house with two roots and a policy that both must sign to change.
fn house() -> Charted {
    Charted::with(&policy(1, 2), &[("apps/web.yaml", "web: 1\n")])
}

/// Both roots, whatever `Charted` pins.
fn roots(it: &Charted, mode: Mode) -> windlass_trust::Policy {
    let lines = ada().line("ada") + &bob().line("bob");
    windlass_trust::Policy {
        signers: AllowedSigners::parse(&lines).unwrap().into(),
        ..it.house.policy(mode)
    }
}

#[track_caller]
fn judged(policy: &str, signatures: &str) -> Result<(), String> {
    let mut it = house();
    // Trust begins where the policy is in force.
    let start = it.start;
    it.files.insert(POLICY_SIGNATURES, signatures.to_owned());
    let head = it.change(&ada(), &[start], "windlass.policy", policy);
    let outcomes = [Mode::Path, Mode::FirstParent, Mode::All].map(|mode| {
        let introduction = windlass_trust::Introduction::Commit(start);
        let policy = windlass_trust::Policy {
            introduction,
            ..roots(&it, mode)
        };
        let verdict = windlass_trust::verify(&it.house.history.objects, &policy, None, &head);
        match verdict.unwrap() {
            windlass_trust::Verdict::Accepted(_) => Ok(()),
            windlass_trust::Verdict::Refused(refusal) => Err(refusal.reason.to_string()),
        }
    });
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
    let [outcome, ..] = outcomes;
    outcome
}

#[test]
fn t42_as_many_roots_sign_as_the_policy_asks_for() {
    let next = policy(2, 2);
    let by = |key: &Key, text: &str| key.armour(NAMESPACE, text.as_bytes());
    judged(&next, &by(&bob(), &next)).unwrap();
    judged(&next, &(by(&ada(), &next) + &by(&bob(), &next))).unwrap();
    // An older signature beside it is in nobody's way.
    let old = by(&bob(), &policy(1, 2));
    judged(&next, &(old.clone() + &by(&bob(), &next))).unwrap();
    for signatures in [
        String::new(),
        old,
        "-----BEGIN SSH SIGNATURE-----\n".to_owned(),
        by(&ada(), &next) + &by(&ada(), &next),
        by(&eve(), &next),
        bob().armour("git", next.as_bytes()),
        by(&bob(), &policy(3, 2)),
    ] {
        let why = judged(&next, &signatures).unwrap_err();
        assert!(
            why.contains("2 keys that are pinned on the nodes must sign, and 1 did"),
            "{why}"
        );
    }
}

#[test]
fn t42_a_root_that_the_policy_revokes_is_not_counted() {
    let carol = Key::new(6);
    for how in ["soft", "hard"] {
        let gone = revoked(&carol, how);
        let text = |version| format!("{}{gone}", policy(version, 2));
        let mut it = Charted::with(&text(1), &[("apps/web.yaml", "web: 1\n")]);
        let (start, next) = (it.start, text(2));
        let mut judged = |by: &Key| {
            let signed = by.armour(NAMESPACE, next.as_bytes());
            it.files.insert(POLICY_SIGNATURES, signed);
            let head = it.change(&ada(), &[start], "windlass.policy", &next);
            let lines = ada().line("ada") + &bob().line("bob") + &carol.line("carol");
            let policy = windlass_trust::Policy {
                introduction: windlass_trust::Introduction::Commit(start),
                signers: AllowedSigners::parse(&lines).unwrap().into(),
                ..it.house.policy(Mode::Path)
            };
            windlass_trust::verify(&it.house.history.objects, &policy, None, &head).unwrap()
        };
        let windlass_trust::Verdict::Refused(refusal) = judged(&carol) else {
            panic!("a revoked root was counted");
        };
        assert_eq!(refusal.reason.code(), "PolicyNeedsMore");
        let by_bob = judged(&bob());
        assert!(matches!(by_bob, windlass_trust::Verdict::Accepted(_)));
    }
}

#[test]
fn t42_fewer_roots_are_not_enough_to_ask_for_fewer() {
    let one = policy(2, 1);
    let why = judged(&one, "").unwrap_err();
    assert!(why.contains("2 keys"), "{why}");
    judged(&one, &bob().armour(NAMESPACE, one.as_bytes())).unwrap();
    // Nor to ask for more: nobody locks the others out alone.
    let three = policy(2, 3);
    let why = judged(&three, &bob().armour(NAMESPACE, three.as_bytes())).unwrap_err();
    assert!(
        why.contains("3 keys that are pinned on the nodes must sign, and 2 did"),
        "{why}"
    );
    for zero in [policy(2, 0), policy(2, 0).replace("= 0", "= -1")] {
        assert!(
            judged(&zero, "")
                .unwrap_err()
                .contains("policy cannot be used")
        );
    }
}

#[test]
fn t42_the_first_policy_that_asks_for_two_needs_two() {
    let mut it = house();
    let refusal = refused(
        &it.house.history.objects,
        &roots(&it, Mode::Path),
        None,
        it.start,
    );
    assert_eq!(refusal.reason.code(), "PolicyNeedsMore");
    let text = it.files.get("windlass.policy").unwrap().clone();
    let base = it.house.base;
    let signed = bob().armour(NAMESPACE, text.as_bytes());
    let head = it.change(&ada(), &[base], POLICY_SIGNATURES, &signed);
    accepted(
        &it.house.history.objects,
        &roots(&it, Mode::Path),
        None,
        head,
    );
    // Whoever the policy names changes no signatures.
    let wiped = it.change(&eve(), &[head], POLICY_SIGNATURES, "");
    let refusal = refused(
        &it.house.history.objects,
        &roots(&it, Mode::Path),
        None,
        wiped,
    );
    assert_eq!(refusal.reason.code(), "PathNotAllowed");
}

#[test]
fn a_person_is_told_whose_signatures_count() {
    let text = policy(1, 2);
    let file = bob().armour(NAMESPACE, text.as_bytes()) + &eve().armour(NAMESPACE, text.as_bytes());
    let roots: Signers = AllowedSigners::parse(&bob().line("bob")).unwrap().into();
    let found = policy_signers(text.as_bytes(), file.as_bytes(), &roots, 1_700_000_000);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].as_ref().unwrap().principal, "bob");
    assert_eq!(found[1].as_ref().unwrap_err().code(), "UnknownKey");
}

#[test]
fn t42_a_tag_vouches_for_no_policy_that_one_root_may_not_make() {
    let (start, next) = (house(), policy(2, 1));
    let mut it = start;
    let base = it.start;
    let own = it.commit(&eve(), &[base], "nothing");
    let changed = it.change(&eve(), &[base], "windlass.policy", &next);
    it.files.remove("windlass.policy");
    let gone = it.commit(&eve(), &[base], "gone");
    let judged = |it: &mut Charted, head| {
        let policy = windlass_trust::Policy {
            introduction: windlass_trust::Introduction::Commit(base),
            ..roots(it, Mode::Path)
        };
        let tag = it.house.signed_tag("v1", head);
        let selector = windlass_trust::Selector::Tag("v1".to_owned());
        let found = windlass_trust::Found {
            reference: "refs/tags/v1",
            target: tag,
        };
        let objects = &it.house.history.objects;
        let verdict =
            windlass_trust::verify_reference(objects, &policy, None, &selector, &found).unwrap();
        match verdict {
            windlass_trust::Verdict::Accepted(_) => "accepted",
            windlass_trust::Verdict::Refused(refusal) => refusal.reason.code(),
        }
    };
    assert_eq!(judged(&mut it, own), "accepted");
    assert_eq!(judged(&mut it, changed), "PolicyNeedsMore");
    assert_eq!(judged(&mut it, gone), "PolicyRemoved");
}
