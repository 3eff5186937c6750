//! What each node says of itself, and which of them are held to something else than the others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use windlass_api::node::NodeStatus;

use super::{section, since_age};
use crate::lease::Lead;
use crate::words::{bytes, shorten_digests};

/// Adds a row for each node, and below them a sentence for each group whose roots are not those of most.
pub(super) fn show(
    text: &mut String,
    nodes: &[(String, NodeStatus)],
    lead: Option<&Lead>,
    now: Timestamp,
) {
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .map(|(node, status)| row(node, status, lead, now))
        .collect();
    let header = [
        "Node", "Version", "Role", "Revision", "State", "Roots", "Free",
    ];
    section(text, &header, &rows);
    for complaint in manifests(nodes).into_iter().chain(apart(nodes)) {
        text.push_str(&complaint);
        text.push('\n');
    }
}

fn row(node: &str, status: &NodeStatus, lead: Option<&Lead>, now: Timestamp) -> Vec<String> {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let leads = lead.is_some_and(|lead| lead.node == node && lead.is_held(now));
    let role = match status.role.as_deref() {
        // Its word is as old as the Lease; the Lease of the election is renewed.
        Some("leader") if !leads => "unknown (led last)".to_owned(),
        _ => or_unknown(&status.role),
    };
    let revision = status.revision.as_deref().map(shorten_digests);
    let state = match (&status.refused, status.offline_since) {
        (Some(refused), _) => format!("refuses what is offered: {}", shorten_digests(refused)),
        (None, Some(since)) => format!("offline for {}", since_age(since.timestamp(), now)),
        (None, None) => "fetches".to_owned(),
    };
    vec![
        node.to_owned(),
        or_unknown(&status.version),
        role,
        revision.unwrap_or_else(|| "none".to_owned()),
        state,
        or_unknown(&status.roots),
        status.free_disk.map_or("unknown".to_owned(), bytes),
    ]
}

/// A sentence for each node with something wrong in its own folder.
fn manifests(nodes: &[(String, NodeStatus)]) -> Vec<String> {
    let wrong = nodes.iter().filter_map(|(node, status)| {
        let problem = status.manifests.as_deref()?;
        Some(format!("! manifests of {node}: {problem}"))
    });
    wrong.collect()
}

/// A sentence for each group of nodes whose roots are others than those of the largest.
fn apart(nodes: &[(String, NodeStatus)]) -> Vec<String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (node, status) in nodes {
        if let Some(roots) = &status.roots {
            groups.entry(roots).or_default().push(node);
        }
    }
    let Some(most) = groups.values().max_by_key(|group| group.len()).cloned() else {
        return Vec::new();
    };
    let others = groups.into_values().filter(|group| *group != most);
    let sentence = |group: Vec<&str>| {
        format!(
            "! {} trusts other keys, sources or another introduction than {}: compare `sudo windlass trust show` there",
            group.join(", "),
            most.join(", ")
        )
    };
    others.map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, roots: &str) -> (String, NodeStatus) {
        let status = NodeStatus {
            version: Some("0.1.0".to_owned()),
            role: Some("standby".to_owned()),
            roots: Some(roots.to_owned()),
            free_disk: Some(4_600_000_000),
            ..NodeStatus::default()
        };
        (name.to_owned(), status)
    }

    fn shown(nodes: &[(String, NodeStatus)]) -> String {
        let mut text = String::new();
        show(
            &mut text,
            nodes,
            None,
            "2026-01-01T01:00:00Z".parse().unwrap(),
        );
        text
    }

    #[test]
    fn the_node_whose_roots_differ_is_named() {
        let nodes = [node("a", "01"), node("b", "02"), node("c", "01")];
        let text = shown(&nodes);
        assert!(text.contains("! b trusts other keys"), "{text}");
        assert!(text.contains("than a, c: compare"), "{text}");
        assert!(!shown(&[node("a", "01"), node("c", "01")]).contains('!'));
        assert_eq!(shown(&[]), "");
    }

    #[test]
    fn a_row_says_what_a_node_does_and_an_old_word_of_leading_is_not_believed() {
        let mut one = node("a", "01");
        assert!(shown(&[one.clone()]).contains("fetches"));
        assert!(shown(&[one.clone()]).contains("4.3Gi"));
        one.1.role = Some("leader".to_owned());
        one.1.refused = Some("InvalidCommit: not signed".to_owned());
        let text = shown(&[one]);
        assert!(text.contains("unknown (led last)"), "{text}");
        assert!(text.contains("refuses what is offered: InvalidCommit: not signed"));
    }
}
