//! What a build is made from, and a digest by which two builds are told to be the same without being made.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use windlass_api::kustomization::{SubstituteKind, SubstituteReference};
use windlass_api::reasons;
use windlass_kustomize::substitute;
use windlass_object::GroupVersionKind;
use windlass_sops::Keyring;

use super::decrypt;
use super::pass::Pass;
use crate::offer::Offer;
use crate::source::fetch::Snapshot;
use crate::work::error::StageError;

/// What a build is made from besides the files: keys and values that were read from the cluster.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(super) keys: Option<Arc<Keyring>>,
    pub(super) variables: BTreeMap<String, String>,
    /// The same for the same files, spec, keys and values.
    pub(super) digest: [u8; 32],
}

/// Reads what the build needs from the cluster.
pub(super) async fn read(pass: &Pass, offer: &Offer) -> Result<Inputs, StageError> {
    let keys = decrypt::keys(pass).await?;
    let variables = variables(pass).await?;
    let (keys, state) = keys.map_or((None, None), |(keys, state)| (Some(keys), Some(state)));
    let spec = serde_json::to_vec(&pass.spec)
        .map_err(|error| StageError::retry(reasons::BUILD_FAILED, error.to_string()))?;
    let mut sum = Sum::default();
    match offer {
        Offer::Commit(snapshot) => sum.files(snapshot),
        Offer::Archive(archive) => sum.add(format!("{archive:?}")),
    }
    sum.add(spec);
    // What is vouched for is said by a build, so another right to say it is another build.
    sum.add([u8::from(pass.vouching.may)]);
    sum.add(format!("{:?}", pass.left_out));
    sum.add(format!("{:?}", pass.remote));
    sum.add(state.unwrap_or_default());
    for (name, value) in &variables {
        sum.add(name);
        sum.add(value);
    }
    Ok(Inputs {
        keys,
        variables,
        digest: sum.0.finalize().into(),
    })
}

/// A digest of parts, each with its length, so that no two lists of parts look the same.
#[derive(Default)]
struct Sum(Sha256);

// === impl Sum ===

impl Sum {
    fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.update(part.len().to_be_bytes());
        self.0.update(part);
    }

    /// The files of a revision, those of the sources that it includes, and what is known of who vouches for them.
    fn files(&mut self, snapshot: &Snapshot) {
        self.add(snapshot.source.commit().to_string());
        self.add(format!("{:?}", snapshot.artifact));
        self.add(format!("{:?} {:?}", snapshot.choice, snapshot.rule));
        self.add(snapshot.includes.len().to_be_bytes());
        for included in &snapshot.includes {
            self.add(format!("{:?}", included.asked));
            self.files(&included.snapshot);
        }
    }
}

/// The variables of `postBuild`.
async fn variables(pass: &Pass) -> Result<BTreeMap<String, String>, StageError> {
    let Some(post_build) = &pass.spec.post_build else {
        return Ok(BTreeMap::new());
    };
    let mut variables = BTreeMap::new();
    for reference in &post_build.substitute_from {
        variables.extend(read_variables(pass, reference).await?);
    }
    // Inline values win over those that are read.
    variables.extend(post_build.substitute.clone());
    Ok(variables)
}

async fn read_variables(
    pass: &Pass,
    reference: &SubstituteReference,
) -> Result<BTreeMap<String, String>, StageError> {
    let kind = match reference.kind {
        SubstituteKind::ConfigMap => "ConfigMap",
        SubstituteKind::Secret => "Secret",
    };
    let failed = |error| StageError::request(reasons::BUILD_FAILED, &error);
    let resource = pass
        .cluster
        .resolve(&GroupVersionKind::new("v1", kind))
        .await
        .map_err(failed)?;
    let namespace = &pass.name.namespace;
    let object = pass
        .cluster
        .get(&resource, namespace, &reference.name)
        .await
        .map_err(failed)?;
    match object {
        Some(object) => {
            let data = substitute::values_of(&object);
            if reference.kind == SubstituteKind::Secret {
                data.values().for_each(|value| pass.hidden.add(value));
            }
            Ok(data)
        }
        None if reference.optional => Ok(BTreeMap::new()),
        None => Err(StageError::retry(
            reasons::BUILD_FAILED,
            format!(
                "substitute from '{kind}/{}' failed: there is no such object in namespace \
                 {namespace}; create it or set optional: true",
                reference.name
            ),
        )),
    }
}
