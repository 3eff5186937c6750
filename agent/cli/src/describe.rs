//! `describe kustomization`: everything about one Kustomization.

use jiff::Timestamp;
use windlass_api::duration::GoDuration;
use windlass_api::parse;
use windlass_cluster::Scope;
use windlass_object::{GroupVersionKind, Object, Value};

use crate::error::CommandError;
use crate::events;
use crate::facts::{Condition, conditions, field, flag, list, short_revision, source, text, time};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::now;
use crate::table;
use crate::tree::applied;
use crate::view::View;
use crate::words::{age, shorten_digests};

/// Events that are shown; the newest. More is what `windlass events` is for.
const EVENTS: usize = 10;

/// Everything that is shown.
struct Facts {
    kustomization: Object,
    source: Option<Object>,
    /// Each dependency and, when it is there, the object.
    dependencies: Vec<(String, Option<Object>)>,
    events: Vec<Object>,
}

/// Runs the command.
pub(crate) async fn run(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    name: &str,
) -> Result<(), CommandError> {
    let kustomization = view
        .get_in(Kind::Kustomization, view.namespace(), name)
        .await?;
    let (kind, namespace, source_name) = source(&kustomization);
    let source = if kind == Kind::GitRepository.name() {
        found(
            view.get_in(Kind::GitRepository, &namespace, &source_name)
                .await,
        )?
    } else {
        None
    };
    let mut dependencies = Vec::new();
    for dependency in list(&kustomization, "/spec/dependsOn") {
        let namespace = match field(dependency, "namespace") {
            "" => view.namespace(),
            namespace => namespace,
        };
        let name = field(dependency, "name");
        let object = found(view.get_in(Kind::Kustomization, namespace, name).await)?;
        dependencies.push((format!("Kustomization/{namespace}/{name}"), object));
    }
    let field_selector = format!("involvedObject.kind=Kustomization,involvedObject.name={name}");
    let scope = Scope {
        field_selector,
        ..Scope::in_namespace(view.namespace())
    };
    let mut events = view
        .list_known(&GroupVersionKind::new("v1", "Event"), &scope)
        .await?;
    events.sort_by_key(events::seen_at);
    events.drain(..events.len().saturating_sub(EVENTS));
    let facts = Facts {
        kustomization,
        source,
        dependencies,
        events,
    };
    Ok(screen.print(&render(&facts, now().timestamp()))?)
}

/// An object that may be missing.
fn found(result: Result<Object, CommandError>) -> Result<Option<Object>, CommandError> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(CommandError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn render(facts: &Facts, now: Timestamp) -> String {
    let object = &facts.kustomization;
    let mut page = format!("{}\n", object.key());
    page.push_str(&table::aligned(&[], &settings(facts)));
    section(&mut page, "Conditions", &conditions_rows(object, now));

    let dependencies: Vec<Vec<String>> = facts
        .dependencies
        .iter()
        .map(|(name, object)| match object {
            Some(object) => {
                let (ready, message) = crate::facts::readiness(object);
                vec![name.clone(), ready, shorten_digests(&message)]
            }
            None => vec![name.clone(), "missing".to_owned(), String::new()],
        })
        .collect();
    section(&mut page, "Depends on", &dependencies);

    let mut problems = Vec::new();
    let applied: Vec<Vec<String>> = applied(object, &mut problems)
        .iter()
        .map(|key| vec![key.to_string()])
        .collect();
    section(
        &mut page,
        &format!("Applied objects ({})", applied.len()),
        &applied,
    );
    let problems: Vec<Vec<String>> = problems.into_iter().map(|problem| vec![problem]).collect();
    section(&mut page, "Unreadable inventory", &problems);

    let history = list(object, "/status/history");
    let history: Vec<Vec<String>> = history.iter().map(|past| history_row(past, now)).collect();
    section(&mut page, "History", &history);

    let events: Vec<Vec<String>> = facts
        .events
        .iter()
        .map(|event| event_row(event, now))
        .collect();
    section(&mut page, "Events", &events);
    page
}

fn section(page: &mut String, title: &str, rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    page.push_str(&format!("\n{title}\n"));
    for line in table::aligned(&[], rows).lines() {
        page.push_str(&format!("  {line}\n"));
    }
}

/// The spec and where it stands; what is not set is left out.
fn settings(facts: &Facts) -> Vec<Vec<String>> {
    let object = &facts.kustomization;
    let said = |pointer: &str| text(object, pointer).to_owned();
    let mut settings = vec![
        ("Source", source_setting(facts)),
        ("Path", said("/spec/path")),
        (
            "Applied",
            shorten_digests(text(object, "/status/lastAppliedRevision")),
        ),
        (
            "Attempted",
            shorten_digests(text(object, "/status/lastAttemptedRevision")),
        ),
    ];
    settings.extend(timing(object));
    let switches = ["prune", "wait", "force", "suspend"];
    let switches = switches
        .into_iter()
        .filter(|name| flag(object, &format!("/spec/{name}")));
    let until = object
        .annotation(windlass_api::names::SUSPEND_UNTIL)
        .unwrap_or_default();
    settings.extend([
        ("Switched on", switches.collect::<Vec<_>>().join(", ")),
        ("Applied as", said("/spec/serviceAccountName")),
        ("Into namespace", said("/spec/targetNamespace")),
        ("Suspended until", until.to_owned()),
    ]);
    let set = settings.into_iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| vec![format!("  {name}"), value])
        .collect()
}

/// The source and what it offers now.
fn source_setting(facts: &Facts) -> String {
    let (kind, namespace, name) = source(&facts.kustomization);
    if kind.is_empty() {
        return String::new();
    }
    let offered = facts.source.as_ref();
    let offered = offered.map(|source| short_revision(Kind::GitRepository, source));
    let offered = match offered.as_deref() {
        Some("") => " (nothing fetched yet)".to_owned(),
        Some(revision) => format!(" at {revision}"),
        None if kind == Kind::GitRepository.name() => " (missing)".to_owned(),
        None => String::new(),
    };
    format!("{kind}/{namespace}/{name}{offered}")
}

/// Durations with their defaults; or what keeps the object from being read.
fn timing(object: &Object) -> Vec<(&'static str, String)> {
    let spec = match parse::kustomization(object) {
        Ok(typed) => typed.spec,
        Err(error) => return vec![("Malformed", error.to_string())],
    };
    vec![
        ("Interval", spec.interval.to_string()),
        (
            "Retry",
            GoDuration(spec.effective_retry_interval()).to_string(),
        ),
        ("Timeout", GoDuration(spec.effective_timeout()).to_string()),
        (
            "When deleted",
            format!("{:?}", spec.effective_deletion_policy()),
        ),
    ]
}

fn conditions_rows(object: &Object, now: Timestamp) -> Vec<Vec<String>> {
    let row = |condition: Condition| {
        let since = condition
            .since
            .map(|since| ago(since, now))
            .unwrap_or_default();
        let message = shorten_digests(&condition.message);
        vec![
            condition.type_,
            condition.status,
            condition.reason,
            since,
            message,
        ]
    };
    conditions(object).into_iter().map(row).collect()
}

fn history_row(past: &Value, now: Timestamp) -> Vec<String> {
    let last = time(past, "lastReconciled")
        .map(|last| ago(last, now))
        .unwrap_or_default();
    let count = past
        .get("totalReconciliations")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    let revision = past
        .get("metadata")
        .map_or("", |metadata| field(metadata, "revision"));
    vec![
        shorten_digests(revision),
        field(past, "lastReconciledStatus").to_owned(),
        format!("{last} ago"),
        format!(
            "{count}×, last took {}",
            field(past, "lastReconciledDuration")
        ),
    ]
}

/// An event without its object, which is the one that is described.
fn event_row(event: &Object, now: Timestamp) -> Vec<String> {
    let mut row = events::row(event, false, now);
    row.remove(events::OBJECT);
    row
}

fn ago(since: Timestamp, now: Timestamp) -> String {
    age(now.as_second().saturating_sub(since.as_second()))
}

#[cfg(test)]
mod tests;
