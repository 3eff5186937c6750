//! From an object to what applied it, and from there to the source.

use jiff::tz::TimeZone;
use windlass_api::names;
use windlass_cluster::ErrorClass;
use windlass_object::{GroupVersionKind, Object};

use crate::error::CommandError;
use crate::facts::{condition, field, list, source, text};
use crate::kind::Kind;
use crate::session::Session;

/// How many owners of owners are followed, as from a Pod over its ReplicaSet to a Deployment.
const OWNERS: usize = 16;

/// What is said of one object on the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) rows: Vec<(&'static str, String)>,
}

/// Where an object is.
struct Place {
    namespace: String,
    name: String,
}

// === impl Place ===

impl Place {
    fn new(namespace: &str, name: &str) -> Self {
        Place {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The object, what applied it, and its source.
pub(super) async fn chain(
    session: &Session,
    object: &Object,
) -> Result<Vec<Section>, CommandError> {
    let Some((kind, place)) = owner(session, object).await? else {
        return Err(CommandError::Usage(format!(
            "{} was not applied from a source: neither it nor an owner of it has the labels; `kubectl get -o yaml` shows \
             by its managedFields who wrote it",
            object.key()
        )));
    };
    let mut sections = vec![first(object)];
    let Some(applier) = look(session, kind, &place, &mut sections).await? else {
        return Ok(sections);
    };
    let chart = text(&applier, "/status/helmChart").split_once('/');
    if let Some((namespace, name)) = chart {
        let place = Place::new(namespace, name);
        look(session, Kind::HelmChart, &place, &mut sections).await?;
    }
    let (kind, namespace, name) = source(&applier);
    if let Some(kind) = Kind::of_source(&kind) {
        let place = Place { namespace, name };
        look(session, kind, &place, &mut sections).await?;
    }
    Ok(sections)
}

/// Says of one object on the way what there is to say.
async fn look(
    session: &Session,
    kind: Kind,
    place: &Place,
    sections: &mut Vec<Section>,
) -> Result<Option<Object>, CommandError> {
    let found = match session.get_in(kind, &place.namespace, &place.name).await {
        Err(CommandError::NotFound { .. }) => None,
        found => Some(found?),
    };
    sections.push(match &found {
        Some(object) => described(kind, object),
        None => section(vec![
            (kind.name(), place.name.clone()),
            ("Namespace", place.namespace.clone()),
            ("Status", "It is not there".to_owned()),
        ]),
    });
    Ok(found)
}

/// The Kustomization or HelmRelease that applied an object, or what owns it.
async fn owner(session: &Session, object: &Object) -> Result<Option<(Kind, Place)>, CommandError> {
    let mut object = object.clone();
    for _ in 0..OWNERS {
        if let Some(found) = labelled(&object) {
            return Ok(Some(found));
        }
        let Some(above) = above(session, &object).await? else {
            break;
        };
        object = above;
    }
    Ok(None)
}

/// What its labels say that applied it.
fn labelled(object: &Object) -> Option<(Kind, Place)> {
    let label = |group: &str, what: &str| object.label(&format!("{group}/{what}"));
    let groups = [
        (Kind::Kustomization, names::KUSTOMIZE_GROUP),
        (Kind::HelmRelease, names::HELM_GROUP),
    ];
    groups.into_iter().find_map(|(kind, group)| {
        let place = Place::new(label(group, "namespace")?, label(group, "name")?);
        Some((kind, place))
    })
}

/// The first owner that is there.
async fn above(session: &Session, object: &Object) -> Result<Option<Object>, CommandError> {
    let cluster = &session.cluster;
    for reference in list(object, "/metadata/ownerReferences") {
        let kind = GroupVersionKind::new(field(reference, "apiVersion"), field(reference, "kind"));
        let resource = match cluster.resolve(&kind).await {
            Err(error) if error.class() == ErrorClass::UnknownKind => continue,
            resolved => resolved?,
        };
        let namespace = match object.namespace() {
            Some(namespace) if resource.namespaced => namespace,
            _ => "",
        };
        let name = field(reference, "name");
        if let Some(owner) = cluster.get(&resource, namespace, name).await? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

fn first(object: &Object) -> Section {
    let named = format!("{}/{}", object.kind(), object.name());
    let rows = vec![
        ("Object", named),
        (
            "Namespace",
            object.namespace().unwrap_or_default().to_owned(),
        ),
        ("Status", "Managed by Flux".to_owned()),
    ];
    section(rows)
}

/// What was asked for, and what came of it; what is not set is left out.
fn described(kind: Kind, object: &Object) -> Section {
    let said = |pointer: &str| text(object, pointer).to_owned();
    let namespace = object.namespace().unwrap_or_default();
    let mut rows = vec![
        (kind.name(), object.name().to_owned()),
        ("Namespace", namespace.to_owned()),
    ];
    rows.extend(match kind {
        Kind::Kustomization => vec![
            ("Target", said("/spec/targetNamespace")),
            ("Path", said("/spec/path")),
            ("Revision", said("/status/lastAppliedRevision")),
        ],
        Kind::HelmRelease => vec![
            ("Target", said("/spec/targetNamespace")),
            ("Revision", said("/status/lastAttemptedRevision")),
        ],
        Kind::HelmChart => vec![
            ("Chart", said("/spec/chart")),
            ("Version", said("/spec/version")),
            ("Revision", said("/status/artifact/revision")),
        ],
        _ => offered(object),
    });
    rows.extend(outcome(object));
    section(rows)
}

/// Where a source is, what of it is followed, and what is there.
fn offered(object: &Object) -> Vec<(&'static str, String)> {
    let said = |pointer: &str| text(object, pointer).to_owned();
    let mut rows = vec![
        ("Bucket", said("/spec/bucketName")),
        ("URL", said("/spec/url")),
    ];
    // Of several, the one that counts.
    let followed = [
        ("Tag", "/spec/ref/tag"),
        ("Tag", "/spec/ref/semver"),
        ("Digest", "/spec/ref/digest"),
        ("Branch", "/spec/ref/branch"),
    ];
    let mut followed = followed
        .into_iter()
        .map(|(label, pointer)| (label, said(pointer)));
    rows.extend(followed.find(|(_, value)| !value.is_empty()));
    let metadata = object.pointer("/status/artifact/metadata");
    let origin = |name: &str| metadata.map_or("", |all| field(all, name)).to_owned();
    rows.extend([
        ("Revision", said("/status/artifact/revision")),
        ("Origin Source", origin("org.opencontainers.image.source")),
        (
            "Origin Revision",
            origin("org.opencontainers.image.revision"),
        ),
    ]);
    rows
}

/// How the last pass ended.
fn outcome(object: &Object) -> Vec<(&'static str, String)> {
    let Some(ready) = condition(object, "Ready") else {
        return vec![("Status", "Unknown".to_owned())];
    };
    let what = if ready.status == "False" {
        "Last reconciliation failed at"
    } else {
        "Last reconciled at"
    };
    let since = ready.since.map(|since| since.to_zoned(TimeZone::UTC));
    let since = since.map_or_else(String::new, |since| {
        since.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
    });
    let status = format!("{what} {since}");
    vec![("Status", status), ("Message", ready.message)]
}

fn section(rows: Vec<(&'static str, String)>) -> Section {
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    Section {
        rows: rows.collect(),
    }
}
