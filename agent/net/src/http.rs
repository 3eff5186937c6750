//! Git's smart HTTP protocol (gitprotocol-http(5)) over rustls.

pub(crate) mod authorization;
pub(crate) mod failures;
pub(crate) mod tls;

use std::io::Read;

use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};
use windlass_wire::{DisplayUrl, FailureClass, FetchRequest, Secret};

use self::authorization::authorization;
use self::failures::{HttpBody, classify};
use self::tls::tls_config;
use crate::failure::{Deadline, Failure};
use crate::limits;
use crate::origin::{HttpOrigin, Origin, Remote};

/// One fetch's conversation with one server.
pub(crate) struct HttpSession {
    agent: Agent,
    /// What was asked for; only its authority may see the credentials.
    origin: HttpOrigin,
    /// Where the first request was redirected to, or the origin.
    current: HttpOrigin,
    authorization: Option<Secret>,
    deadline: Deadline,
}

/// Which protocol the server is asked to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    VersionTwo,
    WhateverItSpeaks,
}

const SERVICE: &str = "git-upload-pack";
const FIRST_REQUEST: &str = "info/refs?service=git-upload-pack";
/// Forges recognise Git clients by the first word.
const USER_AGENT: &str = concat!("git/windlass-", env!("CARGO_PKG_VERSION"));

impl HttpSession {
    /// Prepares a conversation; nothing is sent yet.
    pub(crate) fn new(
        origin: HttpOrigin,
        request: &FetchRequest,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            .timeout_connect(Some(limits::CONNECT_TIMEOUT))
            .max_response_header_size(limits::HTTP_HEADER_BYTES);
        if origin.authority.tls {
            config = config.tls_config(tls_config(request.ca_bundle.as_deref(), None)?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            authorization: authorization(&request.credentials, &origin)?,
            current: origin.clone(),
            origin,
            deadline,
        })
    }

    /// Sends the first request of a full handshake, following redirects.
    pub(crate) fn greeting(&mut self) -> Result<impl Read + use<>, Failure> {
        for _ in 0..=limits::REDIRECTS {
            let response = self.get(FIRST_REQUEST)?;
            if !response.status().is_redirection() {
                self.check_status(&response)?;
                return self.body(response, "application/x-git-upload-pack-advertisement");
            }
            self.current = self.redirected(response.headers())?;
        }
        Err(Failure::protocol(format!(
            "{} redirects more than {} times; use the final URL",
            self.shown(),
            limits::REDIRECTS
        )))
    }

    /// Sends a command to the place the greeting came from. Redirects are not followed any more.
    pub(crate) fn command(&mut self, body: &[u8], ask: Ask) -> Result<impl Read + use<>, Failure> {
        let mut builder = self
            .agent
            .post(self.current.address(SERVICE))
            .header(
                header::CONTENT_TYPE,
                "application/x-git-upload-pack-request",
            )
            .header(header::ACCEPT, "application/x-git-upload-pack-result");
        if ask == Ask::VersionTwo {
            builder = builder.header("Git-Protocol", "version=2");
        }
        if let Some(authorization) = self.authorization() {
            builder = builder.header(header::AUTHORIZATION, authorization.expose());
        }
        let remaining = self.deadline.remaining()?;
        let response = builder
            .config()
            .timeout_global(Some(remaining))
            .build()
            .send(body)
            .map_err(|error| self.failed(error))?;
        self.check_status(&response)?;
        self.body(response, "application/x-git-upload-pack-result")
    }

    fn get(&self, service: &str) -> Result<Response<Body>, Failure> {
        let mut builder = self
            .agent
            .get(self.current.address(service))
            .header("Git-Protocol", "version=2");
        if let Some(authorization) = self.authorization() {
            builder = builder.header(header::AUTHORIZATION, authorization.expose());
        }
        let remaining = self.deadline.remaining()?;
        builder
            .config()
            .timeout_global(Some(remaining))
            .build()
            .call()
            .map_err(|error| self.failed(error))
    }

    /// The credentials, unless a redirect led to another scheme, host or port.
    fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_ref().filter(|_| self.is_at_origin())
    }

    /// True when the first request was answered from elsewhere: it has to be asked again every time.
    pub(crate) fn was_redirected(&self) -> bool {
        self.current != self.origin
    }

    fn is_at_origin(&self) -> bool {
        self.current.authority == self.origin.authority
    }

    fn shown(&self) -> String {
        DisplayUrl(self.origin.address("").trim_end_matches('/')).to_string()
    }

    fn redirected(&self, headers: &HeaderMap) -> Result<HttpOrigin, Failure> {
        let location = headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| {
            Failure::protocol(format!(
                "{} redirects to nowhere; check the URL",
                self.shown()
            ))
        })?;
        let absolute = if location.starts_with('/') && !location.starts_with("//") {
            format!("{}{location}", self.current.authority)
        } else {
            location.to_owned()
        };
        let bad = |why: &str| {
            let to = DisplayUrl(&absolute).to_string();
            Failure::refused(format!("{} redirects to {to}, {why}", self.shown()))
        };
        let Ok(Origin::Remote(Remote::Http(mut target))) = Origin::parse(&absolute) else {
            return Err(bad("which is neither http nor https; check the URL"));
        };
        if self.current.authority.tls && !target.authority.tls {
            return Err(bad(
                "away from https, which is never followed; check the server",
            ));
        }
        let Some(base) = target.path.strip_suffix("/info/refs") else {
            return Err(bad(
                "which is not a Git repository (it may ask for a login); check the URL",
            ));
        };
        target.path = base.to_owned();
        target.query = self.current.query.clone();
        target.userinfo = None;
        Ok(target)
    }

    fn check_status(&self, response: &Response<Body>) -> Result<(), Failure> {
        let status = response.status();
        let shown = self.shown();
        let (class, message) = match status.as_u16() {
            200 => return Ok(()),
            401 | 403 if !self.is_at_origin() => (
                FailureClass::Authentication,
                format!(
                    "{shown} redirects to {}, which wants credentials; they are not sent to another \
                     host: use that URL",
                    DisplayUrl(&self.current.authority.to_string())
                ),
            ),
            401 | 403 | 407 => (
                FailureClass::Authentication,
                self.unauthorized(status.as_u16()),
            ),
            404 | 410 => (
                FailureClass::NotFound,
                format!("{shown} does not exist ({status}); check the URL, or the credentials"),
            ),
            408 | 425 | 429 | 500..=599 => (
                FailureClass::Unreachable,
                format!("{shown} answers {status}; it is tried again"),
            ),
            300..=399 => (
                FailureClass::Protocol,
                format!("{shown} redirects in the middle of a fetch ({status}); check the server"),
            ),
            _ => (
                FailureClass::Protocol,
                format!("{shown} answers {status}; check that the URL is a Git repository"),
            ),
        };
        Err(Failure::new(class, message))
    }

    fn unauthorized(&self, status: u16) -> String {
        let shown = self.shown();
        if self.authorization.is_some() {
            format!(
                "{shown} refuses the credentials ({status}); check user name, password or token"
            )
        } else {
            format!("{shown} wants credentials ({status}); give the source a secretRef with them")
        }
    }

    fn body(
        &self,
        response: Response<Body>,
        content_type: &str,
    ) -> Result<impl Read + use<>, Failure> {
        let found = response
            .headers()
            .get(header::CONTENT_TYPE)
            .map(|value| value.as_bytes());
        if found != Some(content_type.as_bytes()) {
            return Err(Failure::protocol(format!(
                "{} does not speak Git's smart protocol; check that the URL is a Git repository",
                self.shown()
            )));
        }
        let body = response.into_body().into_reader();
        Ok(HttpBody {
            body,
            deadline: self.deadline,
            url: self.shown(),
        })
    }

    fn failed(&self, error: ureq::Error) -> Failure {
        classify(error, self.deadline, &self.shown())
    }
}
