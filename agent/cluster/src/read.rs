//! Requests that change nothing.

use http::Method;
use http::header::HeaderValue;
use serde_json::{Map, Value, json};
use windlass_object::{GroupVersionKind, Object};

use crate::call::{Call, JSON, METADATA, METADATA_LIST, TOO_LARGE};
use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
use crate::path::Target;
use crate::watch::{Detail, Scope};

/// Objects per page: what a page costs stays small on both sides.
pub(crate) const PAGE: usize = 100;
/// Objects over all pages of one list: what a whole cluster of this size holds, many times over.
const LISTED: usize = 1_000_000;

/// One page of a list.
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) version: String,
    /// Where the next page begins; empty on the last.
    pub(crate) token: String,
}

// === impl Cluster ===

impl Cluster {
    /// Takes a kind, a namespace (`""` for cluster-scoped kinds) and a name and gives the object,
    /// or `None` when it is not there.
    ///
    /// # Errors
    /// Anything but a missing object; a missing kind is of class `UnknownKind`.
    pub async fn get(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Object>, RequestError> {
        self.get_as(resource, namespace, name, JSON).await
    }

    /// Drops the namespace of objects whose kind has none, as the API server's own clients do. A kind that is not known
    /// yet, because its definition comes along, is left as it is.
    pub async fn fit_scope(&self, objects: &mut [Object]) {
        let placed = objects.iter_mut().filter(|one| one.namespace().is_some());
        for object in placed {
            let resource = self.resolve(&object.gvk()).await;
            if resource.is_ok_and(|resource| !resource.namespaced) {
                object.set_namespace(None);
            }
        }
    }

    /// What a template's `lookup` finds: one object, or with an empty name a `List` of all in a namespace (in all of them
    /// where that is empty); an empty map where there is none, or no such kind.
    ///
    /// # Errors
    /// The API server cannot be asked, or refuses.
    pub async fn look_up(
        &self,
        kind: &GroupVersionKind,
        namespace: &str,
        name: &str,
    ) -> Result<Value, RequestError> {
        let resource = match self.resolve(kind).await {
            Ok(resource) => resource,
            Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(json!({})),
            Err(error) => return Err(error),
        };
        if !name.is_empty() {
            let found = self.get(&resource, namespace, name).await?;
            return Ok(found.map_or_else(|| json!({}), Object::into_value));
        }
        let scope = Scope {
            namespace: namespace.to_owned(),
            ..Scope::default()
        };
        let found = self.list(&resource, &scope, Detail::Object).await?;
        let items: Vec<Value> = found.into_iter().map(Object::into_value).collect();
        Ok(json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}))
    }

    /// Like [`Cluster::get`], with the object's metadata only; apiVersion and kind are the object's
    /// own.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    pub async fn get_metadata(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Object>, RequestError> {
        self.get_as(resource, namespace, name, METADATA).await
    }

    /// Takes a kind and a scope and gives every object in it, read in pages.
    ///
    /// # Errors
    /// Any page that cannot be read.
    pub async fn list(
        &self,
        resource: &Resource,
        scope: &Scope,
        detail: Detail,
    ) -> Result<Vec<Object>, RequestError> {
        let mut objects = Vec::new();
        let mut token = String::new();
        loop {
            let page = self.page(resource, scope, detail, &token).await?;
            for item in page.items {
                objects.push(object("list", resource, item)?);
            }
            if page.token.is_empty() {
                return Ok(objects);
            }
            if objects.len() > LISTED {
                let message = format!("it holds more than {LISTED} objects");
                return Err(RequestError::local(
                    "list",
                    &resource.gvk.kind,
                    ErrorClass::Server,
                    message,
                ));
            }
            token = page.token;
        }
    }

    /// The cluster's identity: the UID of its `kube-system` namespace, which lives as long as the
    /// cluster.
    ///
    /// # Errors
    /// The namespace cannot be read.
    pub async fn identity(&self) -> Result<String, RequestError> {
        let namespaces = Resource {
            gvk: GroupVersionKind::new("v1", "Namespace"),
            plural: "namespaces".to_owned(),
            namespaced: false,
            watchable: true,
            has_status: true,
        };
        let namespace = self.get(&namespaces, "", "kube-system").await?;
        let uid = namespace
            .as_ref()
            .and_then(|namespace| namespace.uid())
            .map(str::to_owned);
        uid.ok_or_else(|| {
            let message =
                "the namespace is not there: the API server has only just been made".to_owned();
            RequestError::local(
                "get",
                "Namespace/kube-system",
                ErrorClass::NotFound,
                message,
            )
        })
    }

    /// The API server's version, such as `v1.37.2`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn version(&self) -> Result<String, RequestError> {
        let call = Call::at(
            "get",
            Method::GET,
            "/version".to_owned(),
            "version".to_owned(),
        );
        let answer = self.read(call).await?;
        Ok(answer
            .get("gitVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned())
    }

    async fn get_as(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        accept: HeaderValue,
    ) -> Result<Option<Object>, RequestError> {
        let target = Target::object("get", resource, namespace, name)?;
        match self
            .read(Call::new("get", Method::GET, &target).accept(accept))
            .await
        {
            Ok(answer) => object("get", resource, answer).map(Some),
            Err(error) if error.class() == ErrorClass::NotFound => Ok(None),
            Err(error) => Err(self.noticed(error)),
        }
    }

    /// Reads one page; where 100 objects are too much for one answer, fewer.
    pub(crate) async fn page(
        &self,
        resource: &Resource,
        scope: &Scope,
        detail: Detail,
        token: &str,
    ) -> Result<Page, RequestError> {
        let target = Target::collection(resource, &scope.namespace);
        let accept = match detail {
            Detail::Object => JSON,
            Detail::Metadata => METADATA_LIST,
        };
        let mut size = PAGE;
        loop {
            let query = scope
                .query()
                .add("limit", &size.to_string())
                .add_some("continue", token);
            match self
                .read(
                    Call::new("list", Method::GET, &target)
                        .query(query)
                        .accept(accept.clone()),
                )
                .await
            {
                Ok(answer) => return page_of(resource, answer),
                Err(error) if error.reason == TOO_LARGE && size > 1 => size /= 10,
                Err(error) => return Err(self.noticed(error)),
            }
        }
    }

    /// Asks at which version a collection is now, for the price of one object.
    pub(crate) async fn collection_version(
        &self,
        resource: &Resource,
        scope: &Scope,
    ) -> Result<String, RequestError> {
        let target = Target::collection(resource, &scope.namespace);
        let call = Call::new("list", Method::GET, &target)
            .query(scope.query().add("limit", "1"))
            .accept(METADATA_LIST);
        match self.read(call).await {
            Ok(answer) => page_of(resource, answer).map(|page| page.version),
            Err(error) => Err(self.noticed(error)),
        }
    }

    /// Forgets discovery when a request shows that a kind has gone.
    pub(crate) fn noticed(&self, error: RequestError) -> RequestError {
        if error.class() == ErrorClass::UnknownKind {
            self.forget_discovery();
        }
        error
    }
}

/// Takes an item of an answer and gives the object, with apiVersion and kind where a list leaves
/// them out or a metadata answer puts its own.
pub(crate) fn object(
    verb: &'static str,
    resource: &Resource,
    mut value: Value,
) -> Result<Object, RequestError> {
    name_kind(resource, &mut value);
    Object::from_value(value).map_err(|error| {
        RequestError::local(
            verb,
            &resource.gvk.kind,
            ErrorClass::Server,
            format!("the answer is not an object: {error}"),
        )
    })
}

/// Sets the resource's apiVersion and kind.
pub(crate) fn name_kind(resource: &Resource, value: &mut Value) {
    if let Value::Object(fields) = value {
        set(fields, "apiVersion", resource.gvk.api_version());
        set(fields, "kind", resource.gvk.kind.clone());
    }
}

fn set(fields: &mut Map<String, Value>, name: &str, text: String) {
    fields.insert(name.to_owned(), Value::String(text));
}

fn page_of(resource: &Resource, mut answer: Value) -> Result<Page, RequestError> {
    let text = |pointer: &str| {
        answer
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (version, token) = (
        text("/metadata/resourceVersion"),
        text("/metadata/continue"),
    );
    let items = match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        _ => {
            let message = "the answer is not a list".to_owned();
            return Err(RequestError::local(
                "list",
                &resource.gvk.kind,
                ErrorClass::Server,
                message,
            ));
        }
    };
    Ok(Page {
        items,
        version,
        token,
    })
}
