//! Reads the Secrets that a source names.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use windlass_object::GroupVersionKind;

use super::spec::Unusable;
use crate::context::Context;
use crate::named::Named;

/// The decoded fields of a Secret in the source's own namespace.
pub(crate) async fn read(
    context: &Context,
    source: &Named,
    name: &str,
    (field, reason): (&str, &'static str),
) -> Result<BTreeMap<String, String>, Unusable> {
    let failed = |message: String| Unusable {
        reason,
        message,
        stalled: false,
    };
    let secrets = context
        .cluster
        .resolve(&GroupVersionKind::new("v1", "Secret"))
        .await
        .map_err(|error| failed(error.to_string()))?;
    let secret = context
        .cluster
        .get(&secrets, &source.namespace, name)
        .await
        .map_err(|error| failed(error.to_string()))?
        .ok_or_else(|| {
            failed(format!(
                "secret '{}/{name}' of {field} not found; create it",
                source.namespace
            ))
        })?;
    let fields = secret
        .pointer("/data")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let decoded = fields.filter_map(|(field, value)| {
        let bytes = STANDARD.decode(value.as_str()?).ok()?;
        Some((field.clone(), String::from_utf8(bytes).ok()?))
    });
    Ok(decoded.collect())
}
