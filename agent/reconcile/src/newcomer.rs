//! Whether a node that joins a cluster begins with the same commit as the nodes that are there.

use std::time::Duration;

use windlass_cluster::ErrorClass;
use windlass_host::config::Settings;

use crate::agent::{AgentError, root_spec};
use crate::identity::connect;
use crate::named::Named;
use crate::trust::NodeTrust;
use crate::witness;

/// An API server that does not answer is no reason not to install a node.
const PATIENCE: Duration = Duration::from_secs(5);

/// Another node of the cluster begins with another commit.
#[derive(Debug, thiserror::Error)]
#[error(
    "[root] introduction: this node would begin with {ours}, and node {node} of this cluster begins with {theirs}: \
     nodes that begin differently may accept different histories. Give the same commit; if {node} is no more: \
     kubectl -n flux-system delete lease windlass-witness-{node}"
)]
pub struct OtherIntroduction {
    ours: String,
    theirs: String,
    node: String,
}

/// Compares the introduction that the settings pin with those of the other nodes.
///
/// A node that is there already may change its own: that is how a stretch of history is judged again. What the cluster says
/// is believed only as far as to refuse an installation.
///
/// # Errors
/// The settings cannot be used, or another node begins with another commit.
pub async fn check_newcomer(settings: &Settings) -> Result<(), AgentError> {
    let (Some(ours), Some(_)) = (&settings.root.introduction, &settings.cluster.kubeconfig) else {
        return Ok(());
    };
    let trust = NodeTrust::read(settings)?;
    let name = Named::new(&settings.root.namespace, &settings.root.name);
    let line = root_spec(&name, &settings.root, &trust)?.line();
    let witnesses = witness::witnesses(connect(settings)?);
    let Ok(Ok(notes)) = tokio::time::timeout(PATIENCE, witnesses.all()).await else {
        return Ok(());
    };
    if notes.iter().any(|(node, _)| *node == settings.node.name) {
        return Ok(());
    }
    let begins =
        |(node, text): (String, String)| Some((node, witness::introduction(&text, &line)?));
    let mut others = notes.into_iter().filter_map(begins);
    match others.find(|(_, theirs)| !theirs.eq_ignore_ascii_case(ours)) {
        None => Ok(()),
        Some((node, theirs)) => Err(AgentError::Newcomer(OtherIntroduction {
            ours: ours.clone(),
            theirs,
            node,
        })),
    }
}

/// Asks the API server for its version; the inner error is that it does not answer, which may be so before a cluster is
/// started.
///
/// # Errors
/// The settings cannot be used, or the credential is refused.
pub async fn ask_cluster(settings: &Settings) -> Result<Result<String, String>, AgentError> {
    let cluster = connect(settings)?;
    match tokio::time::timeout(PATIENCE, cluster.version()).await {
        Ok(Ok(version)) => Ok(Ok(version)),
        Ok(Err(error)) if error.class() == ErrorClass::Unauthorized => {
            Err(AgentError::Credential(error))
        }
        Ok(Err(error)) => Ok(Err(error.to_string())),
        Err(_) => Ok(Err(format!("no answer from {}", cluster.server()))),
    }
}
