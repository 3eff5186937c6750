//! The chart and the values of a release to what Helm keeps and applies.

use std::sync::Arc;

use jiff::Timestamp;
use rand::RngCore as _;
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use windlass_api::reasons;
use windlass_cluster::{Cluster, RequestError};
use windlass_helm::{Capabilities, Chart, KubeVersion, Release, Rendered, Surroundings, render};
use windlass_object::GroupVersionKind;
use windlass_release::{Prepared, finish};

use super::pass::Pass;
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

/// What templates see of the world: the cluster, as whoever the release is made as.
struct Live {
    client: Cluster,
    runtime: Handle,
}

// === impl Wanted ===

impl Wanted {
    /// `<chart>@<version>`, as messages name it.
    pub(super) fn chart_and_version(&self) -> String {
        format!("{}@{}", self.chart.name(), self.version)
    }
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
        let looked = self.client.look_up(&kind, namespace, name);
        self.runtime
            .block_on(looked)
            .map_err(|error| error.to_string())
    }
}

/// Renders for a revision, and does to the objects what the spec says.
pub(super) async fn prepare(
    pass: &Pass,
    wanted: &Wanted,
    release: Release,
) -> Result<Prepared, StageError> {
    let rendered = rendered(pass, wanted, release).await?;
    finish(&pass.owner(), rendered, &wanted.version)
        .map_err(|why| StageError::retry(reasons::RECONCILE_ERROR, why))
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
