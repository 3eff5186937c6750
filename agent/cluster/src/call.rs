//! One request and its answer: headers, time limits, bounds, and the error when it fails.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, WARNING};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{ErrorClass, RequestError};
use crate::leadership::Authority;
use crate::path::{Query, Target};
use crate::redact::Redactor;
use crate::transport::{Lane, TransportError, chain};

/// Longest time for one request and its whole answer.
pub(crate) const REQUEST: Duration = Duration::from_secs(30);
/// Largest answer: a page of 100 objects of the 640 KiB that etcd's limits make rare, and the
/// memory of a small node.
pub(crate) const ANSWER_BYTES: usize = 64 << 20;
/// Largest body of an error: a `metav1.Status` is a few hundred bytes.
const ERROR_BYTES: usize = 256 << 10;
const IMPERSONATE: HeaderName = HeaderName::from_static("impersonate-user");

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const METADATA: HeaderValue = HeaderValue::from_static(
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
);
pub(crate) const METADATA_LIST: HeaderValue = HeaderValue::from_static(
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
);

/// A request before it is sent.
pub(crate) struct Call {
    verb: &'static str,
    object: String,
    method: Method,
    path: String,
    query: Query,
    accept: HeaderValue,
    body: Option<(HeaderValue, Bytes)>,
    redactor: Redactor,
    longest: Duration,
}

// === impl Call ===

impl Call {
    pub(crate) fn new(verb: &'static str, method: Method, target: &Target<'_>) -> Self {
        Self::at(verb, method, target.path(), target.label())
    }

    pub(crate) fn at(verb: &'static str, method: Method, path: String, object: String) -> Self {
        Self {
            verb,
            object,
            method,
            path,
            query: Query::default(),
            accept: JSON,
            body: None,
            redactor: Redactor::none(),
            longest: REQUEST,
        }
    }

    pub(crate) fn query(self, query: Query) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn accept(self, accept: HeaderValue) -> Self {
        Self { accept, ..self }
    }

    /// Sets the body; values of a Secret are kept out of errors.
    pub(crate) fn body(
        mut self,
        content_type: &'static str,
        body: &Value,
        target: &Target<'_>,
    ) -> Self {
        if target.resource.gvk.kind == "Secret" && target.resource.gvk.group.is_empty() {
            self.redactor = Redactor::for_secret(body);
        }
        self.body = Some((
            HeaderValue::from_static(content_type),
            Bytes::from(body.to_string()),
        ));
        self
    }

    pub(crate) fn failed(&self, class: ErrorClass, message: String) -> RequestError {
        RequestError::local(
            self.verb,
            &self.object,
            class,
            self.redactor.clean(&message),
        )
    }

    fn request(&self, cluster: &Cluster) -> Result<Request<Full<Bytes>>, RequestError> {
        let target = format!("{}{}", self.path, self.query.as_str());
        let mut builder = Request::builder()
            .method(self.method.clone())
            .uri(target)
            .header(ACCEPT, self.accept.clone());
        let mut body = Bytes::new();
        if let Some((content_type, bytes)) = &self.body {
            builder = builder.header(CONTENT_TYPE, content_type.clone());
            body = bytes.clone();
        }
        if let Some(identity) = cluster.impersonated() {
            builder = builder.header(IMPERSONATE, identity.header().clone());
        }
        let request = builder.body(Full::new(body)).map_err(|error| {
            self.failed(ErrorClass::Invalid, format!("{error}; nothing was sent"))
        })?;
        if cluster.impersonated().map(|identity| identity.header())
            != request.headers().get(IMPERSONATE)
        {
            return Err(self.failed(
                ErrorClass::Forbidden,
                "the identity to impersonate is missing; nothing was sent".to_owned(),
            ));
        }
        Ok(request)
    }
}

// === impl Cluster ===

impl Cluster {
    /// Sends a request that changes nothing and gives the answer's body.
    pub(crate) async fn read(&self, call: Call) -> Result<Value, RequestError> {
        self.exchange(call, &|| true).await
    }

    /// Sends a write under an authority: it is checked once more when the connection is ready, the
    /// server is told how long it may take, and the wait ends before the authority does.
    pub(crate) async fn write(
        &self,
        authority: Authority<'_>,
        mut call: Call,
    ) -> Result<Value, RequestError> {
        let allowed = authority.time_allowed(call.longest);
        let allowed =
            allowed.map_err(|error| call.failed(ErrorClass::NotLeading, error.to_string()))?;
        call.query = call
            .query
            .add("timeout", &format!("{}ms", allowed.as_millis()));
        call.longest = allowed;
        let leads = || authority.time_allowed(REQUEST).is_ok();
        self.exchange(call, &leads).await
    }

    /// Opens an answer that goes on for long; only its beginning is waited for.
    pub(crate) async fn open(&self, call: &Call) -> Result<Response<Incoming>, RequestError> {
        match tokio::time::timeout(call.longest, self.answer(call, Lane::Watches, &|| true)).await {
            Ok(answered) => answered,
            Err(_) => Err(timed_out(call)),
        }
    }

    async fn exchange(
        &self,
        call: Call,
        fence: &(dyn Fn() -> bool + Sync),
    ) -> Result<Value, RequestError> {
        let whole = async {
            let answer = self.answer(&call, Lane::Requests, fence).await?;
            warn_of(&call, &answer);
            // The head holds the connection's slot until the body is read.
            let (_head, body) = answer.into_parts();
            let body = collect(body, ANSWER_BYTES)
                .await
                .map_err(|error| error.about(&call))?;
            serde_json::from_slice(&body).map_err(|error| {
                call.failed(
                    ErrorClass::Server,
                    format!("the answer is not JSON: {error}"),
                )
            })
        };
        match tokio::time::timeout(call.longest, whole).await {
            Ok(answered) => answered,
            Err(_) => Err(timed_out(&call)),
        }
    }

    /// Sends and gives the answer when it is a success, otherwise the error it stands for.
    async fn answer(
        &self,
        call: &Call,
        lane: Lane,
        fence: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<Incoming>, RequestError> {
        let request = call.request(self)?;
        let answer = self
            .transport()
            .send(lane, request, fence)
            .await
            .map_err(|error| {
                let class = match error {
                    TransportError::Fenced => ErrorClass::NotLeading,
                    TransportError::Connect(_)
                    | TransportError::Untrusted(_)
                    | TransportError::Broken(_) => ErrorClass::Unreachable,
                };
                call.failed(class, error.to_string())
            })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        if head.status == StatusCode::UNAUTHORIZED {
            self.transport().refuse();
        }
        let body = collect(body, ERROR_BYTES).await.unwrap_or_default();
        Err(RequestError::from_answer(
            call.verb,
            &call.object,
            head.status,
            &head.headers,
            &body,
            &call.redactor,
        ))
    }
}

/// Why a body could not be read whole.
pub(crate) enum BodyError {
    TooLarge(usize),
    Broken(String),
}

// === impl BodyError ===

impl BodyError {
    fn about(self, call: &Call) -> RequestError {
        match self {
            Self::TooLarge(limit) => {
                let mut error = call.failed(
                    ErrorClass::Server,
                    format!("the answer is longer than {limit} bytes"),
                );
                TOO_LARGE.clone_into(&mut error.reason);
                error
            }
            Self::Broken(message) => call.failed(
                ErrorClass::Unreachable,
                format!("the connection broke within the answer: {message}"),
            ),
        }
    }
}

/// The reason of an error about an answer that is too long: a list then asks for smaller pages.
pub(crate) const TOO_LARGE: &str = "AnswerTooLarge";

async fn collect(mut body: Incoming, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(chain(&error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Err(BodyError::TooLarge(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn timed_out(call: &Call) -> RequestError {
    call.failed(
        ErrorClass::Timeout,
        format!("no answer within {:.1} s", call.longest.as_secs_f64()),
    )
}

/// The server's warnings (deprecated versions, unknown fields under `fieldValidation=Warn`) belong
/// to the operator.
fn warn_of(call: &Call, answer: &Response<Incoming>) {
    for warning in answer
        .headers()
        .get_all(WARNING)
        .iter()
        .filter_map(|warning| warning.to_str().ok())
    {
        let text = warning
            .splitn(3, ' ')
            .nth(2)
            .unwrap_or(warning)
            .trim_matches('"');
        // Flux's finalizer has no path, and the API server says so at every write of it.
        if text.starts_with("metadata.finalizers:") {
            continue;
        }
        tracing::warn!(
            verb = call.verb,
            object = call.object,
            "the API server warns: {}",
            call.redactor.clean(text)
        );
    }
}
