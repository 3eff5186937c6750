//! The `sops` block of formats without nesting: `age__list_0__map_enc` means `age[0].enc`.

use std::collections::BTreeMap;

use crate::tree::{Branch, Entry, Node};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// How many elements a list in a `sops` block may have: SOPS itself has at most 255 key groups.
const MAXIMUM_LIST: usize = 1024;

#[derive(Default)]
struct Place {
    value: Option<Node>,
    keys: BTreeMap<String, Place>,
    positions: BTreeMap<usize, Place>,
}

/// Nests the pairs again; comments are dropped.
pub(crate) fn unflatten(branch: Branch) -> Result<Branch, String> {
    let mut root = Place::default();
    for entry in branch {
        if let Entry::Pair(key, value) = entry {
            root.put(&key, value)?;
        }
    }
    match root.into_node()? {
        Node::Map(branch) => Ok(branch),
        _ => Err("it is no map".to_owned()),
    }
}

// === impl Place ===

impl Place {
    fn put(&mut self, key: &str, value: Node) -> Result<(), String> {
        let mut place = self;
        let (mut rest, mut is_list) = (key, false);
        loop {
            let next = [(rest.find(MAP), MAP), (rest.find(LIST), LIST)];
            let next = next
                .into_iter()
                .filter_map(|(at, mark)| Some((at?, mark)))
                .min();
            let (step, behind) = match next {
                Some((at, mark)) => {
                    let (step, behind) = rest.split_at(at);
                    (
                        step,
                        behind
                            .strip_prefix(mark)
                            .map(|behind| (behind, mark == LIST)),
                    )
                }
                None => (rest, None),
            };
            place = if is_list {
                let position = step.parse().ok().filter(|at| *at < MAXIMUM_LIST);
                let position = position.ok_or_else(|| format!("{key} has no usable position"))?;
                place.positions.entry(position).or_default()
            } else {
                place.keys.entry(step.to_owned()).or_default()
            };
            match behind {
                Some((behind, list)) => (rest, is_list) = (behind, list),
                None => break,
            }
        }
        if place.value.replace(value).is_some() {
            return Err(format!("{key} is there twice"));
        }
        Ok(())
    }

    fn into_node(self) -> Result<Node, String> {
        match (self.value, self.keys.is_empty(), self.positions.is_empty()) {
            (Some(value), true, true) => Ok(value),
            (None, _, true) => {
                let pairs = self.keys.into_iter();
                let pairs = pairs.map(|(key, place)| Ok(Entry::Pair(key, place.into_node()?)));
                Ok(Node::Map(pairs.collect::<Result<_, String>>()?))
            }
            (None, true, false) => {
                if self
                    .positions
                    .keys()
                    .enumerate()
                    .any(|(at, position)| at != *position)
                {
                    return Err("a list in it has gaps".to_owned());
                }
                let nodes = self.positions.into_values().map(Self::into_node);
                Ok(Node::List(nodes.collect::<Result<_, String>>()?))
            }
            _ => Err("one of its keys is a value, a map and a list at once".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str) -> Entry {
        Entry::Pair(key.to_owned(), Node::text("x"))
    }

    #[test]
    fn names_say_where_a_value_stands() {
        let flat = vec![
            pair("mac"),
            pair("age__list_1__map_enc"),
            pair("age__list_0__map_enc"),
        ];
        let nested = unflatten(flat).unwrap();
        let element = Node::Map(vec![pair("enc")]);
        let list = Node::List(vec![element.clone(), element]);
        assert_eq!(
            nested,
            vec![Entry::Pair("age".to_owned(), list), pair("mac")]
        );
    }

    #[test]
    fn what_cannot_be_nested_is_refused() {
        for keys in [
            &["a", "a"][..],
            &["a", "a__map_b"],
            &["a__list_1"],
            &["a__list_x"],
            &["a__list_99999999999"],
        ] {
            let flat = keys.iter().map(|key| pair(key)).collect();
            assert!(unflatten(flat).is_err(), "{keys:?}");
        }
    }
}
