//! What a Kustomization substitutes after its build.

use std::collections::BTreeMap;

use windlass_kustomize::substitute::values_of;
use windlass_object::{GroupVersionKind, Object, Value};

use crate::error::CommandError;
use crate::facts::{field, list};
use crate::session::Session;

/// The variables: those of ConfigMaps and Secrets where a cluster is asked, and the inline ones over them.
pub(crate) async fn variables(
    session: Option<&Session>,
    kustomization: &Object,
) -> Result<BTreeMap<String, String>, CommandError> {
    let mut variables = BTreeMap::new();
    let references = list(kustomization, "/spec/postBuild/substituteFrom");
    if let Some(session) = session {
        for reference in references {
            variables.extend(read(session, kustomization, reference).await?);
        }
    }
    let inline = kustomization.pointer("/spec/postBuild/substitute");
    for (name, value) in inline.and_then(Value::as_object).into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        variables.insert(name.clone(), value);
    }
    Ok(variables)
}

async fn read(
    session: &Session,
    kustomization: &Object,
    reference: &Value,
) -> Result<BTreeMap<String, String>, CommandError> {
    let (kind, name) = (field(reference, "kind"), field(reference, "name"));
    let namespace = kustomization.namespace().unwrap_or(&session.namespace);
    let resource = session
        .cluster
        .resolve(&GroupVersionKind::new("v1", kind))
        .await?;
    match session.cluster.get(&resource, namespace, name).await? {
        Some(object) => Ok(values_of(&object)),
        None if reference.get("optional") == Some(&Value::Bool(true)) => Ok(BTreeMap::new()),
        None => Err(CommandError::Build(format!(
            "substitute from '{kind}/{name}' failed: there is no such object in namespace {namespace}"
        ))),
    }
}
