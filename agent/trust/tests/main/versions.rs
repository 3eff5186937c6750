//! A range of versions: what may stand elsewhere than on top of what was accepted.

use windlass_trust::{Mode, Policy, Ratchet, RefusalReason};

use crate::charted::{Charted, ada, eve, revoked};
use crate::house::House;
use crate::kit::{Key, accepted};
use crate::reference::semver;

#[test]
fn t40_a_higher_version_beside_the_line_needs_a_signed_tag() {
    let mut house = House::new();
    let base = house.base;
    let old = house.good(&[base], "1.0");
    let beside = house.good(&[old], "1.0.1");
    let accepted = house.good(&[old], "1.1");
    let unsigned = house.tag(None, "v9.0.0", old);
    let foreign = house.tag(Some(&Key::new(2)), "v9.0.0", old);
    let renamed = house.signed_tag("v1.0.0", old);
    let signed = house.signed_tag("v9.0.0", old);
    for mode in [Mode::Path, Mode::FirstParent, Mode::All] {
        for policy in [
            house.policy(mode),
            Policy {
                mode,
                ..house.others()
            },
        ] {
            let found = ("refs/tags/v1.1.0", accepted);
            let stands = house.judge(&policy, None, &semver(), found).unwrap();
            let rise = |target| {
                let found = ("refs/tags/v9.0.0", target);
                house.judge(&policy, Some(&stands.ratchet), &semver(), found)
            };
            for target in [old, beside, unsigned, foreign, renamed] {
                let refusal = rise(target).unwrap_err();
                assert_eq!(refusal.reason.code(), "VersionNotSigned", "{refusal}");
                assert!(refusal.to_string().contains("git tag -s -f v9.0.0"));
            }
            assert_eq!(rise(signed).unwrap().source.commit(), old);
        }
    }
}

#[test]
fn a_higher_version_on_top_is_judged_as_what_is_new_and_not_by_its_head_alone() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "1.0");
    let unsigned = house.bad(&[one], "unsigned");
    let two = house.good(&[unsigned], "1.1");
    for policy in [house.policy(Mode::Path), house.others()] {
        let found = ("refs/tags/v1.0.0", one);
        let stands = house.judge(&policy, None, &semver(), found).unwrap();
        let found = ("refs/tags/v1.1.0", two);
        let refusal = house
            .judge(&policy, Some(&stands.ratchet), &semver(), found)
            .unwrap_err();
        assert_eq!(
            (refusal.commit, refusal.reason),
            (unsigned, RefusalReason::Unsigned)
        );
    }
}

#[test]
fn t42_a_higher_version_beside_the_line_brings_no_older_policy_back() {
    let mut it = Charted::new();
    let start = it.start;
    let before = it.change(&eve(), &[start], "apps/web.yaml", "web: old\n");
    let text = format!("version = 2\n{}", revoked(&eve(), "hard"));
    let stands = it.change(&ada(), &[start], "windlass.policy", &text);
    let tag = it.house.signed_tag("v9.0.0", before);
    let policy = it.house.policy(Mode::Path);
    let objects = &it.house.history.objects;
    let ratchet = Ratchet {
        version: Some("v1.0.0".to_owned()),
        ..accepted(objects, &policy, None, stands).ratchet
    };
    let found = ("refs/tags/v9.0.0", tag);
    let judged = it.house.judge(&policy, Some(&ratchet), &semver(), found);
    let refusal = judged.unwrap_err();
    assert_eq!(refusal.reason.code(), "PolicyNotNewer", "{refusal}");
}
