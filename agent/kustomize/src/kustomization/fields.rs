//! The types of a kustomization's fields.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::field_spec::WrittenFieldSpec;
use crate::resource::Behavior;
use crate::selector::Selector;

/// An entry of `labels`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Label {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<WrittenFieldSpec>,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Patch {
    pub(crate) path: String,
    pub(crate) patch: String,
    pub(crate) target: Option<Selector>,
    pub(crate) options: PatchOptions,
}

/// What a strategic merge patch may change besides the content.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PatchOptions {
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// An entry of `images`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
}

/// An entry of `replicas`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// `sortOptions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SortOptions {
    pub(crate) order: SortOrder,
    #[serde(default)]
    pub(crate) legacy_sort_options: Option<LegacySortOptions>,
}

/// The order of the output.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortOrder {
    Fifo,
    Legacy,
}

/// The kinds that come first and last.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LegacySortOptions {
    pub(crate) order_first: Vec<String>,
    pub(crate) order_last: Vec<String>,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GeneratorArguments {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) behavior: WrittenBehavior,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    /// The older, singular form of `envs`.
    pub(crate) env: String,
    pub(crate) options: GeneratorOptions,
    /// Secrets only.
    #[serde(rename = "type")]
    pub(crate) secret_type: String,
}

/// How `behavior` is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WrittenBehavior {
    #[default]
    #[serde(alias = "", alias = "unspecified")]
    Create,
    Replace,
    Merge,
}

/// `generatorOptions`, or the `options` of one generator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

// === impl SortOptions ===

impl SortOptions {
    pub(crate) fn legacy() -> Self {
        Self {
            order: SortOrder::Legacy,
            legacy_sort_options: None,
        }
    }
}

// === impl WrittenBehavior ===

impl From<WrittenBehavior> for Behavior {
    fn from(written: WrittenBehavior) -> Self {
        match written {
            WrittenBehavior::Create => Self::Create,
            WrittenBehavior::Replace => Self::Replace,
            WrittenBehavior::Merge => Self::Merge,
        }
    }
}

// === impl GeneratorOptions ===

impl GeneratorOptions {
    /// The options of one generator over the global ones; a boolean that is true anywhere is true.
    pub(crate) fn over(&self, global: &Self) -> Self {
        let both = |own: &BTreeMap<String, String>, global: &BTreeMap<String, String>| {
            let mut both = global.clone();
            both.extend(own.clone());
            both
        };
        Self {
            labels: both(&self.labels, &global.labels),
            annotations: both(&self.annotations, &global.annotations),
            disable_name_suffix_hash: self.disable_name_suffix_hash
                || global.disable_name_suffix_hash,
            immutable: self.immutable || global.immutable,
        }
    }
}
