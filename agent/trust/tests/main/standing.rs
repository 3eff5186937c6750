//! Whether what was accepted would still be vouched for, after a key was taken away.

use windlass_trust::{Found, Introduction, Mode, Oid, Policy, disowned};

use crate::charted::{Charted, EVERY, ada, eve, principal, revoked};
use crate::house::House;
use crate::kit::{Key, policy};

fn on_main(target: Oid) -> Found<'static> {
    Found {
        target,
        reference: "refs/heads/main",
    }
}

/// The code of the reason, or "" where somebody vouches.
fn said(house: &House, policy: &Policy, found: &Found<'_>) -> String {
    let reason = disowned(&house.history.objects, policy, found).unwrap();
    reason.map_or_else(String::new, |reason| reason.code().to_owned())
}

/// What the house pins, with another list of signers.
fn with_signers(house: &House, signers: &str, mode: Mode) -> Policy {
    Policy {
        mode,
        ..policy(signers, Introduction::Commit(house.base))
    }
}

#[test]
fn a_head_is_disowned_when_its_root_was_taken_off_the_node() {
    let mut house = House::new();
    let head = house.good(&[house.base], "by ada");
    for mode in EVERY {
        assert_eq!(said(&house, &house.policy(mode), &on_main(head)), "");
        let others = with_signers(&house, &Key::new(7).line("other"), mode);
        assert_eq!(said(&house, &others, &on_main(head)), "UnknownKey");
        // The introduction is pinned by its id, and needs nobody.
        assert_eq!(said(&house, &others, &on_main(house.base)), "");
    }
}

#[test]
fn a_first_head_that_introduced_itself_needs_its_key() {
    let mut house = House::new();
    let head = house.good(&[house.base], "by ada");
    let first = |signers: &str| policy(signers, Introduction::FirstSigned);
    assert_eq!(
        said(&house, &first(&house.ada.line("ada")), &on_main(head)),
        ""
    );
    let others = first(&Key::new(7).line("other"));
    assert_eq!(said(&house, &others, &on_main(head)), "UnknownKey");
    // A node that began there does not keep what lies before.
    house.history.objects.0.remove(&house.base);
    assert_eq!(said(&house, &others, &on_main(head)), "UnknownKey");
}

#[test]
fn a_signed_tag_vouches_for_what_runs_but_in_mode_all() {
    let mut house = House::new();
    let head = house.bad(&[house.base], "unsigned");
    let target = house.signed_tag("v1", head);
    let found = Found {
        target,
        reference: "refs/tags/v1",
    };
    let renamed = Found {
        target,
        reference: "refs/tags/v2",
    };
    for mode in EVERY {
        let vouched = if mode == Mode::All { "Unsigned" } else { "" };
        assert_eq!(said(&house, &house.policy(mode), &found), vouched);
        assert_eq!(said(&house, &house.policy(mode), &renamed), "Unsigned");
        let others = with_signers(&house, &Key::new(7).line("other"), mode);
        assert_eq!(said(&house, &others, &found), "Unsigned");
    }
}

#[test]
fn a_signer_of_the_policy_needs_the_policy_before() {
    let mut it = Charted::new();
    let start = it.start;
    let head = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
    let foreign = it.change(&eve(), &[start], "infra/net.yaml", "net: 2\n");
    // A merge counts if the policy of one of its sides admits it, or that of all.
    let base = it.house.base;
    let merge = it.commit(&eve(), &[head, base], "merge");
    for mode in EVERY {
        let policy = it.house.policy(mode);
        assert_eq!(said(&it.house, &policy, &on_main(head)), "");
        assert_eq!(
            said(&it.house, &policy, &on_main(foreign)),
            "PathNotAllowed"
        );
        // Both took the foreign change in: it differs from what is before on each side.
        assert_eq!(said(&it.house, &policy, &on_main(merge)), "PathNotAllowed");
    }
}

#[test]
fn a_root_whom_the_policy_bars_does_not_vouch() {
    let mut it = Charted::new();
    let start = it.start;
    let text = format!(
        "version = 2\n{}{}",
        principal("eve", &eve(), &["apps/**"]),
        revoked(&ada(), "hard")
    );
    let barred = it.change(&ada(), &[start], "windlass.policy", &text);
    for mode in EVERY {
        let policy = it.house.policy(mode);
        assert_eq!(said(&it.house, &policy, &on_main(start)), "");
        assert_eq!(
            said(&it.house, &policy, &on_main(barred)),
            "RevokedByPolicy"
        );
    }
}
