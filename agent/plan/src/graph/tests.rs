use proptest::prelude::*;

use super::*;

fn edges(pairs: &[(&'static str, &[&'static str])]) -> BTreeMap<&'static str, Vec<&'static str>> {
    pairs
        .iter()
        .map(|(node, next)| (*node, next.to_vec()))
        .collect()
}

#[test]
fn a_cycle_is_named_from_the_node_back_to_the_node() {
    let edges = edges(&[
        ("a", &["b"]),
        ("b", &["x", "c"]),
        ("c", &["a"]),
        ("d", &["a"]),
    ]);
    assert_eq!(cycle_through(&edges, &"a"), Some(vec!["a", "b", "c", "a"]));
    assert_eq!(cycle_through(&edges, &"c"), Some(vec!["c", "a", "b", "c"]));
    assert_eq!(cycle_through(&edges, &"d"), None);
    assert_eq!(cycle(&edges), Some(vec!["a", "b", "c", "a"]));
}

#[test]
fn a_node_that_depends_on_itself_is_a_cycle() {
    let edges = edges(&[("a", &["a"])]);
    assert_eq!(cycle_through(&edges, &"a"), Some(vec!["a", "a"]));
    assert_eq!(cycle(&edges), Some(vec!["a", "a"]));
}

#[test]
fn a_diamond_and_missing_dependencies_are_no_cycle() {
    let edges = edges(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d", "gone"])]);
    assert_eq!(cycle(&edges), None);
    assert_eq!(cycle_through(&edges, &"a"), None);
    assert_eq!(cycle::<u8>(&BTreeMap::new()), None);
}

#[test]
fn the_shortest_cycle_is_named() {
    let edges = edges(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["a"])]);
    assert_eq!(cycle_through(&edges, &"a"), Some(vec!["a", "c", "a"]));
}

#[test]
fn a_long_chain_does_not_overflow_the_stack() {
    let mut long: BTreeMap<u32, Vec<u32>> = (0..2000).map(|node| (node, vec![node + 1])).collect();
    assert_eq!(cycle(&long), None);
    long.insert(2000, vec![0]);
    assert_eq!(
        cycle_through(&long, &0).map(|cycle| cycle.len()),
        Some(2002)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_found_cycle_is_one_and_only_acyclic_graphs_have_none(
        pairs in proptest::collection::vec((0u8..8, 0u8..8), 0..20)
    ) {
        let mut edges: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for (from, to) in pairs {
            edges.entry(from).or_default().push(to);
        }
        match cycle(&edges) {
            Some(found) => {
                prop_assert_eq!(found.first(), found.last());
                for pair in found.windows(2) {
                    prop_assert!(edges[&pair[0]].contains(&pair[1]));
                }
            }
            None => {
                for node in 0..8 {
                    prop_assert_eq!(cycle_through(&edges, &node), None);
                }
            }
        }
    }
}
