//! Which lists of Kubernetes' built-in kinds are merged, and by which keys.

mod openapi;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::key::GroupVersionKind;

/// Made from Kubernetes' OpenAPI; its own head says how to read it.
const TABLE: &str = include_str!("merge-keys.txt");

static TYPES: LazyLock<Table> = LazyLock::new(|| Table::parse(TABLE));

/// Which lists are merged, of which kinds.
#[derive(Debug)]
pub struct MergeKeys {
    /// The types of a document of the person's own.
    own: Table,
    /// Whether the types built into Kubernetes count where the document has none.
    with_built_in: bool,
}

static BUILT_IN: LazyLock<MergeKeys> = LazyLock::new(|| MergeKeys {
    own: Table::default(),
    with_built_in: true,
});

/// What is known of a value's type; nothing for what is not known, or holds no merged list.
#[derive(Clone, Copy, Debug)]
pub(in crate::patch) struct Schema<'t> {
    keys: &'t MergeKeys,
    known: Option<(&'t Table, Kind<'t>)>,
}

/// How a list is merged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::patch) enum Lists<'t> {
    /// The patch's list takes the place of the object's.
    Replaced,
    /// Plain values, each once.
    Set,
    /// Items with these merge keys.
    Keyed(&'t [String]),
}

#[derive(Clone, Copy, Debug)]
enum Kind<'t> {
    /// A map with the fields of a type.
    Fields(usize),
    /// A map whose every value has a type.
    Values(usize),
    /// A list that is merged.
    List(&'t Field),
}

#[derive(Debug, PartialEq)]
struct Field {
    name: String,
    /// The merge keys of a list that is merged.
    keys: Option<Vec<String>>,
    /// Whether `of` is the type of the field's own fields.
    of_values: bool,
    /// The type of the field, or of the items of the list.
    of: Option<usize>,
}

#[derive(Debug, Default)]
struct Table {
    types: Vec<Vec<Field>>,
    kinds: HashMap<GroupVersionKind, usize>,
}

// === impl MergeKeys ===

impl MergeKeys {
    /// Those of the kinds that are built into Kubernetes.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Those of an OpenAPI document (kustomize's `openapi.path`): the types under `definitions`, with the
    /// extensions `x-kubernetes-group-version-kind`, `x-kubernetes-patch-strategy`,
    /// `x-kubernetes-patch-merge-key` and `x-kubernetes-list-map-keys`.
    ///
    /// # Errors
    /// The document has no `definitions`, or one has a part of the wrong type.
    pub fn from_openapi(document: &Value, with_built_in: bool) -> Result<Self, String> {
        Ok(Self {
            own: openapi::table(document)?,
            with_built_in,
        })
    }

    fn find(&self, kind: &GroupVersionKind) -> Option<(&Table, Kind<'_>)> {
        let built_in = self.with_built_in.then(|| &*TYPES);
        let mut tables = std::iter::once(&self.own).chain(built_in);
        tables.find_map(|table| Some((table, Kind::Fields(*table.kinds.get(kind)?))))
    }
}

// === impl Schema ===

impl<'t> Schema<'t> {
    /// Of a value nothing is known of yet.
    pub(in crate::patch) fn unknown(keys: &'t MergeKeys) -> Self {
        Self { keys, known: None }
    }

    fn of_kind(self, api_version: &str, kind: &str) -> Self {
        let kind = GroupVersionKind::new(api_version, kind);
        Self {
            known: self.keys.find(&kind),
            ..self
        }
    }

    /// Where nothing is known yet: what is known of the kind the map says it is.
    pub(in crate::patch) fn or_of(self, fields: &Map<String, Value>) -> Self {
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        match (self.known, text("apiVersion"), text("kind")) {
            (None, Some(api_version), Some(kind)) => self.of_kind(api_version, kind),
            _ => self,
        }
    }

    pub(in crate::patch) fn field(self, name: &str) -> Self {
        let known = self.known.and_then(|(table, kind)| match kind {
            Kind::Fields(of) => {
                let fields = table.types.get(of).map(Vec::as_slice).unwrap_or_default();
                let field = fields.iter().find(|field| field.name == name)?;
                Some((table, field.kind()?))
            }
            Kind::Values(of) => Some((table, Kind::Fields(of))),
            Kind::List(_) => None,
        });
        Self { known, ..self }
    }

    /// The type of a list's items.
    pub(in crate::patch) fn items(self) -> Self {
        let known = match self.known {
            Some((table, Kind::List(field))) => field.of.map(|of| (table, Kind::Fields(of))),
            _ => None,
        };
        Self { known, ..self }
    }

    pub(in crate::patch) fn lists(self) -> Lists<'t> {
        match self.known {
            Some((
                _,
                Kind::List(Field {
                    keys: Some(keys), ..
                }),
            )) if keys.is_empty() => Lists::Set,
            Some((
                _,
                Kind::List(Field {
                    keys: Some(keys), ..
                }),
            )) => Lists::Keyed(keys),
            _ => Lists::Replaced,
        }
    }
}

// === impl Field ===

impl Field {
    /// Reads `name[+key[,key]][*][>type]`.
    fn parse(text: &str) -> Self {
        let (text, of) = match text.split_once('>') {
            Some((text, of)) => (text, of.parse().ok()),
            None => (text, None),
        };
        let (text, of_values) = match text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (name, keys) = match text.split_once('+') {
            Some((name, "")) => (name, Some(Vec::new())),
            Some((name, keys)) => (name, Some(keys.split(',').map(str::to_owned).collect())),
            None => (text, None),
        };
        Self {
            name: name.to_owned(),
            keys,
            of_values,
            of,
        }
    }

    fn kind(&self) -> Option<Kind<'_>> {
        if self.keys.is_some() {
            return Some(Kind::List(self));
        }
        let of = self.of?;
        Some(if self.of_values {
            Kind::Values(of)
        } else {
            Kind::Fields(of)
        })
    }
}

// === impl Table ===

impl Table {
    fn parse(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            match words.next() {
                Some("type") => table.types.push(words.skip(1).map(Field::parse).collect()),
                Some("kind") => table.add_kind(words),
                _ => {}
            }
        }
        table
    }

    fn add_kind<'t>(&mut self, mut words: impl Iterator<Item = &'t str>) {
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (group, version, kind, of) = (word(), word(), word(), word());
        let group = if group == "core" {
            String::new()
        } else {
            group
        };
        if let Ok(of) = of.parse() {
            self.kinds.insert(
                GroupVersionKind {
                    group,
                    version,
                    kind,
                },
                of,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let count = |start: &str| TABLE.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(TYPES.types.len(), count("type "));
        assert_eq!(TYPES.kinds.len(), count("kind "));
        for (number, line) in TABLE
            .lines()
            .filter(|line| line.starts_with("type "))
            .enumerate()
        {
            assert!(line.starts_with(&format!("type {number} ")), "{line}");
        }
    }

    #[test]
    fn no_reference_leads_out_of_the_table_and_no_list_has_more_than_two_keys() {
        for field in TYPES.types.iter().flatten() {
            assert!(
                field.of.is_none_or(|of| of < TYPES.types.len()),
                "{field:?}"
            );
            assert!(
                field.keys.as_ref().is_none_or(|keys| keys.len() <= 2),
                "{field:?}"
            );
            assert!(field.keys.is_some() || field.of.is_some(), "{field:?}");
        }
        assert!(TYPES.kinds.values().all(|of| *of < TYPES.types.len()));
    }

    #[test]
    fn ports_of_containers_have_two_keys_and_tolerations_none() {
        let deployment = Schema::unknown(MergeKeys::built_in()).of_kind("apps/v1", "Deployment");
        let pod = deployment.field("spec").field("template").field("spec");
        let ports = pod.field("containers").items().field("ports");
        let Lists::Keyed(keys) = ports.lists() else {
            panic!("ports are merged by keys");
        };
        assert_eq!(keys, ["containerPort", "protocol"]);
        assert_eq!(pod.field("tolerations").lists(), Lists::Replaced);
        assert_eq!(
            deployment.field("metadata").field("finalizers").lists(),
            Lists::Set
        );
        let unknown =
            Schema::unknown(MergeKeys::built_in()).of_kind("example.com/v1", "Deployment");
        assert_eq!(unknown.field("spec").lists(), Lists::Replaced);
    }
}
