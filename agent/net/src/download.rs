//! The bytes behind one URL, within bounds, for the agent to check.

use std::io::Write;

use ureq::Body;
use ureq::http::{HeaderMap, Method, Response, header};
use windlass_wire::limits::ETAG_BYTES;
use windlass_wire::{DownloadRequest, Piece, Secret};

use crate::exchange::{Exchange, parse, tell};
use crate::failure::Failure;
use crate::http::authorization::authorization;
use crate::limits;
use crate::origin::HttpOrigin;
use crate::reach::ReachError;

/// Answers one request. The error says why it ended early; [`ReachError::Gone`] means nobody listens.
pub(crate) fn answer(request: &DownloadRequest, out: &mut dyn Write) -> Result<(), ReachError> {
    let mut download = Download::new(request)?;
    let Some(response) = download.ask()? else {
        return tell(out, &Piece::Unchanged);
    };
    let etag = etag(response.headers());
    tell(out, &Piece::Head { etag })?;
    let bytes = download.exchange.hand_over(response, out)?;
    tell(out, &Piece::Done { bytes })
}

/// A tag that is too long, or no text, is as good as none.
fn etag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?;
    (tag.len() <= ETAG_BYTES).then(|| tag.to_owned())
}

struct Download<'a> {
    exchange: Exchange<'a>,
    /// Where redirects led to, or the origin.
    current: HttpOrigin,
    authorization: Option<Secret>,
}

impl<'a> Download<'a> {
    fn new(request: &'a DownloadRequest) -> Result<Self, Failure> {
        let origin = parse(&request.url)?;
        Ok(Self {
            authorization: authorization(&request.credentials, &origin)?,
            current: origin.clone(),
            exchange: Exchange::new(request, origin),
        })
    }

    /// Follows redirects to the answer; `None` while the content is what it was.
    fn ask(&mut self) -> Result<Option<Response<Body>>, Failure> {
        for _ in 0..=limits::REDIRECTS {
            let response = self.get()?;
            let (exchange, current) = (&self.exchange, &self.current);
            match response.status().as_u16() {
                200 => return Ok(Some(response)),
                304 if exchange.request.etag.is_some() => return Ok(None),
                301 | 302 | 303 | 307 | 308 => {
                    self.current = exchange.redirected(current, response.headers())?;
                }
                status => {
                    let has_proof = self.authorization.is_some();
                    return Err(exchange.refused(current, status, has_proof));
                }
            }
        }
        Err(self.exchange.too_many_redirects())
    }

    fn get(&self) -> Result<Response<Body>, Failure> {
        let exchange = &self.exchange;
        let mut fields = vec![(header::ACCEPT, exchange.request.accept.as_str())];
        let authorization = self.authorization.as_ref();
        if let Some(authorization) = authorization.filter(|_| exchange.is_at_origin(&self.current))
        {
            fields.push((header::AUTHORIZATION, authorization.expose()));
        }
        if let Some(etag) = &exchange.request.etag {
            fields.push((header::IF_NONE_MATCH, etag));
        }
        exchange.send(Method::GET, &self.current, &fields)
    }
}
