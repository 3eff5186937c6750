//! What commands read from an object. Objects are taken as they come: a malformed one shows less,
//! never an error, so that it cannot hide the others.

use jiff::Timestamp;
use windlass_object::{Object, Value};

use crate::kind::Kind;
use crate::words::shorten_digests;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) type_: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) generation: Option<i64>,
}

/// A text anywhere in the object; empty when it is not there.
pub(crate) fn text<'a>(object: &'a Object, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A switch anywhere in the object; off when it is not there.
pub(crate) fn flag(object: &Object, pointer: &str) -> bool {
    object
        .pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// A list anywhere in the object; empty when it is not there.
pub(crate) fn list<'a>(object: &'a Object, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The text of a field; empty when it is not there.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A time in a field.
pub(crate) fn time(value: &Value, name: &str) -> Option<Timestamp> {
    field(value, name).parse().ok()
}

/// The conditions, in their order.
pub(crate) fn conditions(object: &Object) -> Vec<Condition> {
    let read = |value: &Value| Condition {
        type_: field(value, "type").to_owned(),
        status: field(value, "status").to_owned(),
        reason: field(value, "reason").to_owned(),
        message: field(value, "message").to_owned(),
        since: time(value, "lastTransitionTime"),
        generation: value.get("observedGeneration").and_then(Value::as_i64),
    };
    list(object, "/status/conditions")
        .iter()
        .map(read)
        .collect()
}

/// The condition of a type.
pub(crate) fn condition(object: &Object, type_: &str) -> Option<Condition> {
    conditions(object)
        .into_iter()
        .find(|condition| condition.type_ == type_)
}

/// Status and message of Ready, with Flux's words when it is not there.
pub(crate) fn readiness(object: &Object) -> (String, String) {
    if is_static(object) {
        let what = match object.kind() {
            "HelmRepository" => "Helm repository",
            kind => kind,
        };
        return ("True".to_owned(), format!("{what} is Ready"));
    }
    match condition(object, "Ready") {
        Some(ready) => (ready.status, ready.message),
        None => ("False".to_owned(), "waiting to be reconciled".to_owned()),
    }
}

/// The revision that is applied or offered.
pub(crate) fn revision(kind: Kind, object: &Object) -> &str {
    match kind {
        Kind::Kustomization => text(object, "/status/lastAppliedRevision"),
        Kind::HelmRelease => match text(object, "/status/history/0/chartVersion") {
            "" => text(object, "/status/lastAttemptedRevision"),
            version => version,
        },
        _ => text(object, "/status/artifact/revision"),
    }
}

/// What is said when a pass of the object is done.
pub(crate) fn done_message(kind: Kind, object: &Object) -> String {
    if kind.has_revision() {
        return format!("{} {}", kind.success(), revision(kind, object));
    }
    format!("{} reconciliation completed", kind.name())
}

/// The revision, with digests shortened; versions of charts stay whole.
pub(crate) fn short_revision(kind: Kind, object: &Object) -> String {
    let revision = revision(kind, object);
    match kind {
        Kind::HelmChart | Kind::HelmRelease => revision.to_owned(),
        _ => shorten_digests(revision),
    }
}

/// Whether nothing is ever done about the object itself: a registry has no index to fetch, and who is told of events no status.
pub(crate) fn is_static(object: &Object) -> bool {
    let kind = object.kind();
    let is_registry = kind == Kind::HelmRepository.name() && text(object, "/spec/type") == "oci";
    is_registry
        || [Kind::Alert, Kind::Provider]
            .iter()
            .any(|other| other.name() == kind)
}

/// What a Kustomization, HelmChart or HelmRelease is made of, as kind, namespace and name.
pub(crate) fn source(object: &Object) -> (String, String, String) {
    let places = ["/spec/sourceRef", "/spec/chartRef"];
    let place = places
        .into_iter()
        .find(|place| object.pointer(place).is_some())
        .unwrap_or("/spec/chart/spec/sourceRef");
    let reference = |name: &str| text(object, &format!("{place}/{name}"));
    let namespace = match reference("namespace") {
        "" => object.namespace().unwrap_or_default(),
        namespace => namespace,
    };
    (
        reference("kind").to_owned(),
        namespace.to_owned(),
        reference("name").to_owned(),
    )
}
/// An object in a line for a person: `Kind/namespace/name`; the namespace is empty where there is none.
pub(crate) fn place(kind: &str, namespace: &str, name: &str) -> String {
    let namespace = if namespace.is_empty() {
        String::new()
    } else {
        format!("{namespace}/")
    };
    format!("{kind}/{namespace}{name}")
}
