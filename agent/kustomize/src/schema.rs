//! Which lists a strategic merge patch merges by key, for the kinds kustomize has a schema of.

use std::collections::HashMap;
use std::sync::OnceLock;

/// One type per line; see the head of the file for its format.
const TABLE: &str = include_str!("schema.txt");

/// What is known about the value at one place; nothing for custom resources.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Schema {
    /// The type whose fields lie below (below each element, in a list).
    type_name: Option<&'static str>,
    /// A list that is merged, and by which keys; without keys, by value.
    pub(crate) merge_keys: Option<&'static [&'static str]>,
}

#[derive(Debug, Default)]
struct Table {
    kinds: HashMap<(&'static str, &'static str), &'static str>,
    fields: HashMap<(&'static str, &'static str), Schema>,
}

// === impl Schema ===

impl Schema {
    pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<Self> {
        let type_name = table().kinds.get(&(api_version, kind))?;
        Some(Self {
            type_name: Some(type_name),
            merge_keys: None,
        })
    }

    /// What is known about a field.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        table().fields.get(&(self.type_name?, name)).copied()
    }

    /// What is known about the elements of this list.
    pub(crate) fn element(self) -> Option<Self> {
        self.type_name.map(|type_name| Self {
            type_name: Some(type_name),
            merge_keys: None,
        })
    }
}

fn table() -> &'static Table {
    static PARSED: OnceLock<Table> = OnceLock::new();
    PARSED.get_or_init(|| {
        let mut table = Table::default();
        TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .for_each(|line| table.add(line));
        table
    })
}

// === impl Table ===

impl Table {
    fn add(&mut self, line: &'static str) {
        let words: Vec<&'static str> = line.split(' ').collect();
        match words.as_slice() {
            ["kind", api_version, kind, type_name] => {
                self.kinds.insert((api_version, kind), type_name);
            }
            ["type", owner, field, type_name, rest @ ..] => {
                let type_name = (*type_name != "-").then_some(*type_name);
                let merge_keys = rest.first().map(|keys| leak_keys(keys));
                self.fields.insert(
                    (owner, field),
                    Schema {
                        type_name,
                        merge_keys,
                    },
                );
            }
            _ => {}
        }
    }
}

/// The keys after `+`; the table lives as long as the program, and so do they.
fn leak_keys(written: &'static str) -> &'static [&'static str] {
    let keys: Vec<&'static str> = written
        .trim_start_matches('+')
        .split(',')
        .filter(|key| !key.is_empty())
        .collect();
    keys.leak()
}

#[cfg(test)]
mod tests {
    use super::{Schema, TABLE, table};

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(table().kinds.len() + table().fields.len(), lines);
    }

    #[test]
    fn containers_are_merged_by_name_and_their_ports_by_port_and_protocol() {
        let deployment = Schema::of_kind("apps/v1", "Deployment").unwrap();
        let pod = deployment
            .field("spec")
            .and_then(|spec| spec.field("template"))
            .unwrap();
        let containers = pod
            .field("spec")
            .and_then(|spec| spec.field("containers"))
            .unwrap();
        assert_eq!(containers.merge_keys, Some(["name"].as_slice()));
        let ports = containers
            .element()
            .and_then(|container| container.field("ports"))
            .unwrap();
        assert_eq!(
            ports.merge_keys,
            Some(["containerPort", "protocol"].as_slice())
        );
        assert!(ports.element().is_none());
        assert!(Schema::of_kind("example.com/v1", "Deployment").is_none());
    }
}
