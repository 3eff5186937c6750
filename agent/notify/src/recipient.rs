//! A Provider with what its Secret adds to it.

use std::collections::BTreeMap;

use windlass_api::provider::ProviderSpec;
use windlass_object::{Value, yaml};

use crate::secret::{Fields, Secret};

/// The longest address (`spec.address` in the definition of a Provider).
const ADDRESS_BYTES: usize = 2048;

/// Whom to tell, and how to prove who tells.
#[derive(Debug, Clone)]
pub struct Recipient<'a> {
    pub(crate) spec: &'a ProviderSpec,
    pub(crate) address: Option<Secret>,
    pub(crate) token: Option<Secret>,
    pub(crate) username: Option<Secret>,
    pub(crate) password: Option<Secret>,
    pub(crate) headers: BTreeMap<String, Secret>,
}

/// A Provider's Secret cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// The address in it is too long.
    #[error("invalid address in secret: address exceeds maximum length of {ADDRESS_BYTES} bytes")]
    LongAddress,
    /// The headers in it are no map of texts.
    #[error(
        "failed to read headers from secret: its key headers has to be YAML that gives each header a text, such as \
         `X-Team: web`"
    )]
    Headers,
}

// === impl Recipient ===

impl<'a> Recipient<'a> {
    /// Puts a Provider and the fields of its Secret together; the Secret wins.
    ///
    /// # Errors
    /// A field of the Secret cannot be used.
    pub fn new(spec: &'a ProviderSpec, fields: &Fields) -> Result<Self, RecipientError> {
        let field = |name: &str| fields.get(name).cloned();
        let of_spec = |value: &Option<String>| value.as_deref().map(Secret::new);
        let address = field("address").map(|address| Secret::new(address.expose().trim()));
        if address
            .as_ref()
            .is_some_and(|address| address.expose().len() > ADDRESS_BYTES)
        {
            return Err(RecipientError::LongAddress);
        }
        Ok(Self {
            spec,
            address: address.or_else(|| of_spec(&spec.address)),
            token: field("token"),
            username: field("username").or_else(|| of_spec(&spec.username)),
            password: field("password"),
            headers: field("headers").map_or(Ok(BTreeMap::new()), |text| headers(&text))?,
        })
    }
}

fn headers(text: &Secret) -> Result<BTreeMap<String, Secret>, RecipientError> {
    let unusable = |_| RecipientError::Headers;
    let documents = yaml::parse_documents(text.expose().as_bytes(), &yaml::Limits::DEFAULT);
    let mut documents = documents.map_err(|_| RecipientError::Headers)?.into_iter();
    let headers = match documents.next().map(|document| document.value) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(value) => serde_json::from_value::<BTreeMap<String, String>>(value),
    };
    let headers = headers.map_err(unusable)?.into_iter();
    Ok(headers
        .map(|(name, value)| (name, Secret::new(value)))
        .collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), Secret::new(*value)))
            .collect()
    }

    pub(crate) fn provider(spec: Value) -> ProviderSpec {
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn the_secret_wins_over_the_spec() {
        let spec =
            provider(json!({ "type": "generic", "address": "https://spec", "username": "spec" }));
        let plain = Recipient::new(&spec, &Fields::new()).unwrap();
        assert_eq!(plain.address, Some(Secret::new("https://spec")));
        assert_eq!(plain.username, Some(Secret::new("spec")));
        let secret = fields(&[("address", " https://secret\n"), ("username", "secret")]);
        let secret = Recipient::new(&spec, &secret).unwrap();
        assert_eq!(secret.address, Some(Secret::new("https://secret")));
        assert_eq!(secret.username, Some(Secret::new("secret")));
    }

    #[test]
    fn headers_are_a_map_of_texts_in_yaml() {
        let spec = provider(json!({ "type": "generic" }));
        let read =
            |text: &str| Recipient::new(&spec, &fields(&[("headers", text)])).map(|it| it.headers);
        let good = read("Authorization: my token\nX-Team: \"7\"\n").unwrap();
        assert_eq!(
            good,
            fields(&[("Authorization", "my token"), ("X-Team", "7")])
        );
        assert_eq!(read("").unwrap(), Fields::new());
        for bad in [
            "- secret",
            "X-Team: 7",
            "secret",
            "X: {secret: a}",
            "\t: secret: [",
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!(error, RecipientError::Headers);
            assert!(!error.to_string().contains("secret: a"), "{error}");
        }
    }

    #[test]
    fn an_address_that_no_spec_may_have_is_refused_in_a_secret_too() {
        let spec = provider(json!({ "type": "generic" }));
        let long = format!("https://h/{}", "a".repeat(ADDRESS_BYTES));
        let error = Recipient::new(&spec, &fields(&[("address", &long)])).unwrap_err();
        assert_eq!(error, RecipientError::LongAddress);
    }
}
