//! A lost ratchet: from whose memory it is made again, and when it waits for a person.

use windlass_trust::{Doubt, Healed, Memory, Mode, Oid, Origin, Selector, heal};

use crate::house::House;

impl House {
    fn heal(&self, memories: &[Memory]) -> Healed {
        let branch = Selector::Branch("main".to_owned());
        heal(
            &self.history.objects,
            &self.policy(Mode::Path),
            &branch,
            memories,
        )
    }
}

fn witness(node: &str, head: Oid, counter: u64) -> Memory {
    Memory {
        origin: Origin::Witness(node.to_owned()),
        head,
        version: None,
        counter,
        found: None,
    }
}

fn inventory(head: Oid) -> Memory {
    Memory {
        origin: Origin::Inventory("Kustomization/flux-system/apps".to_owned()),
        ..witness("", head, 0)
    }
}

#[test]
fn t45_a_lost_ratchet_is_made_again_from_the_newest_memory_that_verifies() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let two = house.good(&[one], "two");
    for memories in [
        [witness("a", two, 7), inventory(one)],
        [inventory(one), witness("a", two, 7)],
    ] {
        let Healed::Ratchet {
            ratchet,
            from,
            refused,
        } = house.heal(&memories)
        else {
            panic!("waits");
        };
        assert_eq!(
            (ratchet.head, ratchet.introduction, ratchet.counter),
            (two, base, 8)
        );
        assert_eq!(from, Origin::Witness("a".to_owned()));
        assert!(refused.is_empty());
    }
    let healed = house.heal(&[inventory(one)]);
    assert!(
        matches!(healed, Healed::Ratchet { ratchet, .. } if ratchet.counter == 1 && ratchet.head == one)
    );
}

#[test]
fn t56_what_does_not_verify_heals_nothing_and_is_told() {
    let mut house = House::new();
    let base = house.base;
    let good = house.good(&[base], "good");
    let evil = house.foreign(&[good], "evil");
    let healed = house.heal(&[witness("hacked", evil, 99), inventory(good)]);
    let Healed::Ratchet {
        ratchet, refused, ..
    } = healed
    else {
        panic!("waits");
    };
    assert_eq!((ratchet.head, ratchet.counter), (good, 100));
    assert_eq!(refused[0].1.commit, evil);
    let Healed::Waits(doubts) = house.heal(&[witness("hacked", evil, 99)]) else {
        panic!("healed");
    };
    assert!(matches!(&doubts[..], [Doubt::Refused { .. }]), "{doubts:?}");
    assert!(
        matches!(house.heal(&[]), Healed::Waits(doubts) if matches!(doubts[..], [Doubt::NoMemory]))
    );
}

#[test]
fn t40_two_memories_of_which_neither_descends_from_the_other_wait_for_a_person() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let other = house.good(&[base], "other");
    let Healed::Waits(doubts) = house.heal(&[witness("a", one, 2), witness("b", other, 2)]) else {
        panic!("healed");
    };
    assert!(
        matches!(&doubts[..], [Doubt::SplitView { .. }]),
        "{doubts:?}"
    );
}

#[test]
fn a_memory_that_cannot_be_looked_at_may_be_the_newest_and_waits() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let gone = house.good(&[one], "gone");
    house.history.objects.0.remove(&gone);
    let Healed::Waits(doubts) = house.heal(&[witness("a", gone, 2), inventory(one)]) else {
        panic!("healed");
    };
    assert!(
        matches!(&doubts[..], [Doubt::Unreadable { .. }]),
        "{doubts:?}"
    );
}

#[test]
fn of_versions_the_higher_one_is_taken() {
    let mut house = House::new();
    let base = house.base;
    let old = house.good(&[base], "1.0 on its branch");
    let new = house.good(&[base], "1.1");
    let remembered = |version: &str, head, counter| Memory {
        version: Some(version.to_owned()),
        ..witness("a", head, counter)
    };
    let memories = [remembered("v1.10.0", new, 1), remembered("v1.9.0", old, 5)];
    let semver = Selector::Semver(">=1".to_owned());
    let healed = heal(
        &house.history.objects,
        &house.policy(Mode::Path),
        &semver,
        &memories,
    );
    let Healed::Ratchet { ratchet, .. } = healed else {
        panic!("waits");
    };
    assert_eq!(
        (ratchet.head, ratchet.version.as_deref(), ratchet.counter),
        (new, Some("v1.10.0"), 6)
    );
}

#[test]
fn t45_a_lower_version_that_is_not_there_any_more_does_not_stop_a_higher_one() {
    let mut house = House::new();
    let base = house.base;
    let old = house.good(&[base], "1.0 on its branch");
    let new = house.good(&[base], "1.1");
    house.history.objects.0.remove(&old);
    let remembered = |version: &str, head| Memory {
        version: Some(version.to_owned()),
        ..witness(version, head, 1)
    };
    let semver = Selector::Semver(">=1".to_owned());
    let heal = |memories: &[Memory]| {
        heal(
            &house.history.objects,
            &house.policy(Mode::Path),
            &semver,
            memories,
        )
    };
    let healed = heal(&[remembered("v1.0.0", old), remembered("v1.1.0", new)]);
    assert!(matches!(healed, Healed::Ratchet { ratchet, .. } if ratchet.head == new));
    let waits = heal(&[remembered("v1.2.0", old), remembered("v1.1.0", new)]);
    assert!(matches!(waits, Healed::Waits(_)), "it may be the newest");
}

/// Only the tag is signed: what it named vouches for the commit again, under its own name.
#[test]
fn t45_what_a_signed_tag_vouched_for_is_vouched_for_by_it_again() {
    let mut house = House::new();
    let base = house.base;
    let commit = house.bad(&[base], "release");
    let tag = house.signed_tag("v1.2.0", commit);
    let unsigned = house.tag(None, "v1.2.0", commit);
    let semver = Selector::Semver(">=1".to_owned());
    let heal = |reference: &str, target| {
        let memory = Memory {
            found: Some((reference.to_owned(), target)),
            ..witness("a", commit, 4)
        };
        heal(
            &house.history.objects,
            &house.policy(Mode::Path),
            &semver,
            &[memory],
        )
    };
    let Healed::Ratchet { ratchet, .. } = heal("refs/tags/v1.2.0", tag) else {
        panic!("waits");
    };
    assert_eq!(
        (ratchet.head, ratchet.version.as_deref(), ratchet.counter),
        (commit, Some("v1.2.0"), 5)
    );
    for (reference, target) in [("refs/tags/v1.3.0", tag), ("refs/tags/v1.2.0", unsigned)] {
        assert!(
            matches!(heal(reference, target), Healed::Waits(_)),
            "{reference}"
        );
    }
}
