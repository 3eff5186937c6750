//! `events`: what happened to objects of Flux's kinds.

use std::pin::pin;

use futures::StreamExt;
use jiff::Timestamp;
use windlass_cluster::{Detail, ErrorClass, Scope, WatchEvent};
use windlass_object::{GroupVersionKind, Object, Value};

use crate::arguments::{EventType, EventsArguments};
use crate::error::CommandError;
use crate::facts::{source, text};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::now;
use crate::table;
use crate::view::View;
use crate::words::age;

/// The kinds whose events are shown.
const KINDS: [&str; 15] = [
    "Alert",
    "ArtifactGenerator",
    "Bucket",
    "ExternalArtifact",
    "GitRepository",
    "HelmChart",
    "HelmRelease",
    "HelmRepository",
    "ImagePolicy",
    "ImageRepository",
    "ImageUpdateAutomation",
    "Kustomization",
    "OCIRepository",
    "Provider",
    "Receiver",
];

/// What events are about: a kind, or one object of it in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct About {
    kind: String,
    name: String,
    namespace: String,
}

/// Runs the command.
pub(crate) async fn run(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    arguments: &EventsArguments,
) -> Result<(), CommandError> {
    let namespace = if arguments.all_namespaces {
        String::new()
    } else {
        view.namespace().to_owned()
    };
    let abouts = match &arguments.about {
        Some(selector) => wanted(view, selector, &namespace).await?,
        None => Vec::new(),
    };
    let elsewhere = abouts.iter().any(|about| about.namespace != namespace);
    let with_namespace = namespace.is_empty() || elsewhere;
    let scopes: Vec<Scope> = match abouts.as_slice() {
        [] => vec![Scope {
            namespace: namespace.clone(),
            ..Scope::default()
        }],
        abouts => abouts.iter().map(scope).collect(),
    };
    let kind = GroupVersionKind::new("v1", "Event");
    if arguments.watch {
        let session = view.session()?;
        let resource = session.cluster.resolve(&kind).await?;
        let streams = scopes
            .into_iter()
            .map(|scope| Box::pin(session.cluster.watch(&resource, scope, Detail::Object)));
        let events = futures::stream::select_all(streams);
        return watch(screen, events, &arguments.types, with_namespace).await;
    }
    let mut events = Vec::new();
    for scope in &scopes {
        events.extend(view.list(&kind, scope).await?);
    }
    events.retain(|event| shown(event, &arguments.types));
    if events.is_empty() {
        let place = if namespace.is_empty() {
            String::new()
        } else {
            format!(" in {namespace} namespace")
        };
        return Ok(screen.failure(&format!("No events found{place}."))?);
    }
    events.sort_by_key(seen_at);
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| row(event, with_namespace, now().timestamp()))
        .collect();
    Ok(screen.print(&table::render(&header(with_namespace), &rows))?)
}

async fn watch(
    screen: &mut Screen<'_>,
    events: impl futures::Stream<Item = WatchEvent>,
    types: &[EventType],
    with_namespace: bool,
) -> Result<(), CommandError> {
    let mut events = pin!(events);
    let mut header = header(with_namespace);
    while let Some(event) = events.next().await {
        let event = match event {
            WatchEvent::Applied(event) => event,
            WatchEvent::Failed(error) => match error.class() {
                ErrorClass::Forbidden | ErrorClass::Unauthorized => return Err(error.into()),
                _ => {
                    screen.failure(&error.to_string())?;
                    continue;
                }
            },
            _ => continue,
        };
        let Ok(event) = Object::from_value(event) else {
            continue;
        };
        if shown(&event, types) {
            let row = row(&event, with_namespace, now().timestamp());
            screen.print(&table::render(&header, &[row]))?;
            header.clear();
        }
    }
    Ok(())
}

/// Reads `Kind` or `Kind/name`. Events of one Kustomization include those of its source.
async fn wanted(
    view: &View<'_>,
    selector: &str,
    namespace: &str,
) -> Result<Vec<About>, CommandError> {
    let (kind, name) = selector.split_once('/').unwrap_or((selector, ""));
    let known = KINDS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(kind));
    let Some(kind) = known else {
        let text = format!("--for {selector:?}: write a kind of Flux, as Kustomization/apps");
        return Err(CommandError::Usage(text));
    };
    let (kind, name) = (kind.to_owned(), name.to_owned());
    let mut abouts = vec![About {
        kind,
        name,
        namespace: namespace.to_owned(),
    }];
    let about_one = abouts
        .first()
        .filter(|about| !about.name.is_empty() && !namespace.is_empty());
    if let Some(one) = about_one
        && one.kind == Kind::Kustomization.name()
    {
        let object = view
            .get_in(Kind::Kustomization, view.namespace(), &one.name)
            .await?;
        let (kind, namespace, name) = source(&object);
        abouts.push(About {
            kind,
            name,
            namespace,
        });
    }
    Ok(abouts)
}

fn scope(about: &About) -> Scope {
    let mut field_selector = format!("involvedObject.kind={}", about.kind);
    if !about.name.is_empty() {
        field_selector.push_str(&format!(",involvedObject.name={}", about.name));
    }
    Scope {
        namespace: about.namespace.clone(),
        label_selector: String::new(),
        field_selector,
    }
}

/// Whether an event is about a kind of Flux and of a wanted type.
fn shown(event: &Object, types: &[EventType]) -> bool {
    let type_ = text(event, "/type");
    let wanted = types.is_empty()
        || types.iter().any(|wanted| match wanted {
            EventType::Normal => type_ == "Normal",
            EventType::Warning => type_ == "Warning",
        });
    wanted && KINDS.contains(&text(event, "/involvedObject/kind"))
}

/// Which column names the object, where there is none for the namespace.
pub(crate) const OBJECT: usize = 3;

pub(crate) fn header(with_namespace: bool) -> Vec<&'static str> {
    let mut header = vec!["Last seen", "Type", "Reason", "Object", "Message"];
    if with_namespace {
        header.insert(0, "Namespace");
    }
    header
}

pub(crate) fn row(event: &Object, with_namespace: bool, now: Timestamp) -> Vec<String> {
    let involved = |field: &str| text(event, &format!("/involvedObject/{field}"));
    let mut cells = vec![
        last_seen(event, now),
        text(event, "/type").to_owned(),
        text(event, "/reason").to_owned(),
        format!("{}/{}", involved("kind"), involved("name")),
        text(event, "/message").to_owned(),
    ];
    if with_namespace {
        cells.insert(0, event.namespace().unwrap_or_default().to_owned());
    }
    cells
}

/// How long ago, as kubectl says it: `5s (x3 over 2m)` for repeated ones.
fn last_seen(event: &Object, now: Timestamp) -> String {
    let since = |pointer: &str| {
        let time: Option<Timestamp> = text(event, pointer).parse().ok();
        time.map(|time| age(now.as_second().saturating_sub(time.as_second())))
    };
    let unknown = || "<unknown>".to_owned();
    let first = since("/eventTime")
        .or_else(|| since("/firstTimestamp"))
        .unwrap_or_else(unknown);
    let count = |pointer: &str| event.pointer(pointer).and_then(Value::as_i64);
    if let Some(count) = count("/series/count") {
        let last = since("/series/lastObservedTime").unwrap_or_else(unknown);
        return format!("{last} (x{count} over {first})");
    }
    match count("/count") {
        Some(count) if count > 1 => {
            let last = since("/lastTimestamp").unwrap_or_else(unknown);
            format!("{last} (x{count} over {first})")
        }
        _ => first,
    }
}

/// When an event was last seen; for the order.
pub(crate) fn seen_at(event: &Object) -> Option<Timestamp> {
    let pointers = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime"];
    pointers
        .into_iter()
        .find_map(|pointer| text(event, pointer).parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(more: Value) -> Object {
        let mut value = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": "x", "namespace": "apps" },
            "involvedObject": { "kind": "Kustomization", "name": "web" },
            "type": "Normal", "reason": "Progressing", "message": "Deployment/apps/web configured",
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:01:00Z",
        });
        windlass_object::patch::merge(&mut value, &more);
        Object::from_value(value).unwrap()
    }

    fn seen(more: Value) -> String {
        last_seen(&event(more), "2026-01-01T00:01:05Z".parse().unwrap())
    }

    #[test]
    fn the_last_sight_of_an_event_reads_as_kubectl_says_it() {
        assert_eq!(seen(json!({})), "65s");
        assert_eq!(seen(json!({ "count": 1 })), "65s");
        assert_eq!(seen(json!({ "count": 3 })), "5s (x3 over 65s)");
        let series = json!({
            "eventTime": "2026-01-01T00:00:35.000000Z",
            "series": { "count": 4, "lastObservedTime": "2026-01-01T00:01:04.000000Z" },
        });
        assert_eq!(seen(series), "1s (x4 over 30s)");
        assert_eq!(seen(json!({ "firstTimestamp": null })), "<unknown>");
    }

    #[test]
    fn only_events_of_flux_kinds_and_of_wanted_types_are_shown() {
        let ours = event(json!({}));
        assert!(shown(&ours, &[]) && shown(&ours, &[EventType::Normal]));
        assert!(!shown(&ours, &[EventType::Warning]));
        assert!(!shown(
            &event(json!({ "involvedObject": { "kind": "Pod" } })),
            &[]
        ));
    }

    #[test]
    fn a_row_has_flux_columns() {
        let now = "2026-01-01T00:00:10Z".parse().unwrap();
        assert_eq!(
            row(&event(json!({})), true, now),
            [
                "apps",
                "10s",
                "Normal",
                "Progressing",
                "Kustomization/web",
                "Deployment/apps/web configured"
            ]
        );
        assert_eq!(header(true).len(), 6);
    }
}
