//! What rendering is told of the cluster.

use jiff::Timestamp;
use tokio::runtime::Handle;
use windlass_cluster::Cluster;
use windlass_helm::{Capabilities, Chart, KubeVersion, Release, Rendered, Surroundings, render};
use windlass_kustomize::is_cluster_scoped;
use windlass_object::{GroupVersionKind, Map, Object, Value};

use crate::error::CommandError;
use crate::facts::text;
use crate::helm::Offline;
use crate::session::Session;

/// The cluster, as whoever runs the command sees it.
struct Live {
    cluster: Cluster,
    runtime: Handle,
    own: Offline,
}

// === impl Surroundings ===

impl Surroundings for Live {
    fn now(&self) -> Timestamp {
        self.own.now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.own.fill_random(bytes);
    }

    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Value, String> {
        let kind = GroupVersionKind::new(api_version, kind);
        let looked = self.cluster.look_up(&kind, namespace, name);
        self.runtime
            .block_on(looked)
            .map_err(|error| error.to_string())
    }

    fn resolve(&self, host: &str) -> String {
        self.own.resolve(host)
    }
}

/// Renders a chart: with the cluster for what templates look up, where one is asked.
///
/// # Errors
/// The cluster does not answer, or the chart does not render.
pub(crate) async fn rendered(
    session: Option<&Session>,
    own: Offline,
    chart: Chart,
    values: Map<String, Value>,
    release: Release,
) -> Result<Rendered, CommandError> {
    let (capabilities, surroundings): (_, Box<dyn Surroundings + Send>) = match session {
        None => (Capabilities::offline(), Box::new(own)),
        Some(session) => {
            let live = Live {
                cluster: session.cluster.clone(),
                runtime: Handle::current(),
                own,
            };
            (capabilities(&session.cluster).await?, Box::new(live))
        }
    };
    // On a thread of its own, because it computes and asks the cluster.
    let job = tokio::task::spawn_blocking(move || {
        render(&chart, &values, &release, &capabilities, &*surroundings)
    });
    job.await
        .map_err(|error| CommandError::Build(format!("the renderer broke off: {error}")))?
        .map_err(|error| CommandError::Build(error.to_string()))
}

/// What the cluster can do.
async fn capabilities(cluster: &Cluster) -> Result<Capabilities, CommandError> {
    let version = cluster.version().await?;
    let kube_version = KubeVersion::parse(&version).ok_or_else(|| {
        CommandError::Build(format!(
            "the API server says that its version is '{version}', which is none"
        ))
    })?;
    Ok(Capabilities {
        kube_version,
        api_versions: cluster.api_versions().await?,
    })
}

/// Drops the namespace of objects whose kind has none: by the word of the cluster where one is asked, and of the
/// definitions that come along.
pub(super) async fn fit_scope(
    session: Option<&Session>,
    objects: &mut [Object],
    definitions: &[Object],
) {
    match session {
        Some(session) => session.cluster.fit_scope(objects).await,
        None => {
            for object in objects.iter_mut() {
                if is_cluster_scoped(&object.gvk()) {
                    object.set_namespace(None);
                }
            }
        }
    }
    for object in objects {
        let gvk = object.gvk();
        let is_of = |definition: &&Object| {
            (
                text(definition, "/spec/group"),
                text(definition, "/spec/names/kind"),
            ) == (gvk.group.as_str(), gvk.kind.as_str())
        };
        let mut definitions = definitions.iter();
        let own = definitions.find(is_of);
        if own.is_some_and(|definition| text(definition, "/spec/scope") == "Cluster") {
            object.set_namespace(None);
        }
    }
}
