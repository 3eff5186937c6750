//! Waiting for an object, with progress.

use std::pin::pin;

use futures::StreamExt;
use windlass_api::duration::GoDuration;
use windlass_api::names::REQUESTED_AT;
use windlass_api::reasons;
use windlass_cluster::{Detail, ErrorClass, Scope, WatchEvent};
use windlass_object::{Object, Value};

use crate::error::{CommandError, Subject};
use crate::facts::{condition, flag, text};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::Session;
use crate::words::shorten_digests;

/// What has to have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// A request was handled, and the object is ready.
    Handled {
        /// The value of requestedAt that was written.
        request: String,
        /// `status.lastHandledReconcileAt` from before.
        before: String,
    },
    /// The object is ready as it is now.
    Ready,
}

/// How an object stands against the goal.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    Failed(String),
    Waiting { handled: bool, progress: String },
}

/// Waits until the object reaches the goal and gives it.
pub(crate) async fn wait_for(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    namespace: &str,
    name: &str,
    goal: &Goal,
) -> Result<Object, CommandError> {
    let subject = Session::subject(kind, namespace, name);
    let mut last = Last::default();
    let waited = tokio::time::timeout(
        session.timeout,
        follow(session, screen, kind, &subject, goal, &mut last),
    );
    match waited.await {
        Ok(result) => result,
        Err(_) => Err(CommandError::TimedOut {
            subject,
            after: GoDuration(session.timeout).to_string(),
            last: if last.progress.is_empty() {
                "no answer".to_owned()
            } else {
                last.progress
            },
            handled: last.handled,
        }),
    }
}

/// What was last seen; also when the waiting is cut off.
#[derive(Debug, Default)]
struct Last {
    progress: String,
    handled: bool,
}

async fn follow(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
    subject: &Subject,
    goal: &Goal,
    last: &mut Last,
) -> Result<Object, CommandError> {
    let resource = session.resource(kind).await?;
    let scope = Scope::named(&subject.namespace, &subject.name);
    let mut events = pin!(session.cluster.watch(&resource, scope, Detail::Object));
    while let Some(event) = events.next().await {
        let value = match event {
            WatchEvent::Applied(value) => value,
            WatchEvent::Deleted(_) => {
                return Err(CommandError::Deleted {
                    subject: Box::new(subject.clone()),
                });
            }
            WatchEvent::Failed(error) => {
                if matches!(
                    error.class(),
                    ErrorClass::Forbidden | ErrorClass::Unauthorized
                ) {
                    return Err(error.into());
                }
                tell(screen, last, error.to_string())?;
                continue;
            }
            WatchEvent::Restarted | WatchEvent::Synced => continue,
        };
        let Ok(object) = Object::from_value(value) else {
            continue;
        };
        match judge(&object, goal) {
            Verdict::Done => return Ok(object),
            Verdict::Failed(message) => {
                return Err(CommandError::Failed {
                    subject: Box::new(subject.clone()),
                    message,
                });
            }
            Verdict::Waiting { handled, progress } => {
                last.handled |= handled;
                tell(screen, last, progress)?;
            }
        }
    }
    Err(CommandError::Deleted {
        subject: Box::new(subject.clone()),
    })
}

/// Prints progress that is new.
fn tell(screen: &mut Screen<'_>, last: &mut Last, progress: String) -> Result<(), CommandError> {
    if !progress.is_empty() && progress != last.progress {
        screen.waiting(&shorten_digests(&progress))?;
        last.progress = progress;
    }
    Ok(())
}

/// Holds an object against the goal: kstatus rules for Flux's kinds, and a pass that failed is a
/// failure at once although it will be tried again.
fn judge(object: &Object, goal: &Goal) -> Verdict {
    if let Goal::Handled { request, before } = goal
        && !handled(object, request, before)
    {
        return Verdict::Waiting {
            handled: false,
            progress: String::new(),
        };
    }
    let ready = condition(object, "Ready");
    let message = ready
        .as_ref()
        .map(|ready| ready.message.clone())
        .unwrap_or_default();
    let waiting = |progress: String| Verdict::Waiting {
        handled: true,
        progress,
    };
    if flag(object, "/spec/suspend") {
        return Verdict::Failed("it is suspended".to_owned());
    }
    let current = object.generation();
    let about_current = ready
        .as_ref()
        .is_some_and(|ready| ready.generation.is_none() || ready.generation == current);
    if !about_current {
        return waiting("waiting for the change to be seen".to_owned());
    }
    if condition(object, "Stalled").is_some_and(|stalled| stalled.status == "True") {
        return Verdict::Failed(message);
    }
    let (status, reason) = ready
        .map(|ready| (ready.status, ready.reason))
        .unwrap_or_default();
    let reconciling = condition(object, "Reconciling").filter(|found| found.status == "True");
    if let Some(reconciling) = reconciling {
        let failed = status == "False"
            && reconciling.reason == reasons::PROGRESSING_WITH_RETRY
            && reason != reasons::DEPENDENCY_NOT_READY;
        return if failed {
            Verdict::Failed(message)
        } else {
            waiting(message)
        };
    }
    let observed = object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    match status.as_str() {
        "True" if observed == current => Verdict::Done,
        "False" if reason != reasons::DEPENDENCY_NOT_READY => Verdict::Failed(message),
        _ => waiting(message),
    }
}

/// Whether a request was handled: itself, or one that took its place before it was seen.
fn handled(object: &Object, request: &str, before: &str) -> bool {
    let last = text(object, "/status/lastHandledReconcileAt");
    let replaced = object
        .annotation(REQUESTED_AT)
        .is_some_and(|newest| newest != request);
    last == request || (replaced && last != before)
}

#[cfg(test)]
mod tests;
