//! Which objects a list or a watch is about.

use crate::path::Query;

/// Which objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// One namespace, or `""` for all.
    pub namespace: String,
    /// Label selector in Kubernetes' string syntax, or `""`.
    pub label_selector: String,
    /// Field selector, such as `metadata.name=x`, or `""`.
    pub field_selector: String,
}

// === impl Scope ===

impl Scope {
    /// Every object of the kind.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Every object of the kind in one namespace.
    #[must_use]
    pub fn in_namespace(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..Self::default()
        }
    }

    /// Every object of the kind that a label selector picks.
    #[must_use]
    pub fn labelled(label_selector: &str) -> Self {
        Self {
            label_selector: label_selector.to_owned(),
            ..Self::default()
        }
    }

    /// The one object of that name.
    #[must_use]
    pub fn named(namespace: &str, name: &str) -> Self {
        Self {
            field_selector: format!("metadata.name={name}"),
            ..Self::in_namespace(namespace)
        }
    }

    pub(crate) fn query(&self) -> Query {
        let query = Query::default().add_some("labelSelector", &self.label_selector);
        query.add_some("fieldSelector", &self.field_selector)
    }
}
