//! Webhooks that come in: whether a request is from whom its Receiver expects (notification-controller,
//! `receiver_handlers.go`).

mod events;
mod payload;
mod signature;

use serde_json::Value;
use sha2_new::{Digest, Sha256};
use windlass_api::receiver::{PATH_PREFIX, ReceiverSpec, ReceiverType};

use crate::secret::{Fields, Secret};

/// A request as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Names in lower case, and values.
    pub headers: &'a [(String, Vec<u8>)],
    /// What came with it.
    pub body: &'a [u8],
}

/// A request that is from whom the Receiver expects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admitted {
    /// What it is about, in a few words, for the log.
    pub about: String,
    /// What the body is about, where that is not the body itself.
    pub payload: Option<Value>,
}

/// Why a request is refused. It is told to nobody but the log: whoever asked may be guessing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// A Receiver that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Requests of this kind of service are not judged here.
    #[error(
        "receiver type {0} is not served by windlass; use generic-hmac, or leave the Receiver to Flux"
    )]
    Type(&'static str),
}

/// Whether requests for a Receiver can be judged at all.
///
/// # Errors
/// Those of its kind cannot.
pub fn fits(spec: &ReceiverSpec) -> Result<(), Unfit> {
    match spec.type_ {
        ReceiverType::GenericOidc | ReceiverType::Gcr => Err(Unfit::Type(spec.type_.name())),
        _ => Ok(()),
    }
}

/// Where webhooks for a Receiver come to; of most services it is all that proves who asks.
#[must_use]
pub fn webhook_path(token: &str, namespace: &str, name: &str) -> String {
    let digest = Sha256::new()
        .chain_update(token)
        .chain_update(name)
        .chain_update(namespace)
        .finalize();
    format!("{PATH_PREFIX}{}", hex::encode(digest))
}

/// Judges a request that came to the path of a Receiver.
///
/// # Errors
/// It is not from whom the Receiver expects, is of an event that does not count, or says nothing that can be read.
pub fn admit(
    spec: &ReceiverSpec,
    secret: &Fields,
    request: Incoming<'_>,
) -> Result<Admitted, Refused> {
    let token = secret.get("token").map_or("", Secret::expose).as_bytes();
    if token.is_empty() {
        return refused("the token is empty: whoever knows the name of the Receiver could sign");
    }
    let about = |about: &str| Admitted {
        about: about.to_owned(),
        payload: None,
    };
    match spec.type_ {
        ReceiverType::Generic => Ok(about("a request")),
        ReceiverType::GenericHmac => {
            signature::check(token, request.one("x-signature")?, request.body)?;
            Ok(about("a signed request"))
        }
        ReceiverType::GitHub => {
            signature::check_payload(token, request)?;
            events::allowed(spec, request, "x-github-event", "GitHub").map(|event| about(&event))
        }
        ReceiverType::Bitbucket => {
            signature::check_payload(token, request)?;
            events::allowed(spec, request, "x-event-key", "Bitbucket server")
                .map(|event| about(&event))
        }
        ReceiverType::GitLab => {
            signature::equal(token, request.one("x-gitlab-token")?)?;
            events::allowed(spec, request, "x-gitlab-event", "GitLab").map(|event| about(&event))
        }
        ReceiverType::Harbor => {
            signature::equal(token, request.one("authorization")?)?;
            Ok(about("a Harbor event"))
        }
        ReceiverType::Nexus => {
            let signed = request.one("x-nexus-webhook-signature")?;
            signature::check_nexus(token, signed, request.body)?;
            payload::nexus(request.body).map(|text| about(&text))
        }
        ReceiverType::DockerHub => payload::docker_hub(request.body).map(|text| about(&text)),
        ReceiverType::Quay => payload::quay(request.body).map(|text| about(&text)),
        ReceiverType::Acr => payload::acr(request.body).map(|text| about(&text)),
        ReceiverType::CdEvents => {
            payload::cd_event(request.body)?;
            events::allowed(spec, request, "ce-type", "CDEvents").map(|event| about(&event))
        }
        ReceiverType::GenericOidc | ReceiverType::Gcr => {
            refused(&Unfit::Type(spec.type_.name()).to_string())
        }
    }
}

fn refused<Never>(message: &str) -> Result<Never, Refused> {
    Err(Refused(message.to_owned()))
}

impl<'a> Incoming<'a> {
    /// The first value of a header, or nothing, as Go gives it.
    pub fn header(&self, name: &str) -> &'a [u8] {
        let mut named = self.headers.iter().filter(|(other, _)| other == name);
        named.next().map_or(&[], |(_, value)| value)
    }

    /// The value of a header that has to be there.
    fn one(&self, name: &str) -> Result<&'a [u8], Refused> {
        match self.header(name) {
            b"" => refused(&format!("the request has no header {name}")),
            value => Ok(value),
        }
    }

    /// Whether the body says of itself that it is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let types = String::from_utf8_lossy(self.header("content-type")).into_owned();
        let mut types = types.split(',').map(media_type);
        types.any(|type_| type_ == "application/json")
    }
}

/// A type without its parameters.
fn media_type(text: &str) -> String {
    let type_ = text.split(';').next().unwrap_or_default();
    type_.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
