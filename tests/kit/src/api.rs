//! A small blocking client of a Kubernetes API server: what a test does in kubectl's place.

mod transport;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

pub use self::transport::Response;
use self::transport::{Request, Transport};
use crate::wait;

/// How long [`Client::wait`] waits.
pub const WAIT: Duration = Duration::from_secs(60);

/// The manager's name in objects this client applies.
pub const MANAGER: &str = "windlass-kit";

/// Names one object: kind with its API version, namespace (empty: cluster-scoped) and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl ObjectRef {
    /// The four parts, in kubectl's order.
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The reference of an object given as JSON.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let text = |pointer| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        Self::new(
            text("/apiVersion"),
            text("/kind"),
            text("/metadata/namespace"),
            text("/metadata/name"),
        )
    }
}

/// A client with one user's token; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    token: String,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    /// By apiVersion.
    kinds: Mutex<HashMap<String, Kinds>>,
}

/// kind → (plural, namespaced).
type Kinds = HashMap<String, (String, bool)>;

impl Client {
    /// A client of 127.0.0.1:`port`, whose certificate `authority` (PEM) signed.
    #[must_use]
    pub fn new(port: u16, authority: &str, token: &str) -> Self {
        let transport = Transport::new(port, authority);
        let shared = Shared {
            transport,
            kinds: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            token: token.to_owned(),
        }
    }

    /// The same client as another user.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            token: token.to_owned(),
        }
    }

    /// Sends one request; `Err` only when no whole answer came.
    ///
    /// # Errors
    /// When the server cannot be reached, or the connection breaks before the answer's end.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> io::Result<Response> {
        let request = Request {
            token: &self.token,
            method,
            path,
            content_type,
            body,
        };
        self.shared.transport.send(&request)
    }

    /// Sends a JSON request and gives the answer, whatever its status; only a 429 (the server asks for
    /// patience, as while a new kind's storage starts) is asked again, as kubectl does.
    ///
    /// # Panics
    /// When no answer comes.
    #[track_caller]
    #[must_use]
    pub fn request(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Response {
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        wait::until("the API server to take a request", WAIT, || {
            let answer = self.try_request(method, path, content_type, &bytes);
            let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
            if answer.status == 429 {
                Err(answer.body.to_string())
            } else {
                Ok(answer)
            }
        })
    }

    /// The object, or `None` when there is none.
    #[track_caller]
    #[must_use]
    pub fn get(&self, object: &ObjectRef) -> Option<Value> {
        let path = self.find_path(object)?;
        let response = self.request("GET", &path, "application/json", &Value::Null);
        (response.status != 404).then(|| response.expect_success(&path))
    }

    /// Every object of a kind, in one namespace or (empty) in all; `query` such as `labelSelector=a%3Db`.
    #[track_caller]
    #[must_use]
    pub fn list(&self, api_version: &str, kind: &str, namespace: &str, query: &str) -> Vec<Value> {
        let collection = self.path(&ObjectRef::new(api_version, kind, namespace, ""));
        let path = format!("{collection}?{query}");
        let body = self.request("GET", &path, "application/json", &Value::Null);
        match body.expect_success(&path)["items"].take() {
            Value::Array(items) => items,
            other => panic!("{path}: a list has items, not {other}"),
        }
    }

    /// Applies an object by server-side apply as [`MANAGER`], conflicts forced; gives what it became.
    #[track_caller]
    pub fn apply(&self, object: &Value) -> Value {
        self.apply_as(MANAGER, object)
            .expect_success(&format!("apply {object}"))
    }

    /// Applies an object by server-side apply as `manager`, conflicts forced.
    #[track_caller]
    #[must_use]
    pub fn apply_as(&self, manager: &str, object: &Value) -> Response {
        let path = self.path(&ObjectRef::of(object));
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.request("PATCH", &path, "application/apply-patch+yaml", object)
    }

    /// Applies several objects, in order.
    #[track_caller]
    pub fn apply_all(&self, objects: &[Value]) {
        for object in objects {
            self.apply(object);
        }
    }

    /// Creates an object; gives the answer, whatever its status.
    #[track_caller]
    #[must_use]
    pub fn create(&self, object: &Value) -> Response {
        let mut reference = ObjectRef::of(object);
        reference.name.clear();
        self.request("POST", &self.path(&reference), "application/json", object)
    }

    /// Changes an object by a JSON merge patch, as `kubectl edit` would (manager `kubectl-edit`).
    #[track_caller]
    pub fn patch(&self, object: &ObjectRef, merge: &Value) -> Value {
        let path = format!("{}?fieldManager=kubectl-edit", self.path(object));
        self.request("PATCH", &path, "application/merge-patch+json", merge)
            .expect_success(&path)
    }

    /// Changes one subresource (such as `status`) by a JSON merge patch.
    #[track_caller]
    pub fn patch_subresource(&self, object: &ObjectRef, name: &str, merge: &Value) -> Value {
        let path = format!("{}/{name}", self.path(object));
        self.request("PATCH", &path, "application/merge-patch+json", merge)
            .expect_success(&path)
    }

    /// Deletes an object in the background; an object that is not there is fine.
    #[track_caller]
    pub fn delete(&self, object: &ObjectRef) {
        let path = self.path(object);
        let options = json!({"propagationPolicy": "Background"});
        let response = self.request("DELETE", &path, "application/json", &options);
        assert!(
            response.status == 404 || response.status < 300,
            "{path}: {}",
            response.body
        );
    }

    /// Waits until the object satisfies `test` (`None`: it is not there), and gives it.
    ///
    /// # Panics
    /// With the object as last seen, after [`WAIT`].
    #[track_caller]
    pub fn wait(
        &self,
        what: &str,
        object: &ObjectRef,
        test: impl Fn(Option<&Value>) -> bool,
    ) -> Option<Value> {
        wait::until(what, WAIT, || {
            let found = self.get(object);
            if test(found.as_ref()) {
                return Ok(found);
            }
            Err(found.map_or("it is not there".to_owned(), |mut object| {
                object["metadata"]["managedFields"] = Value::Null;
                object.to_string()
            }))
        })
    }

    /// Waits until the object is there and satisfies `test`.
    #[track_caller]
    pub fn wait_for(&self, what: &str, object: &ObjectRef, test: impl Fn(&Value) -> bool) -> Value {
        self.wait(what, object, |found| found.is_some_and(&test))
            .expect("test wants an object")
    }

    /// Waits until the object is gone.
    #[track_caller]
    pub fn wait_gone(&self, object: &ObjectRef) {
        self.wait(&format!("{object:?} to be gone"), object, |found| {
            found.is_none()
        });
    }

    /// Waits until condition `Ready` of the object has `status` at its newest generation.
    #[track_caller]
    pub fn wait_ready(&self, object: &ObjectRef, status: &str) -> Value {
        self.wait_for(
            &format!("{object:?} to have Ready={status}"),
            object,
            |found| {
                let generation = found.pointer("/metadata/generation");
                let ready = condition(found, "Ready");
                let current = ready.is_some_and(|ready| {
                    ready
                        .get("observedGeneration")
                        .is_none_or(|seen| Some(seen) == generation)
                });
                current && ready.is_some_and(|ready| ready["status"] == status)
            },
        )
    }

    /// Whether the API server serves a kind.
    #[must_use]
    pub fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.find_path(&ObjectRef::new(api_version, kind, "", ""))
            .is_some()
    }

    /// Asks anew what kinds there are.
    pub(crate) fn forget_kinds(&self) {
        self.shared.kinds.lock().expect("no holder panics").clear();
    }

    /// The path of an object, or of its collection when the name is empty.
    ///
    /// # Panics
    /// When the API server does not serve the kind.
    #[track_caller]
    #[must_use]
    pub fn path(&self, object: &ObjectRef) -> String {
        self.find_path(object)
            .unwrap_or_else(|| panic!("{} {} is not served", object.api_version, object.kind))
    }

    /// As [`Client::path`], `None` when the kind is not served.
    fn find_path(&self, object: &ObjectRef) -> Option<String> {
        let api = &object.api_version;
        let root = if api.contains('/') {
            format!("/apis/{api}")
        } else {
            format!("/api/{api}")
        };
        let mut kinds = self.shared.kinds.lock().expect("no holder panics");
        if !kinds
            .get(api)
            .is_some_and(|known| known.contains_key(&object.kind))
        {
            let response = self.request("GET", &root, "application/json", &Value::Null);
            kinds.insert(api.clone(), read_kinds(&response.body));
        }
        let (plural, namespaced) = kinds.get(api)?.get(&object.kind)?;
        let namespace = match object.namespace.as_str() {
            name if *namespaced && !name.is_empty() => format!("/namespaces/{name}"),
            _ => String::new(),
        };
        let name = if object.name.is_empty() { "" } else { "/" };
        Some(format!("{root}{namespace}/{plural}{name}{}", object.name))
    }
}

/// The condition of that type in an object's status.
#[must_use]
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// The kinds in a discovery document (APIResourceList); subresources have a slash in their name.
fn read_kinds(list: &Value) -> Kinds {
    let resources = list["resources"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let kinds = resources.iter().filter_map(|resource| {
        let (name, kind) = (resource["name"].as_str()?, resource["kind"].as_str()?);
        let namespaced = resource["namespaced"].as_bool()?;
        (!name.contains('/')).then(|| (kind.to_owned(), (name.to_owned(), namespaced)))
    });
    kinds.collect()
}
