//! Which objects a patch changes.

use regex::Regex;
use serde::Deserialize;
use windlass_object::selector::LabelSelector;

use crate::error::{Cause, Step};
use crate::identity::Identity;
use crate::resource::Resource;

/// The target of a patch: every part that is not empty must fit.
///
/// Group, version, kind, name and namespace are regular expressions that must match in full;
/// name and namespace may fit the object as it was written or as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Selector {
    /// API group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// A label selector, over labels.
    pub label_selector: String,
    /// A label selector, over annotations.
    pub annotation_selector: String,
}

/// A selector made ready for matching.
#[derive(Debug)]
pub(crate) struct Matcher {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Option<LabelSelector>,
    annotations: Option<LabelSelector>,
}

// === impl Selector ===

impl Selector {
    /// # Errors
    /// A part is no regular expression or no label selector.
    pub(crate) fn matcher(&self) -> Step<Matcher> {
        Ok(Matcher {
            group: pattern("group", &self.group)?,
            version: pattern("version", &self.version)?,
            kind: pattern("kind", &self.kind)?,
            name: pattern("name", &self.name)?,
            namespace: pattern("namespace", &self.namespace)?,
            labels: labels("labelSelector", &self.label_selector)?,
            annotations: labels("annotationSelector", &self.annotation_selector)?,
        })
    }
}

// === impl Matcher ===

impl Matcher {
    pub(crate) fn matches(&self, resource: &Resource) -> bool {
        let original = resource.original_identity();
        let current = resource.identity();
        let either = |pattern: &Option<Regex>, text: fn(&Identity) -> &str| {
            fits(pattern, text(&original)) || fits(pattern, text(&current))
        };
        either(&self.namespace, Identity::effective_namespace)
            && either(&self.name, |identity| &identity.name)
            && fits(&self.group, &current.gvk.group)
            && fits(&self.version, &current.gvk.version)
            && fits(&self.kind, &current.gvk.kind)
            && self
                .labels
                .as_ref()
                .is_none_or(|selector| selector.matches(&resource.labels()))
            && self
                .annotations
                .as_ref()
                .is_none_or(|selector| selector.matches(&resource.annotations()))
    }
}

fn fits(pattern: &Option<Regex>, text: &str) -> bool {
    pattern
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(text))
}

fn pattern(field: &str, text: &str) -> Step<Option<Regex>> {
    if text.is_empty() {
        return Ok(None);
    }
    match Regex::new(&format!("^(?:{text})$")) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(error) => Err(Cause::invalid(format!("target.{field} {text:?}: {error}"))),
    }
}

fn labels(field: &str, text: &str) -> Step<Option<LabelSelector>> {
    if text.is_empty() {
        return Ok(None);
    }
    match LabelSelector::parse(text) {
        Ok(selector) => Ok(Some(selector)),
        Err(error) => Err(Cause::invalid(format!("target.{field} {text:?}: {error}"))),
    }
}
