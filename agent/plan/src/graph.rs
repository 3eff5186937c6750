//! Cycles among things that depend on each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Finds a shortest cycle through `node`: the node, what it depends on, and so on back to the
/// node, which stands at both ends; `None` when there is none. Dependencies that are not there
/// have no dependencies. `edges` leads from each node to what it depends on.
pub fn cycle_through<K: Ord + Clone>(edges: &BTreeMap<K, Vec<K>>, node: &K) -> Option<Vec<K>> {
    let mut reached_from: BTreeMap<&K, &K> = BTreeMap::new();
    let mut queue = VecDeque::from([node]);
    while let Some(here) = queue.pop_front() {
        for next in edges.get(here).into_iter().flatten() {
            if next == node {
                return Some(way_back(&reached_from, here, node));
            }
            if !reached_from.contains_key(next) {
                reached_from.insert(next, here);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Finds any cycle, the same one for the same edges; `None` when there is none.
pub fn cycle<K: Ord + Clone>(edges: &BTreeMap<K, Vec<K>>) -> Option<Vec<K>> {
    // Nodes that depend on nothing left are taken away until only cycles and what leads to them
    // remain; then a walk along first dependencies must come round.
    let mut left: BTreeSet<&K> = edges.keys().collect();
    loop {
        let free: Vec<&K> = left
            .iter()
            .copied()
            .filter(|node| {
                edges
                    .get(node)
                    .into_iter()
                    .flatten()
                    .all(|next| !left.contains(next))
            })
            .collect();
        if free.is_empty() {
            break;
        }
        for node in free {
            left.remove(node);
        }
    }
    left.iter().find_map(|node| cycle_through(edges, node))
}

/// Writes the way from `node` to `last` and back to `node`.
fn way_back<K: Ord + Clone>(reached_from: &BTreeMap<&K, &K>, last: &K, node: &K) -> Vec<K> {
    let mut way = vec![node.clone()];
    let mut here = last;
    while here != node {
        way.push(here.clone());
        let Some(before) = reached_from.get(here) else {
            break;
        };
        here = before;
    }
    way.push(node.clone());
    way.reverse();
    way
}

#[cfg(test)]
mod tests;
