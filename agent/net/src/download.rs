//! The bytes behind one URL, within bounds, for the agent to check.

use std::io::{Read, Write};
use std::time::Duration;

use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body, ProxyProtocol};
use windlass_wire::limits::{ETAG_BYTES, PIECE_BYTES};
use windlass_wire::{DisplayUrl, DownloadRequest, FailureClass, Piece, Secret, write_piece};

use crate::failure::{Deadline, Failure};
use crate::http::authorization::authorization;
use crate::http::failures::{HttpBody, classify};
use crate::http::tls::tls_config;
use crate::limits;
use crate::origin::{HttpOrigin, Origin, Remote};
use crate::reach::ReachError;

const USER_AGENT: &str = concat!("windlass/", env!("CARGO_PKG_VERSION"));

/// Answers one request. The error says why it ended early; [`ReachError::Gone`] means nobody listens.
pub(crate) fn answer(request: &DownloadRequest, out: &mut dyn Write) -> Result<(), ReachError> {
    let mut download = Download::new(request)?;
    let Some(response) = download.ask()? else {
        return tell(out, &Piece::Unchanged);
    };
    let etag = etag(response.headers());
    tell(out, &Piece::Head { etag })?;
    let bytes = download.hand_over(response, out)?;
    tell(out, &Piece::Done { bytes })
}

fn tell(mut out: &mut dyn Write, piece: &Piece) -> Result<(), ReachError> {
    write_piece(&mut out, piece).map_err(|_| ReachError::Gone)
}

/// A tag that is too long, or no text, is as good as none.
fn etag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?;
    (tag.len() <= ETAG_BYTES).then(|| tag.to_owned())
}

/// One download's conversation with the servers that the URL leads to.
struct Download<'a> {
    request: &'a DownloadRequest,
    deadline: Deadline,
    /// What was asked for; only its authority may see the credentials.
    origin: HttpOrigin,
    /// Where redirects led to, or the origin.
    current: HttpOrigin,
    authorization: Option<Secret>,
}

impl<'a> Download<'a> {
    fn new(request: &'a DownloadRequest) -> Result<Self, Failure> {
        let origin = parse(&request.url)?;
        Ok(Self {
            request,
            deadline: Deadline::after(Duration::from_secs(request.timeout_seconds)),
            authorization: authorization(&request.credentials, &origin)?,
            current: origin.clone(),
            origin,
        })
    }

    /// Follows redirects to the answer; `None` while the content is what it was.
    fn ask(&mut self) -> Result<Option<Response<Body>>, Failure> {
        for _ in 0..=limits::REDIRECTS {
            let response = self.get()?;
            match response.status().as_u16() {
                200 => return Ok(Some(response)),
                304 if self.request.etag.is_some() => return Ok(None),
                301 | 302 | 303 | 307 | 308 => {
                    self.current = self.redirected(response.headers())?
                }
                status => return Err(self.refused(status)),
            }
        }
        Err(Failure::protocol(format!(
            "{} redirects more than {} times; use the final URL",
            self.shown(),
            limits::REDIRECTS
        )))
    }

    fn get(&self) -> Result<Response<Body>, Failure> {
        let mut builder = self
            .agent()?
            .get(self.current.whole())
            .header(header::ACCEPT, &self.request.accept);
        if let Some(authorization) = self.authorization.as_ref().filter(|_| self.is_at_origin()) {
            builder = builder.header(header::AUTHORIZATION, authorization.expose());
        }
        if let Some(etag) = &self.request.etag {
            builder = builder.header(header::IF_NONE_MATCH, etag);
        }
        let remaining = self.deadline.remaining()?;
        builder
            .config()
            .timeout_global(Some(remaining))
            .build()
            .call()
            .map_err(|error| classify(error, self.deadline, &self.shown()))
    }

    /// Another host sees neither our credentials nor our certificate.
    fn agent(&self) -> Result<Agent, Failure> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(self.proxy()?)
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            .timeout_connect(Some(limits::CONNECT_TIMEOUT))
            .max_response_header_size(limits::HTTP_HEADER_BYTES);
        if self.current.authority.tls || self.request.proxy.is_some() {
            let identity = self.request.identity.as_ref();
            let identity = identity.filter(|_| self.is_at_origin());
            let bundle = self.request.ca_bundle.as_deref();
            config = config.tls_config(tls_config(bundle, identity)?);
        }
        Ok(config.build().new_agent())
    }

    fn proxy(&self) -> Result<Option<ureq::Proxy>, Failure> {
        let Some(proxy) = &self.request.proxy else {
            return Ok(None);
        };
        let unusable = || {
            let address = DisplayUrl(&proxy.address);
            Failure::invalid_request(format!(
                "the proxy {address} cannot be used; give it as http://host:port or https://host:port"
            ))
        };
        let Ok(Origin::Remote(Remote::Http(address))) = Origin::parse(&proxy.address) else {
            return Err(unusable());
        };
        let protocol = match address.authority.tls {
            true => ProxyProtocol::Https,
            false => ProxyProtocol::Http,
        };
        let mut builder = ureq::Proxy::builder(protocol)
            .host(&address.authority.host)
            .port(address.authority.port);
        if let Some((user, password)) = proxy.login.as_ref().or(address.userinfo.as_ref()) {
            builder = builder.username(user).password(password.expose());
        }
        builder.build().map(Some).map_err(|_| unusable())
    }

    fn hand_over(&self, response: Response<Body>, out: &mut dyn Write) -> Result<u64, ReachError> {
        let limit = self.request.byte_limit;
        let announced = response.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(self.too_large().into());
        }
        let mut body = HttpBody {
            body: response.into_body().into_reader(),
            deadline: self.deadline,
            url: self.shown(),
        };
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

    fn too_large(&self) -> Failure {
        let limit = self.request.byte_limit;
        Failure::refused(format!("{} is larger than {limit} bytes", self.shown()))
    }

    fn redirected(&self, headers: &HeaderMap) -> Result<HttpOrigin, Failure> {
        let location = headers.get(header::LOCATION);
        let Some(location) = location.and_then(|value| value.to_str().ok()) else {
            let shown = self.shown();
            return Err(Failure::protocol(format!(
                "{shown} redirects to nowhere; check the URL"
            )));
        };
        let absolute = self.current.resolve(location);
        let bad = |why: &str| {
            let to = DisplayUrl(&absolute).to_string();
            Failure::refused(format!("{} redirects to {to}, {why}", self.shown()))
        };
        let Ok(mut target) = parse(&absolute) else {
            return Err(bad("which is neither http nor https; check the URL"));
        };
        if self.current.authority.tls && !target.authority.tls {
            return Err(bad(
                "away from https, which is never followed; check the server",
            ));
        }
        target.userinfo = None;
        Ok(target)
    }

    fn refused(&self, status: u16) -> Failure {
        let shown = self.shown();
        let (class, message) = match status {
            401 | 403 if !self.is_at_origin() => (
                FailureClass::Authentication,
                format!(
                    "{shown} redirects to {}, which wants credentials ({status}); they are not sent to \
                     another host: use that URL",
                    DisplayUrl(&self.current.authority.to_string())
                ),
            ),
            401 | 403 if self.authorization.is_some() => (
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

    fn is_at_origin(&self) -> bool {
        self.current.authority == self.origin.authority
    }

    fn shown(&self) -> String {
        DisplayUrl(&self.request.url).to_string()
    }
}

/// A repository is the same with a slash at its end; what a URL leads to need not be.
fn parse(url: &str) -> Result<HttpOrigin, Failure> {
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
