//! Values that SOPS has encrypted are not printed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_object::yaml::to_string;
use windlass_object::{Map, Object, Value};

/// What stands in the place of an encrypted value.
const MASK: &str = "**SOPS**";

/// A Secret whose values must be JSON.
const DOCKER_CONFIG: &str = "kubernetes.io/dockerconfigjson";

/// Masks what is encrypted in a Secret, as Flux does.
///
/// # Errors
/// A value of `data` is no base64.
pub(super) fn mask(object: &mut Object) -> Result<(), String> {
    if object.kind() != "Secret" {
        return Ok(());
    }
    let text = to_string(object.as_value());
    let whole = text.contains("sops:") && text.contains("mac: ENC[");
    let docker = object.pointer("/type") == Some(&Value::from(DOCKER_CONFIG));
    let shown = if docker && whole {
        format!("{{\"mask\":\"{MASK}\"}}")
    } else {
        MASK.to_owned()
    };
    let encoded = STANDARD.encode(&shown);
    let name = object.name().to_owned();
    let Some(fields) = object.as_value_mut().as_object_mut() else {
        return Ok(());
    };
    if whole {
        fields.remove("sops");
        cover(fields, "data", &encoded, |_| Ok(true))?;
        return cover(fields, "stringData", &shown, |_| Ok(true));
    }
    cover(fields, "data", &encoded, |text| {
        let bytes = STANDARD
            .decode(text.replace('\n', ""))
            .map_err(|error| format!("failed to mask secret {name} sops data: {error}"))?;
        Ok(is_encrypted(&String::from_utf8_lossy(&bytes)))
    })?;
    cover(fields, "stringData", &encoded, |text| {
        Ok(is_encrypted(text))
    })
}

/// Whether the API server has a mask in the place of a value: what was masked in `stringData` is encoded
/// once more.
pub(crate) fn is_masked(value: &str) -> bool {
    let decoded = |text: &[u8]| STANDARD.decode(text).unwrap_or_default();
    let once = decoded(value.as_bytes());
    [decoded(&once), once]
        .iter()
        .any(|bytes| String::from_utf8_lossy(bytes).contains(MASK))
}

fn is_encrypted(text: &str) -> bool {
    text.contains("sops") && text.contains("ENC[")
}

fn cover(
    fields: &mut Map<String, Value>,
    field: &str,
    mask: &str,
    is_covered: impl Fn(&str) -> Result<bool, String>,
) -> Result<(), String> {
    let values = fields.get_mut(field).and_then(Value::as_object_mut);
    for value in values.into_iter().flat_map(Map::values_mut) {
        if is_covered(value.as_str().unwrap_or_default())? {
            *value = Value::from(mask);
        }
    }
    Ok(())
}
