//! The values of a release: what `valuesFrom` leads to, and its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use windlass_api::helm_release::{ValuesKind, ValuesReference};
use windlass_api::reasons;
use windlass_helm::{Target, ValuesPart, compose_values};
use windlass_object::{GroupVersionKind, Object};

use super::pass::Pass;
use crate::work::error::StageError;

/// The field that is read where none is named.
const DEFAULT_KEY: &str = "values.yaml";

/// Puts the values together.
pub(super) async fn compose(pass: &Pass) -> Result<Map<String, Value>, StageError> {
    let own = match &pass.spec.values {
        Some(Value::Object(own)) => own.clone(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(failed("spec.values is no map".to_owned())),
    };
    let (mut parts, mut references) = (Vec::new(), Vec::new());
    for reference in &pass.spec.values_from {
        if let Some(part) = read(pass, reference).await? {
            parts.push(part);
            references.push(reference);
        }
    }
    compose_values(&parts, &own).map_err(|error| match references.get(error.part) {
        Some(reference) => unusable(pass, reference, &error.message),
        None => failed(error.message),
    })
}

async fn read(pass: &Pass, reference: &ValuesReference) -> Result<Option<ValuesPart>, StageError> {
    let kind = GroupVersionKind::new("v1", word(reference.kind));
    let request = |error| StageError::request(reasons::VALUES_ERROR, &error);
    let resource = pass.cluster.resolve(&kind).await.map_err(request)?;
    let (namespace, name) = (&pass.name.namespace, &reference.name);
    let object = pass.cluster.get(&resource, namespace, name).await;
    let Some(object) = object.map_err(request)? else {
        return missing(
            pass,
            reference,
            "it is not there; create it, or set optional: true",
        );
    };
    let key = reference.values_key.as_deref().unwrap_or(DEFAULT_KEY);
    let Some(data) = field(&object, key) else {
        let why = format!("missing key '{key}'; name one that it has, or set optional: true");
        return missing(pass, reference, &why);
    };
    if reference.kind == ValuesKind::Secret {
        hide(pass, reference, &data);
    }
    let target = reference.target_path.as_ref().map(|path| Target {
        path: path.clone(),
        literal: reference.literal,
    });
    Ok(Some(ValuesPart { data, target }))
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

fn field(object: &Object, key: &str) -> Option<Vec<u8>> {
    let of = |map: &str| object.as_value().get(map)?.get(key)?.as_str();
    let decoded = |text: &str| STANDARD.decode(text).ok();
    match object.kind() {
        "Secret" => of("data").and_then(decoded),
        _ => of("data")
            .map(|text| text.as_bytes().to_vec())
            .or_else(|| of("binaryData").and_then(decoded)),
    }
}

fn missing(
    pass: &Pass,
    reference: &ValuesReference,
    why: &str,
) -> Result<Option<ValuesPart>, StageError> {
    match reference.optional {
        true => Ok(None),
        false => Err(unusable(pass, reference, why)),
    }
}

fn unusable(pass: &Pass, reference: &ValuesReference, why: &str) -> StageError {
    let place = format!(
        "{} '{}/{}'",
        word(reference.kind),
        pass.name.namespace,
        reference.name
    );
    failed(format!("could not resolve {place} in valuesFrom: {why}"))
}

fn failed(message: String) -> StageError {
    StageError::retry(reasons::VALUES_ERROR, message)
}

fn word(kind: ValuesKind) -> &'static str {
    match kind {
        ValuesKind::ConfigMap => "ConfigMap",
        ValuesKind::Secret => "Secret",
    }
}
