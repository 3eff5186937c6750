//! Buckets, as S3 has them: the list of their keys, and objects, for the agent to check.

mod list;
mod sign;

use std::io::{Read as _, Write};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use ureq::http::{HeaderMap, HeaderName, Method, Response, header};
use ureq::{Agent, Body};
use windlass_wire::limits::PIECE_BYTES;
use windlass_wire::{BucketAsk, BucketRequest, Credentials, FailureClass, Piece};

use self::list::plain_tag;
use self::sign::{Keys, Unsigned};
use crate::exchange::{Exchange, parse, tell};
use crate::failure::{Failure, server_text};
use crate::limits::SERVER_TEXT_CHARACTERS;
use crate::origin::HttpOrigin;
use crate::reach::ReachError;

/// The region of a bucket that names none, here and at S3.
const USUAL_REGION: &str = "us-east-1";

/// What S3 says of a key that is not there, in a bucket that is.
const NO_SUCH_KEY: &str = "NoSuchKey";

/// Bytes of what a server says of a failure.
const ERROR_BYTES: u64 = 64 * 1024;

/// Bytes of the name of a region; the longest is of some twenty.
const REGION_BYTES: usize = 64;

/// What stands for itself in a value (RFC 3986, 2.3), as a signature wants it.
const VALUE: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// In a key the slashes do so, too.
const KEY: AsciiSet = VALUE.remove(b'/');

/// Answers one request. The error says why it ended early; [`ReachError::Gone`] means nobody listens.
pub(crate) fn answer(request: &BucketRequest, out: &mut dyn Write) -> Result<(), ReachError> {
    let mut bucket = Bucket::new(request)?;
    match &request.ask {
        BucketAsk::List(prefix) => {
            let lines = list::all(&mut bucket, prefix)?;
            tell(out, &Piece::Head { etag: None })?;
            let bytes = lines.len() as u64;
            for piece in lines.as_bytes().chunks(PIECE_BYTES) {
                tell(out, &Piece::Bytes(piece.to_vec()))?;
            }
            tell(out, &Piece::Done { bytes })
        }
        BucketAsk::Objects(keys) => {
            let mut left = request.download.byte_limit;
            for key in keys {
                left -= bucket.hand_over(key, left, out)?;
            }
            Ok(())
        }
    }
}

/// The conversation of one request with a bucket.
struct Bucket<'a> {
    exchange: Exchange<'a>,
    /// One for all of it, so that objects come over one connection.
    agent: Agent,
    keys: Option<Keys<'a>>,
    region: String,
}

/// What a server says of a failure.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Said {
    code: String,
    message: String,
    region: String,
}

impl<'a> Bucket<'a> {
    fn new(request: &'a BucketRequest) -> Result<Self, Failure> {
        let address = parse(&request.download.url)?;
        let region = request.region.clone();
        let region = region.or_else(|| region_in(&address.authority.host));
        let region = region.unwrap_or_else(|| USUAL_REGION.to_owned());
        let exchange = Exchange::new(&request.download, placed(address, &region));
        let keys = match &request.download.credentials {
            Credentials::None => None,
            Credentials::Basic { username, password } => Some(Keys {
                access: username,
                secret: password,
            }),
            Credentials::Bearer(_) | Credentials::Ssh { .. } => {
                let message = "a bucket is shown an access key and a secret key, nothing else";
                return Err(Failure::invalid_request(message));
            }
        };
        Ok(Self {
            agent: exchange.agent(&exchange.origin)?,
            exchange,
            keys,
            region,
        })
    }

    /// Hands over an object, or that there is none, and says how many bytes it had.
    fn hand_over(&mut self, key: &str, limit: u64, out: &mut dyn Write) -> Result<u64, ReachError> {
        let path = format!("/{}", utf8_percent_encode(key, &KEY));
        let Some(response) = self.ask(&path, None)? else {
            tell(out, &Piece::Missing)?;
            return Ok(0);
        };
        let tag = response.headers().get(header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(plain_tag);
        let etag = tag.map(str::to_owned);
        tell(out, &Piece::Head { etag })?;
        let bytes = self.exchange.hand_over_within(response, limit, out)?;
        tell(out, &Piece::Done { bytes })?;
        Ok(bytes)
    }

    /// Asks for something below the bucket; none where the bucket has no such key. A server that names another region is
    /// asked once more.
    fn ask(
        &mut self,
        path: &str,
        query: Option<String>,
    ) -> Result<Option<Response<Body>>, Failure> {
        let at = HttpOrigin {
            path: format!("{}{path}", self.exchange.origin.path),
            query,
            ..self.exchange.origin.clone()
        };
        let mut corrected = false;
        loop {
            let response = self.send(&at)?;
            let status = response.status().as_u16();
            if status == 200 {
                return Ok(Some(response));
            }
            let named = region_of(response.headers());
            let said = self.said(response)?;
            if said.code == NO_SUCH_KEY {
                return Ok(None);
            }
            let region = named.or_else(|| region(&said.region));
            match region.filter(|region| !corrected && *region != self.region) {
                Some(region) if matches!(status, 301 | 307 | 400 | 403) => {
                    corrected = true;
                    self.region = region;
                }
                _ => return Err(self.refused(status, &said)),
            }
        }
    }

    fn send(&self, at: &HttpOrigin) -> Result<Response<Body>, Failure> {
        let mut fields: Vec<(HeaderName, String)> = Vec::new();
        if let Some(keys) = self.keys {
            let authority = at.authority.to_string();
            let host = authority.split_once("://").map_or("", |(_, host)| host);
            let unsigned = Unsigned {
                host,
                path: if at.path.is_empty() { "/" } else { &at.path },
                query: at.query.as_deref().unwrap_or_default(),
            };
            let when = (self.region.as_str(), Timestamp::now());
            fields.extend(sign::headers(&unsigned, keys, when));
        }
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str()));
        let fields: Vec<(HeaderName, &str)> = fields.collect();
        self.exchange.send_by(&self.agent, Method::GET, at, &fields)
    }

    fn said(&self, response: Response<Body>) -> Result<Said, Failure> {
        let mut body = Vec::new();
        let reader = self.exchange.body_within(response, ERROR_BYTES)?;
        let read = reader.take(ERROR_BYTES).read_to_end(&mut body);
        read.map_err(|error| Failure::from_io(error, "reading an answer"))?;
        let said = text_of(&body).and_then(|text| quick_xml::de::from_str(text).ok());
        Ok(said.unwrap_or_default())
    }

    fn refused(&self, status: u16, said: &Said) -> Failure {
        let shown = self.exchange.shown();
        let class = match (status, said.code.as_str()) {
            (_, "RequestTimeTooSkewed") => {
                return Failure::protocol(format!(
                    "{shown} has another time than this node; correct the clock of one of them"
                ));
            }
            (404 | 410, _) => FailureClass::NotFound,
            (401 | 403, _) => FailureClass::Authentication,
            (408 | 425 | 429 | 500..=599, _) => FailureClass::Unreachable,
            _ => FailureClass::Protocol,
        };
        let words = format!("{} {}", said.code, said.message);
        let words = match server_text(words.as_bytes()) {
            words if words.is_empty() => String::new(),
            words => format!(
                ": {}",
                words
                    .chars()
                    .take(SERVER_TEXT_CHARACTERS)
                    .collect::<String>()
            ),
        };
        let advice = match (class, self.keys.is_some()) {
            (FailureClass::Authentication, true) => {
                "; check accesskey, secretkey and what they may read"
            }
            (FailureClass::Authentication, false) => {
                "; give the source a secretRef with accesskey and secretkey"
            }
            (FailureClass::Unreachable, _) => "; it is tried again",
            _ => "",
        };
        Failure::new(class, format!("{shown} answers {status}{words}{advice}"))
    }
}

fn text_of(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok()
}

fn region_of(headers: &HeaderMap) -> Option<String> {
    let named = headers.get("x-amz-bucket-region")?.to_str().ok()?;
    region(named)
}

/// The name of a region, if it can be one.
fn region(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let can_be = (1..=REGION_BYTES).contains(&text.len()) && text.bytes().all(is_plain);
    can_be.then(|| text.to_owned())
}

/// The region in a host of Amazon's: `s3.eu-west-1.amazonaws.com`.
fn region_in(host: &str) -> Option<String> {
    let (service, rest) = host.split_once('.')?;
    let (named, domain) = rest.split_once('.')?;
    let is_amazon = service == "s3" && domain.starts_with("amazonaws.com");
    region(named).filter(|_| is_amazon)
}

/// Where the objects are. Amazon and Aliyun have each bucket at a host of its own, and Amazon each region; others have
/// buckets as paths, as minio's client does it.
fn placed(mut address: HttpOrigin, region: &str) -> HttpOrigin {
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com"];
    let host = address.authority.host.clone();
    let name = address.path.trim_start_matches('/').to_owned();
    let has_hosts = domains.iter().any(|domain| host.ends_with(domain));
    // The certificate of the domain covers one name below it.
    if !has_hosts || (address.authority.tls && name.contains('.')) {
        return address;
    }
    let host = match host.as_str() {
        "s3.amazonaws.com" if region != USUAL_REGION => format!("s3.{region}.amazonaws.com"),
        _ => host,
    };
    address.authority.host = format!("{name}.{host}");
    address.path = String::new();
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_path_or_at_amazon_a_host() {
        let check = |url: &str, region: &str, expected: &str| {
            let placed = placed(parse(url).unwrap(), region);
            assert_eq!(format!("{}{}", placed.authority, placed.path), expected);
        };
        check(
            "http://minio.lan:9000/apps",
            "us-east-1",
            "http://minio.lan:9000/apps",
        );
        check(
            "https://s3.amazonaws.com/apps",
            "us-east-1",
            "https://apps.s3.amazonaws.com",
        );
        check(
            "https://s3.amazonaws.com/apps",
            "eu-west-1",
            "https://apps.s3.eu-west-1.amazonaws.com",
        );
        check(
            "https://s3.eu-west-1.amazonaws.com/a.b",
            "eu-west-1",
            "https://s3.eu-west-1.amazonaws.com/a.b",
        );
        check(
            "https://amazonaws.com.evil.test/apps",
            "x",
            "https://amazonaws.com.evil.test/apps",
        );
        assert_eq!(
            region_in("s3.eu-west-1.amazonaws.com").as_deref(),
            Some("eu-west-1")
        );
        assert_eq!(region_in("s3.amazonaws.com"), None);
        assert_eq!(region_in("minio.lan"), None);
        assert_eq!(region("eu\nwest"), None);
    }
}
