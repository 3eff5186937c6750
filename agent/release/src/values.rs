//! The values of a release: what `valuesFrom` leads to, and its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use windlass_api::helm_release::{ValuesKind, ValuesReference};
use windlass_helm::{Target, ValuesPart, compose_values};
use windlass_object::Object;

use crate::owner::Owner;

/// The field that is read where none is named.
const DEFAULT_KEY: &str = "values.yaml";

/// What was found so far of the values of a release.
#[derive(Debug)]
pub struct Gathered<'a> {
    owner: Owner<'a>,
    parts: Vec<ValuesPart>,
    references: Vec<&'a ValuesReference>,
}

// === impl Gathered ===

impl<'a> Gathered<'a> {
    /// Begins; nothing is found yet.
    #[must_use]
    pub fn new(owner: Owner<'a>) -> Self {
        Gathered {
            owner,
            parts: Vec::new(),
            references: Vec::new(),
        }
    }

    /// Takes the object that the next reference leads to, or that there is none; gives the text that counts, if any.
    ///
    /// # Errors
    /// The object or its key is not there, and the reference is not optional.
    pub fn add(
        &mut self,
        reference: &'a ValuesReference,
        object: Option<&Object>,
    ) -> Result<Option<&[u8]>, String> {
        let Some(object) = object else {
            let why = "it is not there; create it, or set optional: true";
            return self.missing(reference, why);
        };
        let key = reference.values_key.as_deref().unwrap_or(DEFAULT_KEY);
        let Some(data) = field(object, key) else {
            let why = format!("missing key '{key}'; name one that it has, or set optional: true");
            return self.missing(reference, &why);
        };
        let target = reference.target_path.as_ref().map(|path| Target {
            path: path.clone(),
            literal: reference.literal,
        });
        self.parts.push(ValuesPart { data, target });
        self.references.push(reference);
        Ok(self.parts.last().map(|part| part.data.as_slice()))
    }

    /// Puts everything together, the release's own values over the rest.
    ///
    /// # Errors
    /// A text is no YAML map, or does not fit where it goes.
    pub fn compose(self) -> Result<Map<String, Value>, String> {
        let own = match &self.owner.spec.values {
            Some(Value::Object(own)) => own.clone(),
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err("spec.values is no map".to_owned()),
        };
        compose_values(&self.parts, &own).map_err(|error| match self.references.get(error.part) {
            Some(reference) => self.unusable(reference, &error.message),
            None => error.message,
        })
    }

    fn missing(&self, reference: &ValuesReference, why: &str) -> Result<Option<&[u8]>, String> {
        match reference.optional {
            true => Ok(None),
            false => Err(self.unusable(reference, why)),
        }
    }

    fn unusable(&self, reference: &ValuesReference, why: &str) -> String {
        let (kind, namespace) = (word(reference.kind), self.owner.namespace);
        let place = format!("{kind} '{namespace}/{}'", reference.name);
        format!("could not resolve {place} in valuesFrom: {why}")
    }
}

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

/// The kind as the cluster calls it.
#[must_use]
pub fn word(kind: ValuesKind) -> &'static str {
    match kind {
        ValuesKind::ConfigMap => "ConfigMap",
        ValuesKind::Secret => "Secret",
    }
}
