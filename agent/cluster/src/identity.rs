//! Who a request is sent as.

use http::HeaderValue;

use crate::error::{ErrorClass, RequestError};

/// Length limit of a Kubernetes name (RFC 1123 subdomain).
const NAME_LENGTH: usize = 253;

/// A service account to impersonate: both parts are present and are valid names.
///
/// An empty identity would send no header at all and so run as the agent itself, with all its
/// rights (flux-operator CVE-2026-23990); such a value cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    namespace: String,
    name: String,
    header: HeaderValue,
}

impl ServiceAccount {
    /// Takes a namespace and a name and gives the identity, or an error of class `Invalid` when
    /// either is empty or is not a Kubernetes name.
    ///
    /// # Errors
    /// Says which part is wrong.
    pub fn new(namespace: &str, name: &str) -> Result<Self, RequestError> {
        check("namespace", namespace)?;
        check("name", name)?;
        let header = HeaderValue::from_str(&format!("system:serviceaccount:{namespace}:{name}"))
            .map_err(|_| refused("name", name))?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            header,
        })
    }

    /// The namespace the account lives in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the account.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }
}

fn check(part: &str, text: &str) -> Result<(), RequestError> {
    let valid = !text.is_empty()
        && text.len() <= NAME_LENGTH
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        });
    if valid {
        Ok(())
    } else {
        Err(refused(part, text))
    }
}

fn refused(part: &str, text: &str) -> RequestError {
    RequestError::local(
        "impersonate",
        "ServiceAccount",
        ErrorClass::Invalid,
        format!(
            "the {part} {text:?} of the service account is not a Kubernetes name; nothing was sent"
        ),
    )
}
