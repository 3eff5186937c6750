//! The chart and the values of a release to what Helm keeps and applies.

use std::sync::Arc;

use jiff::Timestamp;
use rand::RngCore as _;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use windlass_api::reasons;
use windlass_cluster::{Cluster, Detail, ErrorClass, RequestError, Scope};
use windlass_helm::{
    Capabilities, Chart, KubeVersion, RecordedChart, RecordedHook, Release, Rendered, Surroundings,
    render,
};
use windlass_object::GroupVersionKind;

use super::pass::Pass;
use super::post_render::{self, Text};
use crate::work::error::StageError;

/// What is to be released.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) chart: Arc<Chart>,
    /// Of the chart.
    pub(super) version: String,
    /// Of the artifact the chart came in; empty where it came in none.
    pub(super) oci_digest: String,
    pub(super) values: Map<String, Value>,
    /// Of the values.
    pub(super) config_digest: String,
    /// Digest of `spec.postRenderers`.
    pub(super) post_renderers: Option<String>,
    /// Digest of `spec.commonMetadata`.
    pub(super) common_metadata: Option<String>,
}

/// What a chart came to.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) chart: RecordedChart,
    /// The definitions in its `crds/`: where each is from, and its YAML.
    pub(super) definitions: Vec<(String, Arc<[u8]>)>,
    /// The objects, as Helm keeps them.
    pub(super) manifest: String,
    pub(super) hooks: Vec<RecordedHook>,
    pub(super) notes: String,
}

/// What templates see of the world: the cluster, as whoever the release is made as.
struct Live {
    client: Cluster,
    runtime: Handle,
}

// === impl Surroundings ===

impl Surroundings for Live {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Value, String> {
        let kind = GroupVersionKind::new(api_version, kind);
        let looked = look_up(&self.client, &kind, namespace, name);
        self.runtime
            .block_on(looked)
            .map_err(|error| error.to_string())
    }
}

/// An object, or all of a kind; nothing where there is none, or no such kind.
async fn look_up(
    client: &Cluster,
    kind: &GroupVersionKind,
    namespace: &str,
    name: &str,
) -> Result<Value, RequestError> {
    let resource = match client.resolve(kind).await {
        Ok(resource) => resource,
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(json!({})),
        Err(error) => return Err(error),
    };
    if !name.is_empty() {
        let found = client.get(&resource, namespace, name).await?;
        return Ok(found.map_or_else(|| json!({}), |object| object.into_value()));
    }
    let scope = Scope {
        namespace: namespace.to_owned(),
        ..Scope::default()
    };
    let found = client.list(&resource, &scope, Detail::Object).await?;
    let items: Vec<Value> = found
        .into_iter()
        .map(|object| object.into_value())
        .collect();
    Ok(json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}))
}

/// Renders for a revision, and does to the objects what the spec says.
pub(super) async fn prepare(
    pass: &Pass,
    wanted: &Wanted,
    release: Release,
) -> Result<Prepared, StageError> {
    let rendered = rendered(pass, wanted, release).await?;
    let prepared = finish(pass, rendered);
    let prepared = prepared.map_err(|why| StageError::retry(reasons::RECONCILE_ERROR, why))?;
    Ok(with_version(prepared, &wanted.version))
}

/// Renders as Helm does. The work is done on a thread of its own, because it computes and asks the cluster.
pub(super) async fn rendered(
    pass: &Pass,
    wanted: &Wanted,
    release: Release,
) -> Result<Rendered, StageError> {
    let capabilities = capabilities(&pass.client).await?;
    let live = Live {
        client: pass.client.clone(),
        runtime: Handle::current(),
    };
    let (chart, values) = (Arc::clone(&wanted.chart), wanted.values.clone());
    let job = tokio::task::spawn_blocking(move || {
        render(&chart, &values, &release, &capabilities, &live)
    });
    let failed = |why: String| StageError::retry(reasons::RECONCILE_ERROR, why);
    job.await
        .map_err(|error| failed(format!("the renderer broke off: {error}")))?
        .map_err(|error| failed(error.to_string()))
}

/// A chart that came in an artifact of a registry is known by its digest as well.
fn with_version(mut prepared: Prepared, version: &str) -> Prepared {
    if let Some(metadata) = &mut prepared.chart.metadata {
        version.clone_into(&mut metadata.version);
    }
    prepared
}

fn finish(pass: &Pass, rendered: Rendered) -> Result<Prepared, String> {
    let manifests = rendered.manifests.iter().map(|manifest| Text {
        source: manifest.source.clone(),
        content: manifest.content.clone(),
    });
    let mut hooks: Vec<RecordedHook> = rendered.hooks.iter().map(RecordedHook::from).collect();
    let manifests = post_render::run(pass, manifests.collect(), &mut hooks)?;
    let texts = manifests
        .iter()
        .map(|text| format!("---\n# Source: {}\n{}\n", text.source, text.content));
    let definitions = rendered.chart.custom_resource_definitions();
    Ok(Prepared {
        chart: RecordedChart::from(&rendered.chart),
        definitions: definitions
            .into_iter()
            .map(|definition| (definition.source, definition.data))
            .collect(),
        manifest: texts.collect(),
        hooks,
        notes: rendered.notes,
    })
}

async fn capabilities(client: &Cluster) -> Result<Capabilities, StageError> {
    let failed = |error: RequestError| StageError::request(reasons::RECONCILE_ERROR, &error);
    let version = client.as_itself().version().await.map_err(failed)?;
    let kube_version = KubeVersion::parse(&version).ok_or_else(|| {
        let message = format!("the API server says that its version is '{version}', which is none");
        StageError::retry(reasons::RECONCILE_ERROR, message)
    })?;
    Ok(Capabilities {
        kube_version,
        api_versions: client.api_versions().await.map_err(failed)?,
    })
}
