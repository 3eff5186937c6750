//! The scenes, one file each: a scene sets a stage once and measures one or more rows on it.
//!
//! A new row: a file beside these that gives a [`Scene`], and its name in [`SCENES`].

mod binary;
pub(crate) mod chart_index;
mod homelab;
mod hundred_kustomizations;
mod hundred_objects;
mod hundred_secrets;
mod hundred_templates;
mod kustomize_tree;
mod store;
mod thousand_config_maps;
mod thousand_kustomizations;
mod trust;
mod two_hundred_releases;

use crate::report::Row;

/// What is measured on one stage.
pub(crate) struct Scene {
    /// For the person who waits.
    pub(crate) what: &'static str,
    /// The names of the rows it gives.
    pub(crate) rows: &'static [&'static str],
    pub(crate) run: fn() -> Vec<Row>,
}

/// Every scene, in the order in which they run.
pub(crate) const SCENES: &[Scene] = &[
    binary::SCENE,
    trust::SCENE,
    store::SCENE,
    chart_index::SCENE,
    hundred_secrets::SCENE,
    hundred_objects::SCENE,
    thousand_config_maps::SCENE,
    hundred_kustomizations::SCENE,
    thousand_kustomizations::SCENE,
    homelab::SCENE,
    kustomize_tree::SCENE,
    hundred_templates::SCENE,
    two_hundred_releases::SCENE,
];

impl Scene {
    /// Whether it gives the row of that name; the empty name is every row's.
    pub(crate) fn gives(&self, name: &str) -> bool {
        name.is_empty() || self.rows.contains(&name)
    }
}
