//! Registries, as the OCI distribution specification has them: tags, manifests and blobs, for the agent to check.

mod challenge;
mod name;
mod tags;

use std::io::{Read as _, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use ureq::Body;
use ureq::http::{HeaderMap, Method, Response, header};
use windlass_wire::{
    Credentials, DisplayUrl, FailureClass, Piece, RegistryAsk, RegistryRequest, Secret,
};

use self::challenge::Challenge;
use self::name::{Repository, check_digest, check_reference};
use crate::exchange::{Exchange, parse, tell};
use crate::failure::Failure;
use crate::http::authorization::authorization;
use crate::limits;
use crate::origin::HttpOrigin;
use crate::reach::ReachError;

/// A token is a few kilobytes, with many groups in it some tens.
const TOKEN_BYTES: u64 = 256 * 1024;

/// The header with which a registry names a manifest.
const DIGEST: &str = "docker-content-digest";

/// Answers one request. The error says why it ended early; [`ReachError::Gone`] means nobody listens.
pub(crate) fn answer(request: &RegistryRequest, out: &mut dyn Write) -> Result<(), ReachError> {
    let mut registry = Registry::new(request)?;
    match &request.ask {
        RegistryAsk::Tags => {
            let tags = tags::all(&mut registry)?;
            tell(out, &Piece::Head { etag: None })?;
            let bytes = tags.len() as u64;
            for piece in tags.as_bytes().chunks(windlass_wire::limits::PIECE_BYTES) {
                tell(out, &Piece::Bytes(piece.to_vec()))?;
            }
            tell(out, &Piece::Done { bytes })
        }
        RegistryAsk::Manifest(reference) => {
            check_reference(reference)?;
            let at = registry.at(&format!("manifests/{reference}"))?;
            if registry.is_unchanged(&at)? {
                return tell(out, &Piece::Unchanged);
            }
            registry.hand_over(&at, out)
        }
        RegistryAsk::Blob(digest) => {
            check_digest(digest)?;
            let at = registry.at(&format!("blobs/{digest}"))?;
            registry.hand_over(&at, out)
        }
        RegistryAsk::Referrers(digest) => {
            check_digest(digest)?;
            let at = registry.at(&format!("referrers/{digest}"))?;
            registry.hand_over(&at, out)
        }
    }
}

/// The conversation of one request with a registry.
struct Registry<'a> {
    exchange: Exchange<'a>,
    repository: Repository,
    insecure: bool,
    /// What the registry, and nobody else, is shown; nothing before it asked.
    proof: Option<Secret>,
}

/// What a token service answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Registry<'a> {
    fn new(request: &'a RegistryRequest) -> Result<Self, Failure> {
        let repository = Repository::parse(&request.download.url)?;
        let origin = parse(&repository.base(request.insecure))?;
        Ok(Self {
            exchange: Exchange::new(&request.download, origin),
            repository,
            insecure: request.insecure,
            proof: None,
        })
    }

    /// An address below the repository.
    fn at(&self, what: &str) -> Result<HttpOrigin, Failure> {
        let base = self.repository.base(self.insecure);
        parse(&format!("{base}/v2/{}/{what}", self.repository.path))
    }

    /// Whether the registry says that the manifest still has the digest that was named. One that does not say is asked
    /// for the manifest itself.
    fn is_unchanged(&mut self, at: &HttpOrigin) -> Result<bool, Failure> {
        let Some(known) = self.exchange.request.etag.clone() else {
            return Ok(false);
        };
        let response = self.ask(Method::HEAD, at)?;
        Ok(digest(response.headers()) == Some(known))
    }

    fn hand_over(&mut self, at: &HttpOrigin, out: &mut dyn Write) -> Result<(), ReachError> {
        let response = self.ask(Method::GET, at)?;
        let etag = digest(response.headers());
        tell(out, &Piece::Head { etag })?;
        let bytes = self.exchange.hand_over(response, out)?;
        tell(out, &Piece::Done { bytes })
    }

    /// Follows redirects and answers a challenge on the way to the answer.
    fn ask(&mut self, method: Method, at: &HttpOrigin) -> Result<Response<Body>, Failure> {
        let mut current = at.clone();
        let mut challenged = false;
        let mut redirects = 0;
        loop {
            let response = self.send(method.clone(), &current)?;
            match response.status().as_u16() {
                200 => return Ok(response),
                401 if !challenged && self.exchange.is_at_origin(&current) => {
                    challenged = true;
                    self.proof = self.prove(response.headers())?;
                }
                301 | 302 | 303 | 307 | 308 if redirects < limits::REDIRECTS => {
                    redirects += 1;
                    current = self.exchange.redirected(&current, response.headers())?;
                }
                301 | 302 | 303 | 307 | 308 => return Err(self.exchange.too_many_redirects()),
                status => {
                    let has_proof = self.exchange.request.credentials != Credentials::None;
                    return Err(self.exchange.refused(&current, status, has_proof));
                }
            }
        }
    }

    fn send(&self, method: Method, to: &HttpOrigin) -> Result<Response<Body>, Failure> {
        let mut fields = vec![(header::ACCEPT, self.exchange.request.accept.as_str())];
        let proof = self.proof.as_ref();
        if let Some(proof) = proof.filter(|_| self.exchange.is_at_origin(to)) {
            fields.push((header::AUTHORIZATION, proof.expose()));
        }
        self.exchange.send(method, to, &fields)
    }

    /// What answers the challenge of the registry, if we have it.
    fn prove(&self, headers: &HeaderMap) -> Result<Option<Secret>, Failure> {
        let credentials = &self.exchange.request.credentials;
        let own = authorization(credentials, &self.exchange.origin)?;
        match (Challenge::find(headers), credentials) {
            (
                Some(Challenge::Bearer { realm, service }),
                Credentials::None | Credentials::Basic { .. },
            ) => self.token(&realm, service.as_deref(), own).map(Some),
            (Some(_), _) => Ok(own),
            (None, _) => Err(Failure::protocol(format!(
                "{} wants credentials and does not say which kind; check that it is a registry",
                self.exchange.shown()
            ))),
        }
    }

    /// Asks the token service that the registry names. It sees the credentials, as with every client of registries: a
    /// registry that wants them elsewhere had them anyway. Never away from https.
    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        own: Option<Secret>,
    ) -> Result<Secret, Failure> {
        let shown = self.exchange.shown();
        let named = DisplayUrl(realm).to_string();
        let bad =
            |why: &str| Failure::refused(format!("{shown} sends us for a token to {named}, {why}"));
        let mut query = format!(
            "scope=repository%3A{}%3Apull",
            encoded(&self.repository.path)
        );
        if let Some(service) = service {
            query = format!("service={}&{query}", encoded(service));
        }
        let mark = if realm.contains('?') { '&' } else { '?' };
        let Ok(mut at) = parse(&format!("{realm}{mark}{query}")) else {
            return Err(bad("which is neither http nor https; check the registry"));
        };
        at.userinfo = None;
        if !self.insecure && !at.authority.tls {
            return Err(bad(
                "away from https, which is never followed; check the registry",
            ));
        }
        let mut fields = vec![(header::ACCEPT, "application/json")];
        if let Some(own) = &own {
            fields.push((header::AUTHORIZATION, own.expose()));
        }
        let response = self.exchange.send(Method::GET, &at, &fields)?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => {
                let does = match own {
                    Some(_) => "refuses the credentials",
                    None => "wants credentials",
                };
                return Err(Failure::new(
                    FailureClass::Authentication,
                    format!(
                        "{named} {does} for {shown}; check the docker config, or user name and password, in the secret"
                    ),
                ));
            }
            status => {
                return Err(self
                    .exchange
                    .refused(&self.exchange.origin, status, own.is_some()));
            }
        }
        let mut body = Vec::new();
        let read = self
            .exchange
            .body(response)?
            .take(TOKEN_BYTES)
            .read_to_end(&mut body);
        read.map_err(|error| Failure::from_io(error, "reading a token"))?;
        let token: Option<Token> = serde_json::from_slice(&body).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token
            .ok_or_else(|| Failure::protocol(format!("{named} sends no token for {shown}")))?;
        authorization(&Credentials::Bearer(token.into()), &self.exchange.origin)?
            .ok_or_else(|| Failure::protocol(format!("{named} sends no token for {shown}")))
    }
}

fn digest(headers: &HeaderMap) -> Option<String> {
    let digest = headers.get(DIGEST)?.to_str().ok()?;
    check_digest(digest).is_ok().then(|| digest.to_owned())
}

/// What stands for itself everywhere (RFC 3986, 2.3).
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Text as a value in a query.
fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, &PLAIN)
}

#[cfg(test)]
mod tests {
    use windlass_wire::DownloadRequest;

    use super::*;

    #[test]
    fn with_tls_nobody_is_asked_for_a_token_without_it() {
        let request = RegistryRequest {
            ask: RegistryAsk::Tags,
            insecure: false,
            download: DownloadRequest {
                url: "oci://registry.test/web".to_owned(),
                accept: String::new(),
                credentials: Credentials::None,
                ca_bundle: None,
                identity: None,
                proxy: None,
                etag: None,
                byte_limit: 1,
                timeout_seconds: 1,
            },
        };
        let registry = Registry::new(&request).unwrap();
        for realm in ["http://127.0.0.1:1/token", "file:///etc/passwd", "token"] {
            let failure = registry.token(realm, None, None).unwrap_err();
            assert_eq!(failure.class, FailureClass::Refused, "{realm}: {failure}");
        }
    }
}
