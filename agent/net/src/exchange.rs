//! What one request sends over HTTP, to whom, and what it takes of the answer.

use std::io::{Read, Write};
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName, Method, Response, header};
use ureq::{Agent, Body};
use windlass_wire::limits::PIECE_BYTES;
use windlass_wire::{DisplayUrl, DownloadRequest, FailureClass, Piece, write_piece};

use crate::failure::{Deadline, Failure};
use crate::http::failures::{HttpBody, classify};
use crate::limits;
use crate::origin::{HttpOrigin, Origin, Remote};
use crate::reach::ReachError;
use crate::way::Way;

/// The conversation of one request with the servers that it leads to.
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a DownloadRequest,
    /// What was asked for; only its authority may see credentials and certificate.
    pub(crate) origin: HttpOrigin,
    deadline: Deadline,
}

/// Tells the agent one piece.
pub(crate) fn tell(mut out: &mut dyn Write, piece: &Piece) -> Result<(), ReachError> {
    write_piece(&mut out, piece).map_err(|_| ReachError::Gone)
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(request: &'a DownloadRequest, origin: HttpOrigin) -> Self {
        Self {
            request,
            origin,
            deadline: Deadline::after(Duration::from_secs(request.timeout_seconds)),
        }
    }

    /// Sends one request without a body.
    pub(crate) fn send(
        &self,
        method: Method,
        to: &HttpOrigin,
        fields: &[(HeaderName, &str)],
    ) -> Result<Response<Body>, Failure> {
        self.send_by(&self.agent(to)?, method, to, fields)
    }

    /// Sends one request without a body by a client, whose connection stays open for the next one.
    pub(crate) fn send_by(
        &self,
        agent: &Agent,
        method: Method,
        to: &HttpOrigin,
        fields: &[(HeaderName, &str)],
    ) -> Result<Response<Body>, Failure> {
        let mut builder = ureq::http::Request::builder()
            .method(method)
            .uri(to.whole());
        for (name, value) in fields {
            builder = builder.header(name, *value);
        }
        let request = builder.body(()).map_err(|error| {
            Failure::invalid_request(format!("{} cannot be asked for: {error}", self.shown()))
        })?;
        let request = agent
            .configure_request(request)
            .timeout_global(Some(self.deadline.remaining()?))
            .build();
        agent
            .run(request)
            .map_err(|error| classify(error, self.deadline, &self.shown()))
    }

    /// Another host sees neither our credentials nor our certificate.
    pub(crate) fn agent(&self, to: &HttpOrigin) -> Result<Agent, Failure> {
        let identity = self.request.identity.as_ref();
        let way = Way {
            ca_bundle: self.request.ca_bundle.as_deref(),
            identity: identity.filter(|_| self.is_at_origin(to)),
            proxy: self.request.proxy.as_ref(),
        };
        way.agent(to.authority.tls)
    }

    /// Hands over the body piece by piece, and says how many bytes it had.
    pub(crate) fn hand_over(
        &self,
        response: Response<Body>,
        out: &mut dyn Write,
    ) -> Result<u64, ReachError> {
        self.hand_over_within(response, self.request.byte_limit, out)
    }

    /// The same, within another limit.
    pub(crate) fn hand_over_within(
        &self,
        response: Response<Body>,
        limit: u64,
        out: &mut dyn Write,
    ) -> Result<u64, ReachError> {
        let announced = announced(&response);
        let mut body = self.body_within(response, limit)?;
        let mut bytes = 0;
        loop {
            let mut piece = Vec::new();
            // One more than is allowed shows that there is more.
            let most = (limit - bytes).saturating_add(1).min(PIECE_BYTES as u64);
            body.by_ref()
                .take(most)
                .read_to_end(&mut piece)
                .map_err(|error| Failure::from_io(error, "reading the download"))?;
            if piece.is_empty() {
                break;
            }
            bytes += piece.len() as u64;
            if bytes > limit {
                return Err(self.too_large().into());
            }
            tell(out, &Piece::Bytes(piece))?;
        }
        if announced.is_some_and(|length| length != bytes) {
            let (shown, length) = (self.shown(), announced.unwrap_or_default());
            return Err(Failure::new(
                FailureClass::Unreachable,
                format!("{shown} sent {bytes} of {length} bytes; it is tried again"),
            )
            .into());
        }
        Ok(bytes)
    }

    /// The body, unless it says itself that it is too large.
    pub(crate) fn body(&self, response: Response<Body>) -> Result<impl Read + use<>, Failure> {
        self.body_within(response, self.request.byte_limit)
    }

    /// The same, within another limit.
    pub(crate) fn body_within(
        &self,
        response: Response<Body>,
        limit: u64,
    ) -> Result<impl Read + use<>, Failure> {
        if announced(&response).is_some_and(|length| length > limit) {
            return Err(self.too_large());
        }
        Ok(HttpBody {
            body: response.into_body().into_reader(),
            deadline: self.deadline,
            url: self.shown(),
        })
    }

    pub(crate) fn too_large(&self) -> Failure {
        let limit = self.request.byte_limit;
        Failure::refused(format!("{} is larger than {limit} bytes", self.shown()))
    }

    /// Where an answer from `current` leads to.
    pub(crate) fn redirected(
        &self,
        current: &HttpOrigin,
        headers: &HeaderMap,
    ) -> Result<HttpOrigin, Failure> {
        let location = headers.get(header::LOCATION);
        let Some(location) = location.and_then(|value| value.to_str().ok()) else {
            let shown = self.shown();
            return Err(Failure::protocol(format!(
                "{shown} redirects to nowhere; check the URL"
            )));
        };
        let absolute = current.resolve(location);
        let bad = |why: &str| {
            let to = DisplayUrl(&absolute).to_string();
            Failure::refused(format!("{} redirects to {to}, {why}", self.shown()))
        };
        let Ok(mut target) = parse(&absolute) else {
            return Err(bad("which is neither http nor https; check the URL"));
        };
        if current.authority.tls && !target.authority.tls {
            return Err(bad(
                "away from https, which is never followed; check the server",
            ));
        }
        target.userinfo = None;
        Ok(target)
    }

    pub(crate) fn too_many_redirects(&self) -> Failure {
        Failure::protocol(format!(
            "{} redirects more than {} times; use the final URL",
            self.shown(),
            limits::REDIRECTS
        ))
    }

    /// What a status at `current` means that is no answer.
    pub(crate) fn refused(&self, current: &HttpOrigin, status: u16, has_proof: bool) -> Failure {
        let shown = self.shown();
        let (class, message) = match status {
            401 | 403 if !self.is_at_origin(current) => (
                FailureClass::Authentication,
                format!(
                    "{shown} redirects to {}, which wants credentials ({status}); they are not sent to \
                     another host: use that URL",
                    DisplayUrl(&current.authority.to_string())
                ),
            ),
            401 | 403 if has_proof => (
                FailureClass::Authentication,
                format!(
                    "{shown} refuses the credentials ({status}); check user name, password or token"
                ),
            ),
            401 | 403 => (
                FailureClass::Authentication,
                format!(
                    "{shown} wants credentials ({status}); give the source a secretRef with them"
                ),
            ),
            404 | 410 => (
                FailureClass::NotFound,
                format!("{shown} does not exist ({status}); check the URL, or the credentials"),
            ),
            408 | 425 | 429 | 500..=599 => (
                FailureClass::Unreachable,
                format!("{shown} answers {status}; it is tried again"),
            ),
            _ => (
                FailureClass::Protocol,
                format!("{shown} answers {status}; check the URL"),
            ),
        };
        Failure::new(class, message)
    }

    pub(crate) fn is_at_origin(&self, current: &HttpOrigin) -> bool {
        current.authority == self.origin.authority
    }

    pub(crate) fn shown(&self) -> String {
        DisplayUrl(&self.request.url).to_string()
    }
}

fn announced(response: &Response<Body>) -> Option<u64> {
    let length = response.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// A repository is the same with a slash at its end; what a URL leads to need not be.
pub(crate) fn parse(url: &str) -> Result<HttpOrigin, Failure> {
    let Origin::Remote(Remote::Http(mut origin)) = Origin::parse(url)? else {
        let shown = DisplayUrl(url);
        return Err(Failure::new(
            FailureClass::InvalidUrl,
            format!("URL {shown} cannot be downloaded; use https://host/path or http://host/path"),
        ));
    };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if path.ends_with('/') && !origin.path.is_empty() {
        origin.path.push('/');
    }
    Ok(origin)
}
