//! Which fields each transformer changes: kustomize's defaults plus a kustomization's `configurations`.

mod defaults;

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use windlass_object::{GroupVersionKind, Value};

use crate::error::{BuildError, Place};
use crate::field_spec::{FieldSpec, WrittenFieldSpec, merge_all, partial};
use crate::kustomization::lines::top_level_lines;
use crate::kustomization::read::{Misread, typed};
use crate::load::parse_own;
use crate::sort::ORDER_FIRST;

/// The field specifications of every transformer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// The fields that hold the name of an object of one type.
#[derive(Clone, Debug)]
pub(crate) struct NameReference {
    /// The type whose names they hold; empty parts fit all.
    pub(crate) target: GroupVersionKind,
    pub(crate) referrers: Vec<FieldSpec>,
}

/// A `configurations` file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct WrittenConfig {
    name_prefix: Vec<WrittenFieldSpec>,
    name_suffix: Vec<WrittenFieldSpec>,
    namespace: Vec<WrittenFieldSpec>,
    common_labels: Vec<WrittenFieldSpec>,
    labels: Vec<WrittenFieldSpec>,
    template_labels: Vec<WrittenFieldSpec>,
    common_annotations: Vec<WrittenFieldSpec>,
    name_reference: Vec<WrittenNameReference>,
    var_reference: Vec<WrittenFieldSpec>,
    images: Vec<WrittenFieldSpec>,
    replicas: Vec<WrittenFieldSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct WrittenNameReference {
    group: String,
    version: String,
    kind: String,
    field_specs: Vec<WrittenFieldSpec>,
}

// === impl Config ===

impl Config {
    /// kustomize's defaults, shared: a tree of many kustomizations builds them once.
    pub(crate) fn defaults() -> Arc<Self> {
        static DEFAULTS: OnceLock<Arc<Config>> = OnceLock::new();
        Arc::clone(DEFAULTS.get_or_init(|| {
            let mut config = defaults::config();
            config.sort();
            Arc::new(config)
        }))
    }

    /// Reads one `configurations` file, each of its documents.
    ///
    /// # Errors
    /// It is no YAML, or a field is unknown or has the wrong type.
    pub(crate) fn read(file: &str, text: &[u8]) -> Result<Vec<Self>, BuildError> {
        let documents = parse_own(text).map_err(|error| Place::yaml_error(file, error))?;
        let lines = top_level_lines(text);
        let read = documents.into_iter().map(|document| {
            Self::from_value(document.value).map_err(|misread| {
                let field = misread.within.trim_start_matches('.').to_owned();
                let top = field.split(['.', '[']).next().unwrap_or_default();
                let place = Place {
                    file: file.to_owned(),
                    line: lines.get(top).copied(),
                    column: None,
                    field,
                };
                place.error(misread.cause)
            })
        });
        read.collect()
    }

    fn from_value(value: Value) -> Result<Self, Misread> {
        typed::<WrittenConfig>(value).map(Config::from)
    }

    /// Adds another configuration to a shared one, which is left alone when nothing is new.
    ///
    /// # Errors
    /// The two differ in whether a field is created.
    pub(crate) fn merge(into: &mut Arc<Self>, other: &Arc<Self>) -> Result<(), String> {
        if Arc::ptr_eq(into, other) || Arc::ptr_eq(other, &Self::defaults()) {
            return Ok(());
        }
        let own = Arc::make_mut(into);
        own.merge_owned(other)?;
        own.sort();
        Ok(())
    }

    fn merge_owned(&mut self, other: &Self) -> Result<(), String> {
        merge_all(&mut self.name_prefix, &other.name_prefix)?;
        merge_all(&mut self.name_suffix, &other.name_suffix)?;
        merge_all(&mut self.namespace, &other.namespace)?;
        merge_all(&mut self.common_labels, &other.common_labels)?;
        merge_all(&mut self.labels, &other.labels)?;
        merge_all(&mut self.template_labels, &other.template_labels)?;
        merge_all(&mut self.common_annotations, &other.common_annotations)?;
        merge_all(&mut self.var_reference, &other.var_reference)?;
        merge_all(&mut self.images, &other.images)?;
        merge_all(&mut self.replicas, &other.replicas)?;
        for reference in &other.name_reference {
            self.merge_reference(reference)?;
        }
        Ok(())
    }

    fn merge_reference(&mut self, other: &NameReference) -> Result<(), String> {
        let known = self
            .name_reference
            .iter_mut()
            .find(|known| known.target == other.target);
        match known {
            Some(known) => merge_all(&mut known.referrers, &other.referrers),
            None => {
                self.name_reference.push(other.clone());
                Ok(())
            }
        }
    }

    /// Name references are followed in kustomize's order of types, which decides when one field may
    /// name several types.
    fn sort(&mut self) {
        self.name_reference
            .sort_by_cached_key(|reference| type_order(&reference.target));
    }
}

impl From<WrittenConfig> for Config {
    fn from(written: WrittenConfig) -> Self {
        Self {
            name_prefix: specs(written.name_prefix),
            name_suffix: specs(written.name_suffix),
            namespace: specs(written.namespace),
            common_labels: specs(written.common_labels),
            labels: specs(written.labels),
            template_labels: specs(written.template_labels),
            common_annotations: specs(written.common_annotations),
            name_reference: written.name_reference.into_iter().map(Into::into).collect(),
            var_reference: specs(written.var_reference),
            images: specs(written.images),
            replicas: specs(written.replicas),
        }
    }
}

impl From<WrittenNameReference> for NameReference {
    fn from(written: WrittenNameReference) -> Self {
        Self {
            target: partial(&written.group, &written.version, &written.kind),
            referrers: specs(written.field_specs),
        }
    }
}

fn specs(written: Vec<WrittenFieldSpec>) -> Vec<FieldSpec> {
    written.into_iter().map(Into::into).collect()
}

fn type_order(gvk: &GroupVersionKind) -> (usize, String) {
    let rank = ORDER_FIRST
        .iter()
        .position(|kind| *kind == gvk.kind)
        .unwrap_or(ORDER_FIRST.len());
    let or = |part: &str, absent: &str| {
        if part.is_empty() {
            absent.to_owned()
        } else {
            part.to_owned()
        }
    };
    let text = [
        or(&gvk.group, "~G"),
        or(&gvk.version, "~V"),
        or(&gvk.kind, "~K"),
    ]
    .join("_");
    (rank, text)
}

#[cfg(test)]
mod tests;
