//! Who asks, as AWS Signature Version 4 proves it: with headers, so that no credential is in a URL.
//!
//! The form is that of the Amazon S3 API reference, "Authenticating Requests: Using the Authorization Header".

use jiff::Timestamp;
use ring::{digest, hmac};
use ureq::http::{HeaderName, header};
use windlass_wire::Secret;

/// The hash of no body at all.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";

/// The two keys.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) access: &'a str,
    pub(super) secret: &'a Secret,
}

/// A `GET` that is to be signed, as it goes over the wire.
pub(super) struct Unsigned<'a> {
    pub(super) host: &'a str,
    /// Escaped.
    pub(super) path: &'a str,
    /// Escaped, and sorted by name.
    pub(super) query: &'a str,
}

/// The headers that prove it to a region.
pub(super) fn headers(
    request: &Unsigned<'_>,
    keys: Keys<'_>,
    (region, now): (&str, Timestamp),
) -> [(HeaderName, String); 3] {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = time.split('T').next().unwrap_or_default();
    let scope = format!("{day}/{region}/s3/aws4_request");
    let Unsigned { host, path, query } = request;
    let canonical = format!(
        "GET\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{NOTHING}\nx-amz-date:{time}\n\n{HEADERS}\n{NOTHING}"
    );
    let canonical = digest::digest(&digest::SHA256, canonical.as_bytes());
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex::encode(canonical)
    );
    let first = format!("AWS4{}", keys.secret.expose());
    let key =
        [day, region, "s3", "aws4_request", &text]
            .iter()
            .fold(first.into_bytes(), |key, part| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
                hmac::sign(&key, part.as_bytes()).as_ref().to_vec()
            });
    let proof = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={HEADERS},Signature={}",
        keys.access,
        hex::encode(key)
    );
    [
        (header::AUTHORIZATION, proof),
        (
            HeaderName::from_static("x-amz-content-sha256"),
            NOTHING.to_owned(),
        ),
        (HeaderName::from_static("x-amz-date"), time),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example "GET Bucket (List Objects)" of the reference.
    #[test]
    fn the_example_of_the_reference_has_the_signature_of_the_reference() {
        let request = Unsigned {
            host: "examplebucket.s3.amazonaws.com",
            path: "/",
            query: "max-keys=2&prefix=J",
        };
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let keys = Keys {
            access: "AKIAIOSFODNN7EXAMPLE",
            secret: &secret,
        };
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        let [(_, proof), _, (_, time)] = headers(&request, keys, ("us-east-1", now));
        assert_eq!(time, "20130524T000000Z");
        let signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert!(
            proof.ends_with(&format!("Signature={signature}")),
            "{proof}"
        );
        assert!(
            proof.contains("Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,")
        );
    }
}
