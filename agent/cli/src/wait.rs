//! Waiting for an object, with progress.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use windlass_api::duration::GoDuration;
use windlass_api::names::REQUESTED_AT;
use windlass_api::reasons;
use windlass_cluster::{Detail, ErrorClass, Scope, WatchEvent};
use windlass_object::{Object, Value};

use crate::error::{CommandError, Subject};
use crate::facts::{condition, flag, text};
use crate::kind::Kind;
use crate::lease::lead;
use crate::screen::Screen;
use crate::session::{Session, now};
use crate::words::shorten_digests;

/// After this long without a result somebody may be missing: a leading node acts within a second.
const DOUBT: Duration = Duration::from_secs(5);

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
    let follow = follow(session, screen, kind, &subject, goal, &mut last);
    let waited = match session.deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, follow).await,
        None => Ok(follow.await),
    };
    match waited {
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
    let mut doubt = pin!(tokio::time::sleep(DOUBT));
    let mut doubted = false;
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                if let Some(object) = seen(screen, event, subject, goal, last)? {
                    return Ok(object);
                }
            }
            () = &mut doubt, if !doubted => {
                doubted = true;
                if nobody_leads(session).await {
                    let text = "no node leads at the moment, so nobody acts on it: see `windlass status`";
                    tell(screen, last, text.to_owned())?;
                }
            }
        }
    }
    Err(CommandError::Deleted {
        subject: Box::new(subject.clone()),
    })
}

/// Whether it is known that no node leads.
async fn nobody_leads(session: &Session) -> bool {
    match lead(session).await {
        Ok(lead) => lead.is_none_or(|lead| !lead.is_held(now().timestamp())),
        Err(_) => false,
    }
}

/// Takes one event of the watch and gives the object when it has reached the goal.
fn seen(
    screen: &mut Screen<'_>,
    event: WatchEvent,
    subject: &Subject,
    goal: &Goal,
    last: &mut Last,
) -> Result<Option<Object>, CommandError> {
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
            return Ok(None);
        }
        WatchEvent::Restarted | WatchEvent::Synced(_) => return Ok(None),
    };
    let Ok(object) = Object::from_value(value) else {
        return Ok(None);
    };
    match judge(&object, goal) {
        Verdict::Done => Ok(Some(object)),
        Verdict::Failed(message) => Err(CommandError::Failed {
            subject: Box::new(subject.clone()),
            message,
        }),
        Verdict::Waiting { handled, progress } => {
            last.handled |= handled;
            tell(screen, last, progress)?;
            Ok(None)
        }
    }
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
