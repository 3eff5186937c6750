//! One webhook that came in: who sent it, and which objects look for news because of it.

use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_api::names;
use windlass_api::receiver::ReceiverResource;
use windlass_cluster::{Detail, Leadership, RequestError, Resource, Scope};
use windlass_notify::{Admitted, Incoming, admit};
use windlass_object::{GroupVersionKind, Object};
use windlass_plan::cel::{EvaluationError, Expression};
use windlass_wire::Taken;

use super::hints::Hints;
use super::route::Route;
use crate::context::Context;
use crate::named::Named;

/// OK.
const TAKEN: u16 = 200;
/// Bad Request: not from whom the Receiver expects.
const REFUSED: u16 = 400;
/// Not Found.
pub(super) const UNKNOWN: u16 = 404;
/// Internal Server Error: some object could not be asked.
const FAILED: u16 = 500;
/// Service Unavailable: suspended, or this node does not write.
pub(super) const NOT_NOW: u16 = 503;

/// Which version of a kind is meant where the Receiver does not say it, as in Flux; of others it has to.
const VERSIONS: [(&str, &str); 7] = [
    (names::BUCKET, names::SOURCE_API_VERSION),
    (names::HELM_CHART, names::SOURCE_API_VERSION),
    (names::HELM_REPOSITORY, names::SOURCE_API_VERSION),
    (names::GIT_REPOSITORY, names::SOURCE_API_VERSION),
    (names::OCI_REPOSITORY, names::SOURCE_API_VERSION),
    ("ImageRepository", "image.toolkit.fluxcd.io/v1"),
    ("ArtifactGenerator", "source.extensions.fluxcd.io/v1beta1"),
];

/// What a webhook is taken with.
pub(super) struct Hook {
    pub(super) context: Arc<Context>,
    pub(super) leadership: Leadership,
    pub(super) route: Arc<Route>,
    pub(super) hints: Arc<Hints>,
    /// Objects of other namespaces are not asked.
    pub(super) apart: bool,
}

/// Why an object was not asked.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("cross-namespace references are not allowed")]
    Apart,
    #[error("apiVersion must be specified for kind {0:?}")]
    NoVersion(String),
    #[error("matchLabels field not set when using wildcard '*' as name")]
    NoLabels,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("there is no such object")]
    NotThere,
    #[error(transparent)]
    Filter(#[from] EvaluationError),
}

impl Hook {
    /// Gives the status of the reply.
    pub(super) async fn take(self, taken: &Taken) -> u16 {
        let (route, name) = (&self.route, &self.route.name);
        if route.spec.suspend {
            tracing::info!(receiver = %name, "a webhook is refused: the Receiver is suspended");
            return NOT_NOW;
        }
        let incoming = Incoming {
            headers: &taken.headers,
            body: &taken.body,
        };
        let admitted = match admit(&route.spec, &route.secret, incoming) {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::warn!(receiver = %name, "a webhook is refused: {error}");
                return REFUSED;
            }
        };
        let request = match self.payload(incoming, &admitted) {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(receiver = %name, %error, "a webhook is no JSON, which a filter is to look into");
                return FAILED;
            }
        };
        let (mut asked, mut failed) = (0, false);
        for (index, resource) in route.spec.resources.iter().enumerate() {
            match self.ask(index, resource, &request).await {
                Ok(objects) => asked += objects,
                Err(error) => {
                    let (kind, object) = (&resource.kind, &resource.name);
                    tracing::warn!(receiver = %name, kind, object, %error, "an object could not be asked to look for news");
                    failed = true;
                }
            }
        }
        tracing::info!(receiver = %name, objects = asked, "webhook: {}", admitted.about);
        if failed { FAILED } else { TAKEN }
    }

    /// What filters see as `req`: the body, if it is JSON and somebody looks.
    fn payload(
        &self,
        incoming: Incoming<'_>,
        admitted: &Admitted,
    ) -> Result<Value, serde_json::Error> {
        if !self.route.filters.is_any() || !incoming.is_json() {
            return Ok(Value::Object(Map::new()));
        }
        if let Some(payload) = &admitted.payload {
            return Ok(payload.clone());
        }
        let mut values =
            serde_json::Deserializer::from_slice(incoming.body).into_iter::<Map<_, _>>();
        let first = values.next().transpose()?;
        Ok(Value::Object(first.unwrap_or_default()))
    }

    /// Asks the objects of one entry; says how many.
    async fn ask(
        &self,
        index: usize,
        resource: &ReceiverResource,
        request: &Value,
    ) -> Result<usize, AskError> {
        let own = &self.route.name.namespace;
        let namespace = resource.namespace.as_ref().unwrap_or(own);
        if self.apart && namespace != own {
            return Err(AskError::Apart);
        }
        let kind = kind_of(resource)?;
        let resolved = self.context.cluster.resolve(&kind).await?;
        let filters = self.route.filters.of(index);
        if resource.name == "*" {
            return self
                .ask_all(&resolved, namespace, resource, &filters, request)
                .await;
        }
        let name = Named::new(namespace, &resource.name);
        if !filters.is_empty() {
            let cluster = &self.context.cluster;
            let found = cluster.get_metadata(&resolved, namespace, &resource.name);
            let object = found.await?.ok_or(AskError::NotThere)?;
            if !holds(&filters, &kind, &object, request)? {
                return Ok(0);
            }
        }
        self.hints.ask(&self.leadership, &resolved, &name).await?;
        Ok(1)
    }

    async fn ask_all(
        &self,
        resolved: &Resource,
        namespace: &str,
        resource: &ReceiverResource,
        filters: &[&Expression],
        request: &Value,
    ) -> Result<usize, AskError> {
        if resource.match_labels.is_empty() {
            return Err(AskError::NoLabels);
        }
        let labels = resource.match_labels.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let scope = Scope {
            namespace: namespace.to_owned(),
            label_selector: labels.join(","),
            ..Scope::default()
        };
        let cluster = &self.context.cluster;
        let mut asked = 0;
        for object in cluster.list(resolved, &scope, Detail::Metadata).await? {
            if holds(filters, &resolved.gvk, &object, request)? {
                let name = Named::new(namespace, object.name());
                self.hints.ask(&self.leadership, resolved, &name).await?;
                asked += 1;
            }
        }
        Ok(asked)
    }
}

fn kind_of(resource: &ReceiverResource) -> Result<GroupVersionKind, AskError> {
    let kind = &resource.kind;
    let known = VERSIONS.iter().find(|(known, _)| known == kind);
    let known = known.map(|(_, version)| *version);
    let version = resource.api_version.as_deref().or(known);
    let version = version.ok_or_else(|| AskError::NoVersion(kind.clone()))?;
    Ok(GroupVersionKind::new(version, kind))
}

/// Whether all filters say that an object is meant.
fn holds(
    filters: &[&Expression],
    kind: &GroupVersionKind,
    object: &Object,
    request: &Value,
) -> Result<bool, EvaluationError> {
    let mut object = object.as_value().clone();
    if let Some(fields) = object.as_object_mut() {
        // The API server calls what it cuts down to metadata by another kind.
        fields.insert("apiVersion".to_owned(), kind.api_version().into());
        fields.insert("kind".to_owned(), kind.kind.as_str().into());
    }
    for filter in filters {
        if !filter.holds([("res", &object), ("req", request)])? {
            return Ok(false);
        }
    }
    Ok(true)
}
