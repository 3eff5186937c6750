//! One HTTP request that tells somebody something, and whether it was taken.

use std::io::{Read, Write};
use std::time::Duration;

use ureq::Body;
use ureq::http::{HeaderName, HeaderValue, Method, Request, Response, header};
use windlass_wire::{Credentials, FailureClass, Piece, PostExpected, PostMethod, PostRequest};

use crate::exchange::{parse, tell};
use crate::failure::{Deadline, Failure, server_text};
use crate::http::authorization::authorization;
use crate::http::failures::classify;
use crate::origin::HttpOrigin;
use crate::reach::ReachError;
use crate::way::Way;

/// Bytes read of an answer: it says whether, or why not.
const ANSWER_BYTES: u64 = 64 * 1024;

/// Parts of a request that are shorter are no secrets, and stay where a server repeats them.
const SHORTEST_SECRET: usize = 6;

/// Answers one request. The error says why it was not taken; [`ReachError::Gone`] means nobody listens.
pub(crate) fn answer(request: &PostRequest, out: &mut dyn Write) -> Result<(), ReachError> {
    let post = Post::new(request)?;
    let response = post.send()?;
    post.judge(response)?;
    tell(out, &Piece::Done { bytes: 0 })
}

struct Post<'a> {
    request: &'a PostRequest,
    origin: HttpOrigin,
    deadline: Deadline,
    /// Scheme, host and port: the rest of the URL may be a secret.
    shown: String,
}

impl<'a> Post<'a> {
    fn new(request: &'a PostRequest) -> Result<Self, Failure> {
        // What the parser says would show the URL.
        let origin = parse(request.url.expose()).map_err(|_| {
            let message = "the address is no URL that can be sent to; use https://host/path or http://host/path";
            Failure::new(FailureClass::InvalidUrl, message)
        })?;
        Ok(Self {
            request,
            shown: origin.authority.to_string(),
            origin,
            deadline: Deadline::after(Duration::from_secs(request.timeout_seconds)),
        })
    }

    fn send(&self) -> Result<Response<Body>, Failure> {
        let agent = Way {
            ca_bundle: self.request.ca_bundle.as_deref(),
            identity: self.request.identity.as_ref(),
            proxy: self.request.proxy.as_ref(),
        };
        let agent = agent.agent(self.origin.authority.tls)?;
        let request = agent
            .configure_request(self.http_request()?)
            .timeout_global(Some(self.deadline.remaining()?))
            .build();
        agent.run(request).map_err(|error| self.failed(error))
    }

    fn http_request(&self) -> Result<Request<&'a [u8]>, Failure> {
        let method = match self.request.method {
            PostMethod::Post => Method::POST,
            PostMethod::Put => Method::PUT,
            PostMethod::Get => Method::GET,
        };
        let mut builder = Request::builder().method(method).uri(self.origin.whole());
        for (name, value) in &self.request.headers {
            let unusable = |what: &str| {
                let name: String = name.escape_default().take(60).collect();
                Failure::invalid_request(format!(
                    "the header {name} has {what} that no HTTP header may have; check the Secret of the Provider"
                ))
            };
            let key: HeaderName = name.parse().map_err(|_| unusable("a name"))?;
            let mut value =
                HeaderValue::from_str(value.expose().trim()).map_err(|_| unusable("a value"))?;
            value.set_sensitive(true);
            builder = builder.header(key, value);
        }
        // User and password of the URL, as Go's client sends them.
        if !self.has(&header::AUTHORIZATION)
            && let Some(proof) = authorization(&Credentials::None, &self.origin)?
        {
            builder = builder.header(header::AUTHORIZATION, proof.expose());
        }
        builder.body(self.request.body.as_slice()).map_err(|_| {
            Failure::invalid_request(format!(
                "no request to {} can be made of the address",
                self.shown
            ))
        })
    }

    fn has(&self, name: &HeaderName) -> bool {
        let mut names = self.request.headers.iter().map(|(name, _)| name);
        names.any(|other| name.as_str().eq_ignore_ascii_case(other))
    }

    fn judge(&self, response: Response<Body>) -> Result<(), Failure> {
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // Half an answer is as good as none; the status counts.
        let _ = response
            .into_body()
            .into_reader()
            .take(ANSWER_BYTES)
            .read_to_end(&mut body);
        if (200..300).contains(&status) {
            return match self.request.expected {
                PostExpected::Success => Ok(()),
                PostExpected::Ok => self.says_ok(&body),
            };
        }
        let shown = &self.shown;
        let said = self.said(&body);
        let (class, advice) = match status {
            401 | 403 => (
                FailureClass::Authentication,
                "check the Secret of the Provider",
            ),
            404 | 410 => (FailureClass::NotFound, "check the Provider's address"),
            408 | 425 | 429 | 500..=599 => (FailureClass::Unreachable, "it is tried again"),
            300..=399 => (
                FailureClass::Refused,
                "redirects are not followed: use the address that it leads to",
            ),
            _ => (FailureClass::Protocol, "check the Provider"),
        };
        let message = format!("{shown} answers {status}{said}; {advice}");
        Err(Failure::new(class, message))
    }

    /// The answer of an API that says in its body whether it did what it was asked for.
    fn says_ok(&self, body: &[u8]) -> Result<(), Failure> {
        let answer: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        match answer
            .as_ref()
            .and_then(|answer| answer.get("ok")?.as_bool())
        {
            Some(true) => Ok(()),
            _ => Err(Failure::protocol(format!(
                "{} refuses the request{}; check the Provider",
                self.shown,
                self.said(body)
            ))),
        }
    }

    /// What a server says, without what it was sent that may be secret.
    fn said(&self, body: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(body).into_owned();
        let values = self.request.headers.iter().map(|(_, value)| value.expose());
        let parts = values.chain([self.request.url.expose()]).flat_map(|text| {
            text.split(|between: char| between.is_whitespace() || "/?&=:@#".contains(between))
        });
        for part in parts.filter(|part| part.len() >= SHORTEST_SECRET) {
            text = text.replace(part, "***");
        }
        match server_text(text.as_bytes()) {
            said if said.is_empty() => said,
            said => format!(": {said}"),
        }
    }

    fn failed(&self, error: ureq::Error) -> Failure {
        let failure = classify(error, self.deadline, &self.shown);
        match failure.class {
            FailureClass::Timeout => Failure::new(
                FailureClass::Timeout,
                format!(
                    "{} did not answer within {} s; it is tried again, and spec.timeout of the Provider can be raised",
                    self.shown, self.request.timeout_seconds
                ),
            ),
            _ => failure,
        }
    }
}
