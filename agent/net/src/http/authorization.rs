//! How we prove who asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ureq::http::header;
use windlass_wire::{Credentials, Secret};

use crate::failure::Failure;
use crate::origin::HttpOrigin;

/// The value of the Authorization header.
pub(crate) fn authorization(
    credentials: &Credentials,
    origin: &HttpOrigin,
) -> Result<Option<Secret>, Failure> {
    let value = match credentials {
        Credentials::None => match &origin.userinfo {
            None => return Ok(None),
            Some((user, password)) => basic(user, password),
        },
        Credentials::Basic { username, password } => basic(username, password),
        // A token read from a file often ends in a newline, which no header may hold.
        Credentials::Bearer(token) => Secret::new(format!("Bearer {}", token.expose().trim_end())),
        Credentials::Ssh { .. } => {
            return Err(Failure::invalid_request(
                "an ssh identity is of no use for an http URL; give username and password, or a \
                 bearerToken",
            ));
        }
    };
    match header::HeaderValue::from_str(value.expose()) {
        Ok(_) => Ok(Some(value)),
        Err(_) => Err(Failure::invalid_request(
            "the token holds characters that no HTTP header may hold; check the secret",
        )),
    }
}

fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Secret::new(format!("{user}:{}", password.expose()));
    Secret::new(format!("Basic {}", BASE64.encode(pair.expose())))
}
