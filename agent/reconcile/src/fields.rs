//! The fields of a Secret, read when they are needed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use windlass_cluster::{Cluster, RequestError};
use windlass_notify::{Fields, Secret};
use windlass_object::GroupVersionKind;

/// The fields that are text; `None` when there is no such Secret.
pub(crate) async fn read(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<Fields>, RequestError> {
    let kind = GroupVersionKind::new("v1", "Secret");
    let secrets = cluster.resolve(&kind).await?;
    let Some(secret) = cluster.get(&secrets, namespace, name).await? else {
        return Ok(None);
    };
    let data = secret.pointer("/data").and_then(Value::as_object);
    let decoded = data.into_iter().flatten().filter_map(|(field, value)| {
        let bytes = STANDARD.decode(value.as_str()?).ok()?;
        Some((field.clone(), Secret::new(String::from_utf8(bytes).ok()?)))
    });
    Ok(Some(decoded.collect()))
}
