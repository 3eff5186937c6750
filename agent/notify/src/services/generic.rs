//! Webhooks that take Flux's own JSON, plain or signed (`forwarder.go`).

use hmac::{Hmac, KeyInit, Mac};
use sha2_new::Sha256;

use super::{ComposeError, json};
use crate::event::Event;
use crate::recipient::Recipient;
use crate::request::Outgoing;
use crate::secret::Secret;

/// The header with the controller's name.
const COMPONENT: &str = "Gotk-Component";

/// The header with the signature.
pub const SIGNATURE: &str = "X-Signature";

pub(super) fn plain(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let request = Outgoing::json(Secret::new(recipient.address()?.whole()), json(event))
        .with_header(COMPONENT, &event.reporting_controller);
    let headers = recipient.headers.iter();
    Ok(headers.fold(request, |request, (name, value)| {
        request.with_header(name, value.expose())
    }))
}

pub(super) fn signed(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let request = plain(recipient, event)?;
    let signature = signature(recipient.token()?.expose().as_bytes(), &request.body);
    Ok(request.with_header(SIGNATURE, signature))
}

/// The value of `X-Signature` for a body, as Flux's generic-hmac Providers send it and Receivers of that type take it.
#[must_use]
pub fn signature(key: &[u8], body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::event;
    use crate::recipient::tests::{fields, provider};
    use crate::request::{Expected, Method};

    /// The one request to a Provider with these fields in its Secret.
    fn request(type_: &str, pairs: &[(&str, &str)]) -> Outgoing {
        let spec = provider(serde_json::json!({ "type": type_, "address": "https://h/hook" }));
        let fields = fields(pairs);
        let recipient = Recipient::new(&spec, &fields).unwrap();
        let event = event().cleaned().without_token();
        let mut requests = crate::compose(&recipient, &event).unwrap();
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }

    fn header<'a>(request: &'a Outgoing, name: &str) -> Vec<&'a str> {
        let named = request.headers.iter().filter(|(other, _)| other == name);
        named.map(|(_, value)| value.expose()).collect()
    }

    #[test]
    fn a_webhook_gets_the_event_and_the_headers_of_the_secret() {
        let plain = request("generic", &[("headers", "X-Team: web\nContent-Type: a/b")]);
        assert_eq!(
            (plain.method, plain.expected),
            (Method::Post, Expected::Success)
        );
        assert_eq!(plain.url, Secret::new("https://h/hook"));
        assert_eq!(header(&plain, COMPONENT), ["kustomize-controller"]);
        assert_eq!(header(&plain, "X-Team"), ["web"]);
        assert_eq!(header(&plain, "Content-Type"), ["a/b"]);
        assert!(header(&plain, SIGNATURE).is_empty());
        let event: Event = serde_json::from_slice(&plain.body).unwrap();
        assert_eq!(event.message, "health check failed");
    }

    #[test]
    fn a_signature_is_over_the_body_and_no_header_of_the_secret_replaces_it() {
        let signed = request(
            "generic-hmac",
            &[("token", "key"), ("headers", "x-signature: mine")],
        );
        let expected = signature(b"key", &signed.body);
        assert_eq!(header(&signed, SIGNATURE), [expected]);
        assert!(header(&signed, "x-signature").is_empty());
    }

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        assert_eq!(signature(b"Jefe", body), format!("sha256={expected}"));
    }
}
