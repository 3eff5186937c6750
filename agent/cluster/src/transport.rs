//! Connections to the API server: opened on demand, shared, given up when they go quiet.

mod dial;
mod idle;
mod servers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use http::{Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use tokio::sync::watch;

use crate::connect::{Connect, ConnectError};
use crate::kubeconfig::{Access, Token, load, read_file};
use crate::secret::Secret;
use idle::Idle;

/// How long a token read from a file is used before the file is read again (client-go does it each
/// minute).
const TOKEN_AGE: Duration = Duration::from_secs(60);
/// Requests at a time on one HTTP/2 connection; above it another connection is opened. The API
/// server allows 100 streams by default and makes the next wait, which for a watch means for ever.
const STREAMS: usize = 80;

pub(crate) type Body = Full<Bytes>;

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection could be made: the request was not sent.
    #[error("{0}")]
    Connect(String),
    /// The server is vouched for by nobody whom the kubeconfig says to believe: the request was not sent.
    #[error("{0}")]
    Untrusted(String),
    /// The connection broke while the answer was awaited.
    #[error("the connection broke before the answer: {0}")]
    Broken(String),
    /// Whoever wanted it lost the right to while the connection was made ready: the request was not
    /// sent.
    #[error("leadership ended before the request could be sent; nothing was sent")]
    Fenced,
}

/// Which connections a request uses: watches have their own, so that they never take the streams
/// that others need.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lane {
    Requests,
    Watches,
}

/// The connections of one agent.
pub(crate) struct Transport {
    /// Where the access is read again; one that an object gave stays as it is.
    files: Option<Connect>,
    user_agent: HeaderValue,
    access: RwLock<Arc<Access>>,
    token: Mutex<Option<(Instant, HeaderValue)>>,
    /// Changes whenever the server does not know the credential, or is not known itself.
    refused: watch::Sender<()>,
    requests: Pool,
    watches: Pool,
}

/// The connections of one lane.
#[derive(Default)]
struct Pool {
    /// Set when the credentials were refused: the open connections then carry a certificate that is
    /// no longer good.
    renew: AtomicBool,
    open: tokio::sync::Mutex<Open>,
    idle: Arc<Idle>,
}

#[derive(Default)]
struct Open {
    http2: Vec<Shared>,
    failure: Option<(Instant, TransportError)>,
}

/// An HTTP/2 connection and, as the count of its slot's holders, the requests on it.
struct Shared {
    sender: http2::SendRequest<Body>,
    slot: Arc<()>,
}

/// Held for as long as a request's answer is being read; kept in the answer's extensions.
#[derive(Clone)]
pub(crate) struct Slot(#[expect(dead_code, reason = "that it is held is what counts")] Arc<()>);

enum Sender {
    Http2(http2::SendRequest<Body>, Slot),
    Http1(http1::SendRequest<Body>),
}

/// A request that was handed back unsent, or an error after it may have been sent.
enum Undelivered {
    Unsent(Box<Request<Body>>),
    Sent(TransportError),
}

// === impl Transport ===

impl Transport {
    /// Takes the kubeconfig's place, reads it and gives the transport; nothing is connected yet.
    pub(crate) fn new(connect: Connect) -> Result<Self, ConnectError> {
        let access = load(&connect)?;
        let transport = Self::to(access, &connect.user_agent)?;
        Ok(Self {
            files: Some(connect),
            ..transport
        })
    }

    /// Takes how a server is reached and gives the transport; nothing is connected yet.
    pub(crate) fn to(access: Access, user_agent: &str) -> Result<Self, ConnectError> {
        crate::tls::client_config(&access)?;
        let user_agent =
            HeaderValue::from_str(user_agent).map_err(|_| ConnectError::Malformed {
                path: access.file.clone(),
                message: "the user agent is not a header".to_owned(),
            })?;
        Ok(Self {
            files: None,
            user_agent,
            access: RwLock::new(Arc::new(access)),
            token: Mutex::default(),
            refused: watch::Sender::default(),
            requests: Pool::default(),
            watches: Pool::default(),
        })
    }

    /// Takes a request whose URI is a path with query and gives the head of the answer. Never sends
    /// twice: a second connection is tried only when the first handed the request back unsent. The
    /// fence is asked when the connection is ready; when it says no, nothing is sent.
    pub(crate) async fn send(
        &self,
        lane: Lane,
        mut request: Request<Body>,
        fence: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<Incoming>, TransportError> {
        self.add_headers(&mut request)?;
        let pool = self.pool(lane);
        match self.deliver(pool, request, fence).await {
            Ok(response) => Ok(response),
            Err(Undelivered::Sent(error)) => Err(error),
            Err(Undelivered::Unsent(request)) => {
                let second = self.deliver(pool, *request, fence).await;
                second.map_err(|undelivered| match undelivered {
                    Undelivered::Unsent(_) => TransportError::Connect(
                        "each connection closed before it could be used".to_owned(),
                    ),
                    Undelivered::Sent(error) => error,
                })
            }
        }
    }

    /// Forgets credentials and connections after the server refused them; the next request reads
    /// the files again.
    pub(crate) fn renew_credentials(&self) {
        *lock(&self.token) = None;
        self.requests.renew.store(true, Ordering::SeqCst);
        self.watches.renew.store(true, Ordering::SeqCst);
    }

    /// The API server's URL.
    pub(crate) fn server(&self) -> String {
        self.access().server.to_string()
    }

    fn pool(&self, lane: Lane) -> &Pool {
        match lane {
            Lane::Requests => &self.requests,
            Lane::Watches => &self.watches,
        }
    }

    fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn deliver(
        &self,
        pool: &Pool,
        request: Request<Body>,
        fence: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<Incoming>, Undelivered> {
        let sender = self.sender(pool).await.map_err(Undelivered::Sent)?;
        if !fence() {
            return Err(Undelivered::Sent(TransportError::Fenced));
        }
        match sender {
            Sender::Http2(mut sender, slot) => {
                let request = self.absolute(request).map_err(Undelivered::Sent)?;
                let mut response = sender
                    .try_send_request(request)
                    .await
                    .map_err(undelivered)?;
                response.extensions_mut().insert(slot);
                Ok(response)
            }
            Sender::Http1(mut sender) => {
                let response = sender
                    .try_send_request(self.relative(request).map_err(Undelivered::Sent)?)
                    .await
                    .map_err(undelivered)?;
                idle::keep(&pool.idle, sender);
                Ok(response)
            }
        }
    }

    /// HTTP/2 carries scheme and authority in the request itself.
    fn absolute(&self, mut request: Request<Body>) -> Result<Request<Body>, TransportError> {
        let access = self.access();
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = access.server.scheme().cloned();
        parts.authority = access.server.authority().cloned();
        *request.uri_mut() = Uri::from_parts(parts).map_err(unusable)?;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
        Ok(request)
    }

    /// HTTP/1.1 carries the path, and the authority as a header.
    fn relative(&self, mut request: Request<Body>) -> Result<Request<Body>, TransportError> {
        let access = self.access();
        let authority = access
            .server
            .authority()
            .map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(authority).map_err(unusable)?;
        let mut parts = request.uri().clone().into_parts();
        (parts.scheme, parts.authority) = (None, None);
        *request.uri_mut() = Uri::from_parts(parts).map_err(unusable)?;
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert(HOST, host);
        Ok(request)
    }

    /// A connection that is ready: an open one, or a new one. Callers that waited while another
    /// failed to connect get that failure instead of each waiting out a time limit of their own.
    async fn sender(&self, pool: &Pool) -> Result<Sender, TransportError> {
        let asked = Instant::now();
        let mut open = pool.open.lock().await;
        if pool.renew.swap(false, Ordering::SeqCst) {
            open.http2.clear();
            lock(&pool.idle).clear();
        }
        if let Some(sender) = open.take_slot() {
            return Ok(sender);
        }
        if let Some(sender) = idle::take(&pool.idle) {
            return Ok(Sender::Http1(sender));
        }
        if let Some((_, error)) = open.failure.as_ref().filter(|(failed, _)| *failed >= asked) {
            return Err(error.clone());
        }
        let dialled = self.reach().await;
        open.failure = dialled
            .as_ref()
            .err()
            .map(|error| (Instant::now(), error.clone()));
        Ok(match dialled? {
            dial::Dialled::Http1(sender) => Sender::Http1(sender),
            dial::Dialled::Http2(sender) => open.add(sender),
        })
    }

    fn add_headers(&self, request: &mut Request<Body>) -> Result<(), TransportError> {
        let access = self.access();
        request
            .headers_mut()
            .insert(USER_AGENT, self.user_agent.clone());
        if let Some(authorization) = self.authorization(&access.token)? {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let prefix = access.server.path().trim_end_matches('/');
        if !prefix.is_empty() {
            let target = format!("{prefix}{}", request.uri());
            *request.uri_mut() = target
                .parse()
                .map_err(|_| TransportError::Connect("the path is not a URL".to_owned()))?;
        }
        Ok(())
    }

    fn authorization(&self, token: &Token) -> Result<Option<HeaderValue>, TransportError> {
        let path = match token {
            Token::None => return Ok(None),
            Token::Fixed(secret) => return bearer(secret).map(Some),
            Token::File(path) => path,
        };
        let mut cached = lock(&self.token);
        if let Some((_, header)) = cached
            .as_ref()
            .filter(|(read, _)| read.elapsed() < TOKEN_AGE)
        {
            return Ok(Some(header.clone()));
        }
        let bytes = read_file(path).map_err(|error| TransportError::Connect(error.to_string()))?;
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if text.is_empty() {
            return Err(TransportError::Connect(format!(
                "the token file {} is empty",
                path.display()
            )));
        }
        let header = bearer(&Secret::new(text))?;
        *cached = Some((Instant::now(), header.clone()));
        Ok(Some(header))
    }
}

// === impl Open ===

impl Open {
    /// A connection with room for one more request.
    fn take_slot(&mut self) -> Option<Sender> {
        self.http2.retain(|shared| !shared.sender.is_closed());
        let free = self
            .http2
            .iter()
            .find(|shared| Arc::strong_count(&shared.slot) <= STREAMS)?;
        Some(Sender::Http2(
            free.sender.clone(),
            Slot(Arc::clone(&free.slot)),
        ))
    }

    fn add(&mut self, sender: http2::SendRequest<Body>) -> Sender {
        let slot = Arc::new(());
        self.http2.push(Shared {
            sender: sender.clone(),
            slot: Arc::clone(&slot),
        });
        Sender::Http2(sender, Slot(slot))
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, TransportError> {
    let mut header =
        HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
            TransportError::Connect("the token holds characters a header cannot".to_owned())
        })?;
    header.set_sensitive(true);
    Ok(header)
}

fn undelivered(mut error: hyper::client::conn::TrySendError<Request<Body>>) -> Undelivered {
    match error.take_message() {
        Some(request) => Undelivered::Unsent(Box::new(request)),
        None => Undelivered::Sent(TransportError::Broken(chain(&error.into_error()))),
    }
}

fn unusable(error: impl std::error::Error) -> TransportError {
    TransportError::Connect(format!("the server's URL cannot be used: {error}"))
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
