//! Our own kinds as the watch shows them: parsed object by object, so that a malformed one holds up no other.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use windlass_api::bucket::{BucketSpec, BucketStatus};
use windlass_api::git_repository::{GitRepositorySpec, GitRepositoryStatus};
use windlass_api::helm_chart::{HelmChartSpec, HelmChartStatus};
use windlass_api::helm_release::{HelmReleaseSpec, HelmReleaseStatus};
use windlass_api::helm_repository::{HelmRepositorySpec, HelmRepositoryStatus};
use windlass_api::kustomization::{KustomizationSpec, KustomizationStatus};
use windlass_api::names;
use windlass_api::oci_repository::{OciRepositorySpec, OciRepositoryStatus};
use windlass_api::parse::{self, ParseError};
use windlass_api::receiver::{ReceiverSpec, ReceiverStatus};
use windlass_object::Object;

use crate::named::Named;

/// One object of our API. What does not parse is kept as the reason, for its condition.
#[derive(Clone, Debug)]
pub(crate) struct Seen<Spec, Status> {
    pub(crate) meta: Meta,
    pub(crate) spec: Result<Spec, String>,
    pub(crate) status: Status,
}

/// A Bucket as the watch shows it.
pub(crate) type SeenBucket = Seen<BucketSpec, BucketStatus>;

/// A GitRepository as the watch shows it.
pub(crate) type SeenGitRepository = Seen<GitRepositorySpec, GitRepositoryStatus>;

/// A Kustomization as the watch shows it.
pub(crate) type SeenKustomization = Seen<KustomizationSpec, KustomizationStatus>;

/// A HelmChart as the watch shows it.
pub(crate) type SeenHelmChart = Seen<HelmChartSpec, HelmChartStatus>;

/// A HelmRelease as the watch shows it.
pub(crate) type SeenHelmRelease = Seen<HelmReleaseSpec, HelmReleaseStatus>;

/// A HelmRepository as the watch shows it.
pub(crate) type SeenHelmRepository = Seen<HelmRepositorySpec, HelmRepositoryStatus>;

/// A Receiver as the watch shows it.
pub(crate) type SeenReceiver = Seen<ReceiverSpec, ReceiverStatus>;

/// An OCIRepository as the watch shows it.
pub(crate) type SeenOciRepository = Seen<OciRepositorySpec, OciRepositoryStatus>;

/// The metadata that decides whether a pass is due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Meta {
    pub(crate) name: Named,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) generation: i64,
    pub(crate) deleting: bool,
    pub(crate) finalizers: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl<Spec, Status: Default> Seen<Spec, Status> {
    /// Takes a whole object as the API server sent it. `None` when it has no name.
    fn parse_with(
        object: &Value,
        parse: impl FnOnce(&Object) -> Result<(Spec, Option<Status>), ParseError>,
    ) -> Option<Self> {
        let meta = Meta::parse(object)?;
        let typed = Object::from_value(object.clone())
            .map_err(|error| error.to_string())
            .and_then(|object| parse(&object).map_err(|error| error.to_string()));
        let (spec, status) = match typed {
            Ok((spec, status)) => (Ok(spec), status.unwrap_or_default()),
            Err(message) => (Err(message), Status::default()),
        };
        Some(Seen { meta, spec, status })
    }
}

impl SeenBucket {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::bucket(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl SeenGitRepository {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::git_repository(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl SeenHelmChart {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::helm_chart(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl SeenHelmRelease {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::helm_release(object).map(|typed| (typed.spec, typed.status))
        })
    }

    /// The object as expressions see it.
    pub(crate) fn as_object(&self) -> Value {
        helm_release_object(&self.meta, self.spec.as_ref().ok(), &self.status)
    }
}

impl SeenHelmRepository {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::helm_repository(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl SeenReceiver {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::receiver(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl SeenOciRepository {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::oci_repository(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl SeenKustomization {
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        Seen::parse_with(object, |object| {
            parse::kustomization(object).map(|typed| (typed.spec, typed.status))
        })
    }
}

impl<Status: Serialize> Seen<KustomizationSpec, Status> {
    /// The object as expressions see it.
    pub(crate) fn as_object(&self) -> Value {
        kustomization_object(&self.meta, self.spec.as_ref().ok(), &self.status)
    }
}

/// A Kustomization as expressions see it: what is known of its metadata, its spec and its status.
pub(crate) fn kustomization_object(
    meta: &Meta,
    spec: Option<&KustomizationSpec>,
    status: &impl Serialize,
) -> Value {
    object(
        (names::KUSTOMIZE_API_VERSION, names::KUSTOMIZATION),
        meta,
        spec,
        status,
    )
}

/// A HelmRelease as expressions see it.
pub(crate) fn helm_release_object(
    meta: &Meta,
    spec: Option<&HelmReleaseSpec>,
    status: &impl Serialize,
) -> Value {
    object(
        (names::HELM_API_VERSION, names::HELM_RELEASE),
        meta,
        spec,
        status,
    )
}

fn object(
    (api_version, kind): (&str, &str),
    meta: &Meta,
    spec: Option<&impl Serialize>,
    status: &impl Serialize,
) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {
            "name": meta.name.name, "namespace": meta.name.namespace, "uid": meta.uid,
            "resourceVersion": meta.resource_version, "generation": meta.generation,
            "labels": meta.labels, "annotations": meta.annotations, "finalizers": meta.finalizers,
        },
        "spec": spec, "status": status,
    })
}

impl Meta {
    /// Reads `metadata`; `None` when there is no name.
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let name = text(metadata, "name")?;
        Some(Meta {
            name: Named {
                namespace: text(metadata, "namespace").unwrap_or_default(),
                name,
            },
            uid: text(metadata, "uid").unwrap_or_default(),
            resource_version: text(metadata, "resourceVersion").unwrap_or_default(),
            generation: metadata
                .get("generation")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            deleting: metadata
                .get("deletionTimestamp")
                .is_some_and(|time| !time.is_null()),
            finalizers: strings(metadata.get("finalizers")),
            labels: pairs(metadata.get("labels")),
            annotations: pairs(metadata.get("annotations")),
        })
    }

    /// Whether it asks for a mark on what is made of it.
    pub(crate) fn marks_revision(&self) -> bool {
        let asked = self.annotation(names::MARK_REVISION);
        asked.is_some_and(|value| value.eq_ignore_ascii_case(names::ENABLED))
    }

    /// The value of an annotation.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    /// Whether this is an earlier state of the same object than the other. Kubernetes numbers the states of a
    /// kind in order; what is no number is taken as it comes.
    pub(crate) fn is_before(&self, other: &Meta) -> bool {
        let number = |meta: &Meta| meta.resource_version.parse::<u64>().ok();
        self.uid == other.uid && number(self).zip(number(other)).is_some_and(|(a, b)| a < b)
    }

    /// Whether something changed that a pass has to look at: everything but status and our own notes.
    pub(crate) fn asks_for_a_pass(&self, before: &Meta, watched_annotations: &[&str]) -> bool {
        self.uid != before.uid
            || self.generation != before.generation
            || self.deleting != before.deleting
            || (self.deleting && self.finalizers != before.finalizers)
            || watched_annotations
                .iter()
                .any(|name| self.annotation(name) != before.annotation(name))
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().map(str::to_owned)
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pairs(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kustomization(spec: Value) -> SeenKustomization {
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "a", "namespace": "b"}, "spec": spec,
        });
        SeenKustomization::parse(&object).unwrap()
    }

    #[test]
    fn a_malformed_spec_is_kept_as_a_reason_and_does_not_hide_the_object() {
        let seen = kustomization(json!({"interval": 1}));
        assert_eq!(seen.meta.name, Named::new("b", "a"));
        let reason = seen.spec.unwrap_err();
        assert!(reason.contains("spec.interval"), "{reason}");
    }

    #[test]
    fn a_status_write_asks_for_no_pass_but_a_request_does() {
        let meta = |value| Meta::parse(&json!({"metadata": value})).unwrap();
        let before = meta(json!({"name": "a", "resourceVersion": "1"}));
        let status = meta(json!({"name": "a", "resourceVersion": "2"}));
        let request = meta(json!({"name": "a", "annotations": {"ask": "now"}}));
        assert!(!status.asks_for_a_pass(&before, &["ask"]));
        assert!(request.asks_for_a_pass(&before, &["ask"]));
    }

    #[test]
    fn a_good_spec_is_parsed() {
        let seen = kustomization(json!({
            "interval": "1m", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "x"},
        }));
        assert_eq!(seen.spec.unwrap().interval.to_string(), "1m0s");
    }
}
