//! How two commits stand to each other.

use windlass_trust::{Oid, fork_of};

use crate::house::House;

#[test]
fn two_ways_part_at_the_newest_commit_from_which_both_go_on() {
    let mut house = House::new();
    let base = house.base;
    let one = house.good(&[base], "one");
    let two = house.good(&[one], "two");
    let other = house.good(&[one], "other");
    let older = house.good(&[base], "older");
    let merge = house.good(&[older, other], "merge");
    let fork = |one: &Oid, other: &Oid| fork_of(&house.history.objects, (one, other), Some(&base));
    assert_eq!(fork(&other, &two), Some(one));
    assert_eq!(fork(&merge, &two), Some(one));
    assert_eq!(fork(&two, &merge), Some(one));
    assert_eq!(fork(&older, &two), Some(base));
    assert_eq!(fork(&two, &house.history.tree), None);
}
