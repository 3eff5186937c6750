//! `get`: objects and their state, as tables or as data.

use std::pin::pin;

use futures::StreamExt;
use serde_json::json;
use windlass_cluster::{Detail, ErrorClass, Scope, WatchEvent};
use windlass_object::selector::LabelSelector;
use windlass_object::{Object, Value, yaml};

use crate::arguments::{GetArguments, GetFlags, GetSource, GetWhat, Output};
use crate::error::CommandError;
use crate::facts::{flag, readiness, short_revision, source};
use crate::kind::{Kind, SOURCES};
use crate::screen::Screen;
use crate::table;
use crate::view::View;
use crate::words::{shorten_digests, switch};

/// Which columns a table has beside the usual ones.
#[derive(Debug, Clone, Copy, Default)]
struct Columns {
    namespace: bool,
    source: bool,
    kind: bool,
}

/// Runs the command.
pub(crate) async fn run(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    arguments: &GetArguments,
) -> Result<(), CommandError> {
    let flags = &arguments.flags;
    let columns = Columns {
        namespace: flags.all_namespaces,
        ..Columns::default()
    };
    let (kind, name, source) = match &arguments.what {
        GetWhat::All => {
            let others = [
                Kind::HelmRelease,
                Kind::Kustomization,
                Kind::Receiver,
                Kind::Provider,
                Kind::Alert,
            ];
            let kinds: Vec<Kind> = SOURCES.into_iter().chain(others).collect();
            return several(view, screen, flags, &kinds).await;
        }
        GetWhat::Sources { what } => match what {
            GetSource::All => return several(view, screen, flags, &SOURCES).await,
            GetSource::Git { name } => (Kind::GitRepository, name, false),
            GetSource::Helm { name } => (Kind::HelmRepository, name, false),
            GetSource::Chart { name } => (Kind::HelmChart, name, false),
            GetSource::Oci { name } => (Kind::OciRepository, name, false),
            GetSource::Bucket { name } => (Kind::Bucket, name, false),
        },
        GetWhat::Kustomizations { name, show_source } => (Kind::Kustomization, name, *show_source),
        GetWhat::Helmreleases { name, show_source } => (Kind::HelmRelease, name, *show_source),
        GetWhat::Alerts { name } => (Kind::Alert, name, false),
        GetWhat::AlertProviders { name } => (Kind::Provider, name, false),
        GetWhat::Receivers { name } => (Kind::Receiver, name, false),
    };
    let columns = Columns { source, ..columns };
    one(view, screen, flags, kind, name.as_deref(), columns).await
}

/// Tables of several kinds, one after the other; a kind the cluster does not have is left out.
async fn several(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    flags: &GetFlags,
    kinds: &[Kind],
) -> Result<(), CommandError> {
    if flags.watch {
        return Err(CommandError::Usage(
            "--watch needs one kind, as `windlass get kustomizations --watch`".to_owned(),
        ));
    }
    let columns = Columns {
        namespace: flags.all_namespaces,
        kind: true,
        source: false,
    };
    let scope = scope(view, flags, None)?;
    let mut everything = Vec::new();
    let (mut failed, mut unknown) = (0, None);
    for kind in kinds {
        let objects = match list(view, *kind, &scope).await {
            Ok(objects) => picked(objects, flags),
            Err(CommandError::Request(error)) if error.class() == ErrorClass::UnknownKind => {
                unknown = Some((error, unknown.map_or(1, |(_, count)| count + 1)));
                continue;
            }
            // Rights may differ from kind to kind; any other error would only be repeated.
            Err(CommandError::Request(error)) if error.class() == ErrorClass::Forbidden => {
                screen.failure(&error.to_string())?;
                failed += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        if flags.output.is_none() && !objects.is_empty() {
            let text = render(*kind, &objects, columns, flags);
            screen.print(&format!("{text}\n"))?;
        }
        everything.extend(objects);
    }
    match (flags.output, failed, unknown) {
        (_, 0, Some((error, count))) if count == kinds.len() => return Err(error.into()),
        (Some(output), ..) => screen.print(&data(&everything, output, false))?,
        (None, 0, _) if everything.is_empty() => {
            screen.failure(&format!("no objects found in {} namespace", place(&scope)))?;
        }
        _ => {}
    }
    match failed {
        0 => Ok(()),
        failed => Err(CommandError::Several {
            failed,
            total: kinds.len(),
        }),
    }
}

/// The namespace in messages.
fn place(scope: &Scope) -> String {
    match scope.namespace.as_str() {
        "" => "any".to_owned(),
        namespace => format!("{namespace:?}"),
    }
}

async fn one(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    flags: &GetFlags,
    kind: Kind,
    name: Option<&str>,
    columns: Columns,
) -> Result<(), CommandError> {
    let scope = scope(view, flags, name)?;
    if flags.watch {
        return watch(view, screen, flags, kind, scope, columns).await;
    }
    let objects = list(view, kind, &scope).await?;
    if objects.is_empty() {
        let namespace = place(&scope);
        return Err(match name {
            Some(name) => CommandError::NotFound {
                kind: kind.name(),
                name: name.to_owned(),
                namespace,
            },
            None => CommandError::NoObjects {
                kind: kind.name(),
                namespace,
            },
        });
    }
    let objects = picked(objects, flags);
    let text = match flags.output {
        Some(output) => data(&objects, output, name.is_some()),
        None => render(kind, &objects, columns, flags),
    };
    Ok(screen.print(&text)?)
}

/// Prints what is there, then each change.
async fn watch(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    flags: &GetFlags,
    kind: Kind,
    scope: Scope,
    columns: Columns,
) -> Result<(), CommandError> {
    let session = view.session()?;
    let resource = session.resource(kind).await?;
    let mut events = pin!(session.cluster.watch(&resource, scope, Detail::Object));
    let mut first: Option<Vec<Object>> = Some(Vec::new());
    let later = GetFlags {
        no_header: true,
        ..flags.clone()
    };
    while let Some(event) = events.next().await {
        match event {
            WatchEvent::Applied(value) => {
                let Ok(object) = Object::from_value(value) else {
                    continue;
                };
                if let Some(first) = &mut first {
                    first.push(object);
                    continue;
                }
                let changed = picked(vec![object], flags);
                if changed.is_empty() {
                    continue;
                }
                let text = match flags.output {
                    Some(output) => data(&changed, output, true),
                    None => render(kind, &changed, columns, &later),
                };
                screen.print(&text)?;
            }
            WatchEvent::Synced(_) => {
                if let Some(objects) = first.take() {
                    let objects = picked(objects, flags);
                    let text = match flags.output {
                        Some(output) => data(&objects, output, false),
                        None => render(kind, &objects, columns, flags),
                    };
                    screen.print(&text)?;
                }
            }
            WatchEvent::Failed(error) => match error.class() {
                ErrorClass::Forbidden | ErrorClass::Unauthorized => return Err(error.into()),
                _ => screen.failure(&error.to_string())?,
            },
            WatchEvent::Restarted | WatchEvent::Deleted(_) => {}
        }
    }
    Ok(())
}

async fn list(view: &View<'_>, kind: Kind, scope: &Scope) -> Result<Vec<Object>, CommandError> {
    Ok(view.list(&kind.gvk(), scope).await?)
}

fn scope(view: &View<'_>, flags: &GetFlags, name: Option<&str>) -> Result<Scope, CommandError> {
    let label_selector = flags.label_selector.clone().unwrap_or_default();
    if let Err(error) = LabelSelector::parse(&label_selector) {
        return Err(CommandError::Usage(format!("--label-selector: {error}")));
    }
    let namespace = if flags.all_namespaces {
        String::new()
    } else {
        view.namespace().to_owned()
    };
    let field_selector = name
        .map(|name| format!("metadata.name={name}"))
        .unwrap_or_default();
    Ok(Scope {
        namespace,
        label_selector,
        field_selector,
    })
}

fn picked(objects: Vec<Object>, flags: &GetFlags) -> Vec<Object> {
    let picks = |object: &Object| {
        flags
            .status_selector
            .as_ref()
            .is_none_or(|selector| selector.matches(object))
    };
    objects.into_iter().filter(picks).collect()
}

/// The table of objects of one kind.
fn render(kind: Kind, objects: &[Object], columns: Columns, flags: &GetFlags) -> String {
    let mut header = Vec::new();
    if !flags.no_header {
        header.extend(columns.namespace.then_some("Namespace"));
        header.push("Name");
        header.extend(columns.source.then_some("Source"));
        header.extend(kind.has_revision().then_some("Revision"));
        header.extend((kind != Kind::Provider).then_some("Suspended"));
        header.extend(["Ready", "Message"]);
    }
    let rows: Vec<Vec<String>> = objects
        .iter()
        .map(|object| row(kind, object, columns))
        .collect();
    table::render(&header, &rows)
}

fn row(kind: Kind, object: &Object, columns: Columns) -> Vec<String> {
    let mut cells = Vec::new();
    if columns.namespace {
        cells.push(object.namespace().unwrap_or_default().to_owned());
    }
    cells.push(if columns.kind {
        format!("{}/{}", kind.name().to_lowercase(), object.name())
    } else {
        object.name().to_owned()
    });
    if columns.source {
        let (source_kind, namespace, name) = source(object);
        cells.push(format!("{source_kind}/{namespace}/{name}"));
    }
    let (ready, message) = readiness(object);
    if kind.has_revision() {
        cells.push(short_revision(kind, object));
    }
    // Flux's table of Providers has no such column.
    if kind != Kind::Provider {
        cells.push(switch(flag(object, "/spec/suspend")).to_owned());
    }
    cells.push(ready);
    // The address of a Receiver is of use only as a whole.
    cells.push(match kind {
        Kind::Receiver => message,
        _ => shorten_digests(&message),
    });
    cells
}

/// Objects as data: one alone when it was asked for by name, else a list as kubectl gives it.
fn data(objects: &[Object], output: Output, alone: bool) -> String {
    if output == Output::Name {
        let name = |object: &Object| {
            let kind = object.gvk();
            format!(
                "{}.{}/{}\n",
                kind.kind.to_lowercase(),
                kind.group,
                object.name()
            )
        };
        return objects.iter().map(name).collect();
    }
    let mut values: Vec<Value> = objects.iter().map(without_managed_fields).collect();
    let value = match (alone, values.len()) {
        (true, 1) => values.remove(0),
        _ => json!({ "apiVersion": "v1", "kind": "List", "items": values }),
    };
    match output {
        Output::Json => format!("{value:#}\n"),
        _ => yaml::to_string(&value),
    }
}

/// kubectl leaves them out as well unless asked: they are long and for machines.
fn without_managed_fields(object: &Object) -> Value {
    let mut value = object.as_value().clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

#[cfg(test)]
mod tests;
