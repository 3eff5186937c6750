//! One pass of a Receiver: reads its Secret, computes its path, and says so (notification-controller,
//! `receiver_controller.go`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use windlass_api::conditions::{self, READY, RECONCILING, STALLED, Statement};
use windlass_api::duration::GoDuration;
use windlass_api::meta::ConditionStatus;
use windlass_api::receiver::{ReceiverSpec, ReceiverStatus};
use windlass_api::{names, reasons};
use windlass_cluster::{EventType, Leadership, RequestError};
use windlass_notify::{Fields, fits};
use windlass_object::Object;

use super::route::{Filters, Route};
use crate::context::Context;
use crate::seen::SeenReceiver;
use crate::source::status::chain;
use crate::{announce, fields, finalizer};

/// Annotations whose change asks for a pass.
pub(super) const WATCHED: [&str; 1] = [names::REQUESTED_AT];

/// How soon it is looked again for a Secret that is not there, or tried again to write.
const AGAIN: Duration = Duration::from_secs(15);

/// Field manager of the status of Receivers.
const MANAGER: &str = names::NOTIFICATION_CONTROLLER;

/// What the task has to know after a pass.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Whether webhooks are taken from now on.
    pub(super) is_open: bool,
    /// The object after what was written.
    pub(super) object: Option<Object>,
    /// When to look again.
    pub(super) again: Option<Duration>,
}

/// What is wrong with a Receiver.
struct Problem {
    reason: &'static str,
    message: String,
    /// Nothing but another spec changes it.
    stalled: bool,
}

/// Runs one pass. What it finds is handed to `opened` before the status says so.
pub(super) async fn run(
    context: &Context,
    leadership: &Leadership,
    mut seen: SeenReceiver,
    opened: &UnboundedSender<Arc<Route>>,
) -> Outcome {
    let (cluster, kind) = (&context.cluster, &context.kinds.receiver);
    if seen.meta.deleting {
        let released = finalizer::release(cluster, leadership, kind, &seen.meta).await;
        return later(&seen, released);
    }
    match finalizer::add(cluster, leadership, kind, &seen.meta).await {
        Ok(written) => {
            let written = written.and_then(|object| SeenReceiver::parse(object.as_value()));
            seen = written.unwrap_or(seen);
        }
        Err(error) => return later(&seen, Err(error)),
    }
    let found = look(context, &seen).await.map(Arc::new);
    if let Ok(route) = &found {
        // Without the task the agent is about to end.
        let _ = opened.send(Arc::clone(route));
    }
    if let Ok(route) = &found
        && route.spec.suspend
    {
        return Outcome {
            is_open: true,
            ..Outcome::default()
        };
    }
    let found = found.as_deref();
    let object = conclude(context, leadership, &seen, found).await;
    let interval = seen.spec.as_ref().map(ReceiverSpec::effective_interval);
    let again = match &found {
        Ok(_) => interval.ok(),
        Err(problem) => (!problem.stalled).then_some(AGAIN),
    };
    Outcome {
        is_open: found.is_ok(),
        object,
        again,
    }
}

fn later(seen: &SeenReceiver, written: Result<(), RequestError>) -> Outcome {
    let error = written.err();
    if let Some(error) = &error {
        let name = &seen.meta.name;
        tracing::warn!(receiver = %name, %error, "the finalizer could not be written; trying again");
    }
    Outcome {
        again: error.map(|_| AGAIN),
        ..Outcome::default()
    }
}

/// Where webhooks lead, or why nowhere.
async fn look(context: &Context, seen: &SeenReceiver) -> Result<Route, Problem> {
    let name = &seen.meta.name;
    let spec = match &seen.spec {
        Ok(spec) => spec.clone(),
        Err(message) => return Err(Problem::terminal(reasons::VALIDATION_FAILED, message)),
    };
    if spec.suspend {
        // Its path is the one that was told last: who comes there learns that it is suspended.
        let mut route = Route::new(name.clone(), spec, Fields::new(), Filters::default());
        route.path = seen.status.webhook_path.clone().unwrap_or_default();
        return Ok(route);
    }
    let filters = Filters::compile(&spec)
        .map_err(|error| Problem::terminal(reasons::INVALID_CEL_EXPRESSION, &chain(&error)))?;
    fits(&spec)
        .map_err(|error| Problem::terminal(reasons::VALIDATION_FAILED, &error.to_string()))?;
    let Some(reference) = &spec.secret_ref else {
        let message = "secretRef is required when type is not generic-oidc";
        return Err(Problem::terminal(reasons::VALIDATION_FAILED, message));
    };
    let secret = format!("{}/{}", name.namespace, reference.name);
    let missing = |message: String| Problem {
        reason: reasons::TOKEN_NOT_FOUND,
        message,
        stalled: false,
    };
    let unread = |error: &str| {
        missing(format!(
            "unable to read token from secret '{secret}' error: {error}"
        ))
    };
    let fields = fields::read(&context.cluster, &name.namespace, &reference.name).await;
    let fields = fields
        .map_err(|error| unread(&error.to_string()))?
        .ok_or_else(|| unread(&format!("secrets {:?} not found", reference.name)))?;
    if fields
        .get("token")
        .is_none_or(|token| token.expose().is_empty())
    {
        return Err(missing(format!(
            "invalid '{secret}' secret data: required fields 'token'"
        )));
    }
    Ok(Route::new(name.clone(), spec, fields, filters))
}

/// Writes what is known now, and publishes an event when that is news.
async fn conclude(
    context: &Context,
    leadership: &Leadership,
    seen: &SeenReceiver,
    found: Result<&Route, &Problem>,
) -> Option<Object> {
    let new = status(seen, found);
    let (cluster, kind) = (&context.cluster, &context.kinds.receiver);
    let (name, statuses) = (&seen.meta.name, (&seen.status, &new));
    let written = crate::status::write(cluster, leadership, kind, name, statuses, MANAGER).await;
    let is_news = matches!(written, Ok(Some(_)));
    if is_news {
        let news = match found {
            Ok(route) => {
                let next = GoDuration(route.spec.effective_interval());
                let message = format!("Reconciliation finished, next run in {next}");
                (EventType::Normal, reasons::SUCCEEDED, message)
            }
            Err(problem) => {
                let reason = if problem.stalled {
                    problem.reason
                } else {
                    reasons::FAILED
                };
                (EventType::Warning, reason, problem.message.clone())
            }
        };
        let object = (names::RECEIVER_API_VERSION, names::RECEIVER);
        let news = announce::event(object, &seen.meta, news, None, MANAGER);
        announce::announce(cluster, leadership, &context.herald, news).await;
        if let Err(problem) = found {
            tracing::warn!(receiver = %name, reason = problem.reason, "{}", problem.message);
        }
    }
    written.unwrap_or_else(|error| {
        tracing::warn!(receiver = %name, %error, "the status could not be written");
        None
    })
}

/// The new status. Equal to the old one when nothing changed, so that nothing is written.
fn status(seen: &SeenReceiver, found: Result<&Route, &Problem>) -> ReceiverStatus {
    let mut status = seen.status.clone();
    let generation = Some(seen.meta.generation);
    let now = Timestamp::now().into();
    let asked = seen.meta.annotation(names::REQUESTED_AT).map(str::to_owned);
    status.last_handled_reconcile_at = asked.or(status.last_handled_reconcile_at);
    let conditions = &mut status.conditions;
    let mut say = |type_: &str, status, reason: &str, message: String| {
        let statement = Statement::new(type_, status, reason, message, generation);
        conditions::set(conditions, statement, now);
    };
    match found {
        Ok(route) => {
            let message = format!("Receiver initialized for path: {}", route.path);
            say(READY, ConditionStatus::True, reasons::SUCCEEDED, message);
            conditions::remove(conditions, RECONCILING);
            conditions::remove(conditions, STALLED);
            status.webhook_path = Some(route.path.clone());
            status.observed_generation = generation;
        }
        Err(problem) if problem.stalled => {
            let (reason, message) = (problem.reason, &problem.message);
            say(READY, ConditionStatus::False, reason, message.clone());
            say(STALLED, ConditionStatus::True, reason, message.clone());
            conditions::remove(conditions, RECONCILING);
            status.observed_generation = generation;
        }
        Err(problem) => {
            let message = problem.message.clone();
            say(READY, ConditionStatus::False, problem.reason, message);
            let message = "Reconciliation in progress".to_owned();
            let reason = reasons::PROGRESSING_WITH_RETRY;
            say(RECONCILING, ConditionStatus::True, reason, message);
            conditions::remove(conditions, STALLED);
            status.webhook_path = None;
        }
    }
    status
}

impl Problem {
    fn terminal(reason: &'static str, error: &str) -> Self {
        Self {
            reason,
            message: format!(
                "Reconciliation failed terminally due to configuration error: {error}"
            ),
            stalled: true,
        }
    }
}
