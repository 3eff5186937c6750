//! Which objects a patch changes.

use serde::Deserialize;
use windlass_object::selector::LabelSelector;

use crate::error::{Cause, Step};
use crate::identity::Identity;
use crate::pattern::Pattern;
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
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
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
    /// Whether a patch with this target is for the resource.
    pub(crate) fn matches(&self, resource: &Resource) -> bool {
        let original = resource.original_identity();
        let current = resource.identity();
        let either = |pattern: &Option<Pattern>, text: fn(&Identity) -> &str| {
            fits(pattern, text(&original)) || fits(pattern, text(&current))
        };
        either(&self.namespace, Identity::effective_namespace)
            && either(&self.name, |identity| &identity.name)
            && self.fits_type(&current)
            && self.fits_metadata(resource)
    }

    /// Whether one identity fits, its namespace as written.
    pub(crate) fn fits_identity(&self, identity: &Identity) -> bool {
        self.fits_type(identity)
            && fits(&self.name, &identity.name)
            && fits(&self.namespace, &identity.namespace)
    }

    fn fits_type(&self, identity: &Identity) -> bool {
        fits(&self.group, &identity.gvk.group)
            && fits(&self.version, &identity.gvk.version)
            && fits(&self.kind, &identity.gvk.kind)
    }

    /// Whether labels and annotations fit.
    pub(crate) fn fits_metadata(&self, resource: &Resource) -> bool {
        self.labels
            .as_ref()
            .is_none_or(|selector| selector.matches(&resource.labels()))
            && self
                .annotations
                .as_ref()
                .is_none_or(|selector| selector.matches(&resource.annotations()))
    }

    /// Whether it says anything about the identity.
    pub(crate) fn names_identity(&self) -> bool {
        let parts = [
            &self.group,
            &self.version,
            &self.kind,
            &self.name,
            &self.namespace,
        ];
        parts.into_iter().any(Option::is_some)
    }

    /// Whether it says anything about labels or annotations.
    pub(crate) fn names_metadata(&self) -> bool {
        self.labels.is_some() || self.annotations.is_some()
    }
}

fn fits(pattern: &Option<Pattern>, text: &str) -> bool {
    pattern
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(text))
}

fn pattern(field: &str, text: &str) -> Step<Option<Pattern>> {
    if text.is_empty() {
        return Ok(None);
    }
    match Pattern::new(text) {
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
