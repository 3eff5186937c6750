//! A few objects that unfold to more than anybody can look at, by a stranger and by a signer of some files.

use std::time::{Duration, Instant};

use windlass_trust::{ObjectKind, Oid, verify};

use crate::charted::{Charted, EVERY, ada, eve, principal};
use crate::house::House;
use crate::kit::{Counted, Objects, accepted};

/// Far more than it takes where little else goes on; without a bound it takes longer than anybody waits.
const SOON: Duration = Duration::from_secs(60);

/// A directory with ten times the same directory on each of twenty levels.
fn bomb(objects: &mut Objects) -> Oid {
    let file = objects.put(ObjectKind::Blob, b"x\n");
    let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
    let level = |mode, of| -> Vec<_> {
        let names = names.iter();
        names.map(|name| (mode, name.as_str(), of)).collect()
    };
    let mut tree = objects.tree(&level("100644", file));
    for _ in 1..20 {
        tree = objects.tree(&level("40000", tree));
    }
    tree
}

#[test]
fn what_a_policy_of_nobody_grants_is_not_even_looked_at() {
    let mut house = House::new();
    let base = house.base;
    let objects = &mut house.history.objects;
    let text = format!(
        "version = 1\n{}",
        principal("eve", &eve(), &["apps/**/*.yaml"])
    );
    let policy = objects.put(ObjectKind::Blob, text.as_bytes());
    let bomb = bomb(objects);
    house.history.tree = objects.tree(&[("100644", "windlass.policy", policy)]);
    let own = house.bad(&[base], "her own policy");
    let apps = ("40000", "apps", bomb);
    let entries = [apps, ("100644", "windlass.policy", policy)];
    house.history.tree = house.history.objects.tree(&entries);
    let head = house.foreign(&[own], "bomb");
    for mode in EVERY {
        let began = Instant::now();
        let verdict = crate::kit::refused(&house.history.objects, &house.policy(mode), None, head);
        assert_eq!(
            (verdict.commit, verdict.reason.code()),
            (own, "Unsigned"),
            "{mode}"
        );
        assert!(began.elapsed() < SOON, "{mode}: {:?}", began.elapsed());
    }
}

#[test]
fn a_signer_of_some_files_is_refused_what_nobody_can_look_at_and_a_root_may_follow() {
    let granted = principal("eve", &eve(), &["apps/**/*.yaml"]);
    let mut it = Charted::with(&format!("version = 1\n{granted}"), &[]);
    let start = it.start;
    let objects = &mut it.house.history.objects;
    let policy = it.files["windlass.policy"].clone();
    let policy = objects.put(ObjectKind::Blob, policy.as_bytes());
    let file = objects.put(ObjectKind::Blob, b"a: 1\n");
    // Every file of it is one that she may change.
    let mut tree = objects.tree(&[("100644", "a.yaml", file), ("100644", "b.yaml", file)]);
    for _ in 1..30 {
        tree = objects.tree(&[("40000", "a", tree), ("40000", "b", tree)]);
    }
    let with = [
        ("40000", "apps", tree),
        ("100644", "windlass.policy", policy),
    ];
    it.house.history.tree = objects.tree(&with);
    let head = it.house.history.signed(&eve(), &[start], "bomb");
    let began = Instant::now();
    it.refuses(head, "TooManyChanges", head);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    // What a root signs is not compared.
    let merge = it.commit(&ada(), &[start, head], "vouched for");
    let mode = windlass_trust::Mode::Path;
    accepted(
        &it.house.history.objects,
        &it.house.policy(mode),
        None,
        merge,
    );
}

#[test]
fn policies_of_commits_that_nobody_vouched_for_are_not_read() {
    let mut house = House::new();
    let base = house.base;
    let mut policies = Vec::new();
    let mut bring = |house: &mut House, text: &str| {
        let objects = &mut house.history.objects;
        let policy = objects.put(ObjectKind::Blob, text.as_bytes());
        house.history.tree = objects.tree(&[("100644", "windlass.policy", policy)]);
        policies.push(policy);
    };
    let mut sides = Vec::new();
    for number in 0..20 {
        bring(&mut house, &format!("version = 1\n# {number}\n"));
        sides.push(house.bad(&[base], "a side"));
    }
    let own = principal("eve", &eve(), &["**"]);
    bring(&mut house, &format!("version = 1\n{own}"));
    let mut head = house.bad(&[base], "her own policy");
    for side in &sides {
        head = house.foreign(&[head, *side], "a merge");
    }
    let octopus = house.bad(&sides, "a merge of all");
    // The head's own counts for what it bars.
    policies.pop();
    for mode in EVERY {
        for head in [head, octopus] {
            let counted = Counted::new(&house.history.objects);
            let verdict = verify(&counted, &house.policy(mode), None, &head).unwrap();
            assert!(
                matches!(verdict, windlass_trust::Verdict::Refused(_)),
                "{mode}"
            );
            for policy in &policies {
                assert_eq!(counted.reads_of(policy), 0, "{mode}");
            }
        }
    }
}
