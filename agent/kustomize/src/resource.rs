//! One resource on its way through a build: its value and what kustomize remembers about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_object::{GroupVersionKind, Map, Value};

use crate::identity::Identity;
use crate::shared::Shared;

/// Stands among the annotations while a change may replace them.
const NOTES: &str = "internal.config.kubernetes.io/notes";

/// Where a resource was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file, relative to the root.
    pub(crate) file: Arc<str>,
    /// The line, from 1.
    pub(crate) line: usize,
}

/// What a generated ConfigMap or Secret does to one of the same identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    #[default]
    Create,
    Replace,
    Merge,
}

/// A resource. Its names of before are kept, so that references written against any of them can be
/// followed, and the prefixes and suffixes it got, which tell equal names of two bases apart.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// A map; null once the resource has been deleted by a patch.
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    pub(crate) previous: Vec<Previous>,
    pub(crate) affixes: Affixes,
    pub(crate) behavior: Behavior,
    pub(crate) is_generated: bool,
    pub(crate) needs_hash: bool,
    /// The names of the `vars` that read it.
    pub(crate) variables: Vec<String>,
    /// `buildMetadata`: where it comes from, and what changed it.
    pub(crate) provenance: Provenance,
    /// The labels and annotations that several fields share.
    pub(crate) shared: Shared,
}

/// A name, namespace and kind of before; group and version are always those of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) kind: String,
}

/// The prefixes and suffixes a resource got, innermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affixes {
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
}

/// How affixes are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// A resource that got none fits every other.
    Lenient,
    /// It fits only others that got none.
    Strict,
}

/// What `buildMetadata` writes into annotations at the end, as YAML.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provenance {
    /// Where the resource comes from.
    pub(crate) origin: Option<String>,
    /// Which transformers ran on it.
    pub(crate) transformations: String,
}

// === impl Resource ===

impl Resource {
    pub(crate) fn new(value: Value, origin: Origin) -> Self {
        Self {
            value,
            origin,
            previous: Vec::new(),
            affixes: Affixes::default(),
            behavior: Behavior::Create,
            is_generated: false,
            needs_hash: false,
            variables: Vec::new(),
            provenance: Provenance::default(),
            shared: Shared::default(),
        }
    }

    /// Whether a patch or transformer deleted it.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.as_object().is_none_or(Map::is_empty)
    }

    pub(crate) fn api_version(&self) -> &str {
        self.value
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        self.value
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.metadata_text("name")
    }

    pub(crate) fn namespace(&self) -> &str {
        self.metadata_text("namespace")
    }

    pub(crate) fn metadata(&self, field: &str) -> Option<&Value> {
        self.value.get("metadata")?.get(field)
    }

    fn metadata_text(&self, field: &str) -> &str {
        self.metadata(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn set_kind(&mut self, kind: &str) {
        if let Some(fields) = self.value.as_object_mut() {
            fields.insert("kind".to_owned(), Value::from(kind));
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.metadata_mut()
            .insert("name".to_owned(), Value::from(name));
    }

    /// An empty namespace removes the field.
    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        let metadata = self.metadata_mut();
        if namespace.is_empty() {
            metadata.remove("namespace");
        } else {
            metadata.insert("namespace".to_owned(), Value::from(namespace));
        }
    }

    fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        map_in(map_of(&mut self.value), "metadata")
    }

    pub(crate) fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(self.api_version(), self.kind())
    }

    /// The identity it has now.
    pub(crate) fn identity(&self) -> Identity {
        Identity::new(self.gvk(), self.name(), self.namespace())
    }

    /// The identities it had before, oldest first.
    pub(crate) fn previous_identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.previous.iter().map(|previous| {
            let gvk = GroupVersionKind::new(self.api_version(), &previous.kind);
            Identity::new(gvk, &previous.name, &previous.namespace)
        })
    }

    /// The identity it was written with.
    pub(crate) fn original_identity(&self) -> Identity {
        self.previous_identities()
            .next()
            .unwrap_or_else(|| self.identity())
    }

    /// All identities, oldest first, that of now last.
    pub(crate) fn all_identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.previous_identities()
            .chain(std::iter::once_with(|| self.identity()))
    }

    /// Whether it has a name now or had it before; cheaper than to ask for its identities.
    pub(crate) fn was_named(&self, name: &str) -> bool {
        self.name() == name || self.previous.iter().any(|previous| previous.name == name)
    }

    /// Remembers the identity of now before it changes.
    pub(crate) fn remember(&mut self) {
        let identity = self.identity();
        self.previous.push(Previous {
            namespace: identity.effective_namespace().to_owned(),
            name: identity.name,
            kind: identity.gvk.kind,
        });
    }

    /// Does something to the value as kustomize sees it: there, the map of annotations exists as soon
    /// as something was remembered in it, which decides whether a path to it leads anywhere.
    pub(crate) fn with_annotations<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        let remembers = !self.previous.is_empty()
            || self.is_generated
            || self.provenance.origin.is_some()
            || !self.provenance.transformations.is_empty();
        if !remembers || self.metadata("annotations").is_some() {
            return change(self);
        }
        map_in(self.metadata_mut(), "annotations");
        let result = change(self);
        let left = self.metadata("annotations");
        if left.and_then(Value::as_object).is_some_and(Map::is_empty) {
            self.metadata_mut().remove("annotations");
        }
        result
    }

    /// Does something that may replace the map of annotations: kustomize writes origin and transformers
    /// there during the build, so that they are lost then.
    pub(crate) fn with_provenance<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        if self.provenance.origin.is_none() {
            return change(self);
        }
        let annotations = map_in(self.metadata_mut(), "annotations");
        annotations.insert(NOTES.to_owned(), Value::Null);
        let result = change(self);
        let annotations = self.value.pointer_mut("/metadata/annotations");
        let annotations = annotations.and_then(Value::as_object_mut);
        match annotations.map(|entries| (entries.remove(NOTES), entries.is_empty())) {
            Some((Some(_), true)) => drop(self.metadata_mut().remove("annotations")),
            Some((Some(_), false)) => {}
            _ => self.provenance = Provenance::default(),
        }
        result
    }

    /// To be called when fields were changed: shared values change together.
    pub(crate) fn settle(&mut self) {
        self.shared.settle(&mut self.value);
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        self.metadata_map("labels")
    }

    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        self.metadata_map("annotations")
    }

    fn metadata_map(&self, field: &str) -> BTreeMap<String, String> {
        let entries = self.metadata(field).and_then(Value::as_object);
        entries.map(text_entries).unwrap_or_default()
    }

    /// Replaces labels or annotations; an empty map removes the field.
    pub(crate) fn set_metadata_map(&mut self, field: &str, entries: BTreeMap<String, String>) {
        let metadata = self.metadata_mut();
        if entries.is_empty() {
            metadata.remove(field);
        } else {
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key, Value::from(value)));
            metadata.insert(field.to_owned(), Value::Object(entries.collect()));
        }
    }

    /// For messages: identity and where it was written.
    pub(crate) fn describe(&self) -> String {
        self.origin.describe(&self.identity())
    }
}

// === impl Origin ===

impl Origin {
    /// For messages: what was written there, and where.
    pub(crate) fn describe(&self, identity: &Identity) -> String {
        match &*self.file {
            // In the text of a field, which the place of the error names.
            "" => identity.to_string(),
            file => format!("{identity} ({file}:{})", self.line),
        }
    }
}

// === impl Affixes ===

impl Affixes {
    /// Whether two resources got the same prefixes and suffixes, comparing from the outermost in as
    /// far as both go.
    pub(crate) fn fits(&self, other: &Self, rule: Match) -> bool {
        fits(&self.prefixes, &other.prefixes, rule) && fits(&self.suffixes, &other.suffixes, rule)
    }
}

fn fits(own: &[String], other: &[String], rule: Match) -> bool {
    if own.is_empty() || other.is_empty() {
        return rule == Match::Lenient || own.len() == other.len();
    }
    own.iter()
        .rev()
        .zip(other.iter().rev())
        .all(|(own, other)| own == other)
}

/// Entries of a map as text: booleans and numbers as they print, null as the empty string
/// (kustomize rewrites annotations so).
pub(crate) fn text_entries(entries: &Map<String, Value>) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(key, value)| (key.clone(), scalar_text(value)))
        .collect()
}

/// A scalar as text.
pub(crate) fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// The value as a map; made one when it is none.
pub(crate) fn map_of(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was just made a map")
}

/// The map in a field; made one when it is missing or none.
pub(crate) fn map_in<'a>(
    fields: &'a mut Map<String, Value>,
    field: &str,
) -> &'a mut Map<String, Value> {
    map_of(fields.entry(field).or_insert(Value::Null))
}
