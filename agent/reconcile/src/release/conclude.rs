//! The end of a pass: status, events, and when to look again.

use std::sync::Arc;
use std::time::Duration;

use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, names, reasons};

use super::course::Course;
use super::settled::Settled;
use super::{End, Outcome, act, report, summary};
use crate::kustomization::Next;
use crate::work::error::{Class, StageError};

/// How soon a pass is tried again whose status could not be written, or that had no time left in the term.
const SOON: Duration = Duration::from_secs(5);

/// Makes status, events and outcome of what the stages came to.
pub(super) async fn conclude(mut course: Course<'_>, result: Result<End, StageError>) -> Outcome {
    let pass = course.pass;
    if let Err(error) = &result
        && act::ends_the_pass(error)
    {
        let next = match error.class {
            Class::Gone => Next::Never,
            Class::Overtaken => Next::Now,
            _ => Next::In(SOON),
        };
        return Outcome {
            kept: course.kept(),
            object: course.object,
            ..Outcome::quiet(next)
        };
    }
    let news = match &result {
        Ok(end) => {
            settle(&mut course, *end);
            None
        }
        Err(error) => fail(&mut course, error),
    };
    note_requests(&mut course);
    if let Some((kind, reason, message)) = news {
        report::publish(&course, kind, reason, message).await;
    }
    let saved = course.save().await;
    if let Err(error) = &saved {
        tracing::warn!(release = %pass.name, %error, "the status could not be written");
    }
    let error = result.as_ref().err();
    let settled = match &course.settled {
        Some(known) => Some(Arc::clone(known)),
        None => Settled::of(&course).map(Arc::new),
    };
    let ready = conditions::is_true(&course.status.conditions, conditions::READY);
    Outcome {
        next: match &result {
            _ if saved.is_err() => Next::In(SOON),
            Ok(End::InSync) => Next::In(pass.spec.interval.0),
            Ok(End::Again(None)) => Next::In(pass.spec.interval.0),
            Ok(End::Again(Some(wait))) => Next::In(*wait),
            Err(error) => next(&course, error),
        },
        kept: course.kept(),
        settled: settled.filter(|_| saved.is_ok()),
        object: course.object,
        blocked: error.is_some_and(|error| error.reason == reasons::DEPENDENCY_NOT_READY),
        awaits_kind: error.is_some_and(|error| error.class == Class::KindMissing),
        failed: match &result {
            Ok(end) => *end == End::Again(None),
            Err(error) => error.class == Class::Retry,
        },
        regular: pass.at_interval && matches!(result, Ok(End::InSync)),
        ready,
    }
}

fn settle(course: &mut Course<'_>, end: End) {
    match end {
        End::InSync => course.status.observed_generation = Some(course.pass.meta.generation),
        End::Again(_) => keep_on(course),
    }
}

/// Says that it goes on, with what is in the way.
fn keep_on(course: &mut Course<'_>) {
    let ready = conditions::get(&course.status.conditions, conditions::READY);
    let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
    let (status, reason) = (ConditionStatus::True, reasons::PROGRESSING_WITH_RETRY);
    course.mark(conditions::RECONCILING, status, reason, message);
    course.unmark(conditions::STALLED);
}

/// States what is wrong; gives the event, if that is news.
fn fail(
    course: &mut Course<'_>,
    error: &StageError,
) -> Option<(report::Kind, &'static str, String)> {
    let pass = course.pass;
    let (reason, message) = (error.reason, pass.hidden.clean(&error.message));
    let before = conditions::get(&pass.status.conditions, conditions::READY).cloned();
    let about_release = matches!(
        reason,
        reasons::RETRIES_EXCEEDED | reasons::MISSING_ROLLBACK_TARGET
    );
    if about_release {
        // Ready says what failed; Stalled says that it is not tried any more.
        summary::summarize(course);
    } else {
        course.mark(
            conditions::READY,
            ConditionStatus::False,
            reason,
            message.clone(),
        );
    }
    if error.class == Class::Stalled {
        course.mark(
            conditions::STALLED,
            ConditionStatus::True,
            reason,
            message.clone(),
        );
        course.unmark(conditions::RECONCILING);
        course.status.observed_generation = Some(pass.meta.generation);
    } else {
        keep_on(course);
    }
    let told = matches!(reason, reasons::INSTALL_FAILED | reasons::UPGRADE_FAILED);
    let stalled = conditions::get(&pass.status.conditions, conditions::STALLED);
    let known = [before.as_ref(), stalled].into_iter().flatten();
    let is_new = known
        .into_iter()
        .all(|known| (known.reason.as_str(), &known.message) != (reason, &message));
    // Waiting is the order of things.
    let waits = matches!(
        reason,
        reasons::DEPENDENCY_NOT_READY | reasons::SOURCE_NOT_READY
    );
    let kind = if waits {
        report::Kind::Normal
    } else {
        report::Kind::Warning
    };
    (is_new && !told).then_some((kind, reason, message))
}

fn note_requests(course: &mut Course<'_>) {
    let pass = course.pass;
    let asked = pass.meta.annotation(names::REQUESTED_AT).map(str::to_owned);
    if asked.is_some() {
        course.status.last_handled_reconcile_at = asked;
    }
    if let Some(reset) = pass.asked_with(names::RESET_AT) {
        course.status.last_handled_reset_at = Some(reset.to_owned());
    }
    if let Some(force) = pass.asked_with(names::FORCE_AT) {
        course.status.last_handled_force_at = Some(force.to_owned());
    }
}

fn next(course: &Course<'_>, error: &StageError) -> Next {
    match error.class {
        Class::Waiting(at_most) | Class::WebhookSilent(at_most) => Next::In(at_most),
        Class::Stalled | Class::Retry | Class::Held | Class::KindMissing => {
            Next::In(course.pass.spec.interval.0)
        }
        Class::Overtaken => Next::Now,
        Class::NotLeading => Next::In(SOON),
        Class::Gone => Next::Never,
    }
}
