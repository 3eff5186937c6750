//! A lost ratchet: from whose memory it is made again, and when it waits for a person.

use windlass_trust::{
    Doubt, Healed, Introduction, Memory, Mode, Oid, Origin, Policy, Selector, heal,
};

use crate::kit::{History, Key, policy};

struct House {
    ada: Key,
    history: History,
    base: Oid,
}

impl House {
    fn new() -> Self {
        let mut history = History::new();
        let base = history.unsigned(&[], "introduction");
        Self {
            ada: Key::new(1),
            history,
            base,
        }
    }

    fn signed(&mut self, parents: &[Oid], message: &str) -> Oid {
        self.history.signed(&self.ada, parents, message)
    }

    fn policy(&self) -> Policy {
        Policy {
            mode: Mode::Path,
            ..policy(&self.ada.line("ada"), Introduction::Commit(self.base))
        }
    }

    fn heal(&self, memories: &[Memory]) -> Healed {
        let branch = Selector::Branch("main".to_owned());
        heal(&self.history.objects, &self.policy(), &branch, memories)
    }
}

fn witness(node: &str, head: Oid, counter: u64) -> Memory {
    Memory {
        origin: Origin::Witness(node.to_owned()),
        head,
        version: None,
        counter,
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
    let one = house.signed(&[base], "one");
    let two = house.signed(&[one], "two");
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
    let good = house.signed(&[base], "good");
    let evil = house.history.signed(&Key::new(2), &[good], "evil");
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
    let one = house.signed(&[base], "one");
    let other = house.signed(&[base], "other");
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
    let one = house.signed(&[base], "one");
    let gone = house.signed(&[one], "gone");
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
    let old = house.signed(&[base], "1.0 on its branch");
    let new = house.signed(&[base], "1.1");
    let remembered = |version: &str, head, counter| Memory {
        version: Some(version.to_owned()),
        ..witness("a", head, counter)
    };
    let memories = [remembered("v1.10.0", new, 1), remembered("v1.9.0", old, 5)];
    let semver = Selector::Semver(">=1".to_owned());
    let healed = heal(&house.history.objects, &house.policy(), &semver, &memories);
    let Healed::Ratchet { ratchet, .. } = healed else {
        panic!("waits");
    };
    assert_eq!(
        (ratchet.head, ratchet.version.as_deref(), ratchet.counter),
        (new, Some("v1.10.0"), 6)
    );
}
