//! `suspend` and `resume`.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use windlass_api::duration::GoDuration;
use windlass_api::suspension;
use windlass_api::time::Time;
use windlass_cluster::{Detail, Scope};
use windlass_object::{Object, Value};

use crate::arguments::{ResumeArguments, SuspendArguments};
use crate::error::CommandError;
use crate::facts::done_message;
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::{Session, now};
use crate::wait::{Goal, wait_for};

/// Runs `suspend`.
pub(crate) async fn suspend(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &SuspendArguments,
) -> Result<(), CommandError> {
    let until = arguments
        .length
        .map(|length| end_of(now(), length))
        .transpose()?;
    let (kind, names) = arguments.what.objects();
    let found = find(session, screen, kind, names, arguments.all).await?;
    let patch = suspension::suspend(until);
    for object in &found.objects {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
        screen.action(&format!(
            "suspending {} {name} in {namespace} namespace",
            kind.words()
        ))?;
        change(session, kind, object, &patch).await?;
        let length = until
            .map(|until| format!(" until {until}"))
            .unwrap_or_default();
        screen.success(&format!("{} suspended{length}", kind.words()))?;
    }
    found.result()
}

/// Runs `resume`.
pub(crate) async fn resume(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &ResumeArguments,
) -> Result<(), CommandError> {
    let (kind, names) = arguments.what.objects();
    let found = find(session, screen, kind, names, arguments.all).await?;
    for object in &found.objects {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
        screen.action(&format!(
            "resuming {} {name} in {namespace} namespace",
            kind.words()
        ))?;
        change(session, kind, object, &suspension::resume(None)).await?;
        screen.success(&format!("{} resumed", kind.words()))?;
    }
    // Flux waits for a single object unless told otherwise, for several only when told.
    let mut failed = found.missing;
    if arguments.wait.unwrap_or(names.len() == 1) {
        for object in &found.objects {
            if let Err(error) = settle(session, screen, kind, object).await {
                if found.asked == 1 {
                    return Err(error);
                }
                screen.failure(&error.to_string())?;
                if let Some(next) = error.next() {
                    screen.action(&next)?;
                }
                failed += 1;
            }
        }
    }
    Found {
        missing: failed,
        ..found
    }
    .result()
}

/// Waits until a resumed object is ready.
async fn settle(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    object: &Object,
) -> Result<(), CommandError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    screen.waiting(&format!("waiting for {} reconciliation", kind.name()))?;
    if kind.is_static() {
        screen.success(&format!("{} {name} reconciliation completed", kind.name()))?;
        return Ok(screen.success(&format!("{} reconciliation completed", kind.name()))?);
    }
    let done = wait_for(session, screen, kind, namespace, name, &Goal::Ready).await?;
    screen.success(&format!("{} {name} reconciliation completed", kind.name()))?;
    Ok(screen.success(&done_message(kind, &done))?)
}

/// What a command acts on.
struct Found {
    objects: Vec<Object>,
    missing: usize,
    asked: usize,
}

impl Found {
    fn result(&self) -> Result<(), CommandError> {
        match self.missing {
            0 => Ok(()),
            failed => Err(CommandError::Several {
                failed,
                total: self.asked,
            }),
        }
    }
}

async fn find(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    names: &[String],
    all: bool,
) -> Result<Found, CommandError> {
    let resource = session.resource(kind).await?;
    let namespace = &session.namespace;
    if names.is_empty() {
        if !all {
            return Err(CommandError::NameRequired(kind.words()));
        }
        let scope = Scope::in_namespace(namespace);
        let objects = session
            .cluster
            .list(&resource, &scope, Detail::Object)
            .await?;
        if objects.is_empty() {
            let namespace = format!("{namespace:?}");
            return Err(CommandError::NoObjects {
                kind: kind.name(),
                namespace,
            });
        }
        let asked = objects.len();
        return Ok(Found {
            objects,
            missing: 0,
            asked,
        });
    }
    let names: BTreeSet<&String> = names.iter().collect();
    let mut found = Found {
        objects: Vec::new(),
        missing: 0,
        asked: names.len(),
    };
    for name in names {
        match session.cluster.get(&resource, namespace, name).await? {
            Some(object) => found.objects.push(object),
            None if found.asked == 1 => {
                return Err(CommandError::NotFound {
                    kind: kind.name(),
                    name: name.clone(),
                    namespace: format!("{namespace:?}"),
                });
            }
            None => {
                let text = format!("{} {name} not found in {namespace} namespace", kind.name());
                screen.failure(&text)?;
                screen.action("look in all namespaces with `windlass get all -A`")?;
                found.missing += 1;
            }
        }
    }
    Ok(found)
}

async fn change(
    session: &Session,
    kind: Kind,
    object: &Object,
    patch: &Value,
) -> Result<(), CommandError> {
    let resource = session.resource(kind).await?;
    Ok(session.patch((&resource, object), patch).await?)
}

/// When a length of time from now ends.
pub(crate) fn end_of(now: Time, length: GoDuration) -> Result<Time, CommandError> {
    let end = Duration::from(length);
    let end = SignedDuration::try_from(end).ok().and_then(|length| {
        let end: Timestamp = now.timestamp().checked_add(length).ok()?;
        Some(Time::new(end))
    });
    match end {
        Some(end) if end > now => Ok(end),
        _ => Err(CommandError::Usage(format!(
            "--for {length}: write how long from now, at least a second, as 30m or 2h"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Timestamp::from_second(second).unwrap().into()
    }

    #[test]
    fn an_end_is_after_now_and_within_what_a_clock_can_say() {
        let end = |text: &str| end_of(at(100), text.parse().unwrap()).map_err(|e| e.to_string());
        assert_eq!(end("2h"), Ok(at(7300)));
        assert!(
            end("0s")
                .unwrap_err()
                .starts_with("--for 0s: write how long")
        );
        assert!(end("10ms").is_err());
        assert_eq!(end("2562047h"), Ok(at(100 + 2_562_047 * 3600)));
    }
}
