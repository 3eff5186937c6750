//! What a rendered chart is kept and applied as.

use std::sync::Arc;

use windlass_helm::{RecordedChart, RecordedHook, Rendered};

use crate::owner::Owner;
use crate::post_render::{self, Text};

/// What a chart came to.
#[derive(Debug)]
pub struct Prepared {
    /// The chart as a revision keeps it.
    pub chart: RecordedChart,
    /// What is in its `crds/`.
    pub definitions: Vec<Definition>,
    /// The objects, as Helm keeps them.
    pub manifest: String,
    /// The hooks, as Helm keeps them.
    pub hooks: Vec<RecordedHook>,
    /// What NOTES.txt says.
    pub notes: String,
}

/// A file of `crds/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Where it is in the chart.
    pub source: String,
    /// Its YAML.
    pub data: Arc<[u8]>,
}

/// Does to the objects of a rendered chart what the spec says. `version` is what the chart is known as: one that came in an
/// artifact of a registry is known by its digest as well.
///
/// # Errors
/// A template gave no object, or a post-renderer fails; the message says which.
pub fn finish(owner: &Owner<'_>, rendered: Rendered, version: &str) -> Result<Prepared, String> {
    let manifests = rendered.manifests.iter().map(|manifest| Text {
        source: manifest.source.clone(),
        content: manifest.content.clone(),
    });
    let mut hooks: Vec<RecordedHook> = rendered.hooks.iter().map(RecordedHook::from).collect();
    let manifests = post_render::run(owner, manifests.collect(), &mut hooks)?;
    let texts = manifests
        .iter()
        .map(|text| format!("---\n# Source: {}\n{}\n", text.source, text.content));
    let definitions = rendered.chart.custom_resource_definitions();
    let mut chart = RecordedChart::from(&rendered.chart);
    if let Some(metadata) = &mut chart.metadata {
        version.clone_into(&mut metadata.version);
    }
    Ok(Prepared {
        chart,
        definitions: definitions
            .into_iter()
            .map(|definition| Definition {
                source: definition.source,
                data: definition.data,
            })
            .collect(),
        manifest: texts.collect(),
        hooks,
        notes: rendered.notes,
    })
}
