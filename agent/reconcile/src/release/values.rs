//! The values of a release: what `valuesFrom` leads to, and its own.

use serde_json::{Map, Value};
use windlass_api::helm_release::{ValuesKind, ValuesReference};
use windlass_api::reasons;
use windlass_object::{GroupVersionKind, Object};
use windlass_release::{Gathered, word};

use super::pass::Pass;
use crate::work::error::StageError;

/// Puts the values together.
pub(super) async fn compose(pass: &Pass) -> Result<Map<String, Value>, StageError> {
    let mut gathered = Gathered::new(pass.owner());
    for reference in &pass.spec.values_from {
        let object = read(pass, reference).await?;
        let data = gathered.add(reference, object.as_ref()).map_err(failed)?;
        if let (ValuesKind::Secret, Some(data)) = (reference.kind, data) {
            hide(pass, reference, data);
        }
    }
    gathered.compose().map_err(failed)
}

async fn read(pass: &Pass, reference: &ValuesReference) -> Result<Option<Object>, StageError> {
    let kind = GroupVersionKind::new("v1", word(reference.kind));
    let request = |error| StageError::request(reasons::VALUES_ERROR, &error);
    let resource = pass.cluster.resolve(&kind).await.map_err(request)?;
    let (namespace, name) = (&pass.name.namespace, &reference.name);
    let object = pass.cluster.get(&resource, namespace, name).await;
    object.map_err(request)
}

/// The API server quotes what it refuses, and templates fail with the values they were given.
fn hide(pass: &Pass, reference: &ValuesReference, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if reference.target_path.is_some() {
        pass.hidden.add(&text);
        return;
    }
    if let Ok(values) = windlass_helm::read_values(data) {
        hide_texts(pass, &Value::Object(values));
    }
}

fn hide_texts(pass: &Pass, value: &Value) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| hide_texts(pass, value)),
        Value::Array(items) => items.iter().for_each(|value| hide_texts(pass, value)),
        // Short ones are words such as `yes` or `main`, and would blank out half of every message.
        Value::String(text) if text.len() >= SHORTEST_SECRET => pass.hidden.add(text),
        _ => {}
    }
}

/// A password has at least this many characters.
const SHORTEST_SECRET: usize = 6;

fn failed(message: String) -> StageError {
    StageError::retry(reasons::VALUES_ERROR, message)
}
