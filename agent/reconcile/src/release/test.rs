//! The tests of a release.

use std::collections::BTreeMap;

use windlass_api::helm_release::{Snapshot, TestHookStatus};
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, reasons};
use windlass_helm::{HookEvent, Record, Time};
use windlass_plan::release::{self as plan, Action};

use super::course::Course;
use super::{act, hooks, report};
use crate::work::error::StageError;

/// Says that a new revision is about to be tested, where it is.
pub(super) fn await_tests(course: &mut Course<'_>, latest: &Snapshot) {
    let enabled = course
        .pass
        .spec
        .test
        .as_ref()
        .is_some_and(|test| test.enable);
    if !enabled || plan::has_been_tested(latest) {
        return;
    }
    let (name, chart) = (latest.full_name(), latest.chart());
    let message = format!("Helm release {name} with chart {chart} is awaiting tests");
    let (unknown, reason) = (ConditionStatus::Unknown, reasons::AWAITING_TESTS);
    course.mark(conditions::TEST_SUCCESS, unknown, reason, message);
}

/// Runs the tests that the spec chooses.
pub(super) async fn test(course: &mut Course<'_>) -> Result<bool, StageError> {
    let pass = course.pass;
    let Some(mut record) = course.storage()?.last()?.cloned() else {
        return Ok(true);
    };
    let filters = pass
        .spec
        .test
        .as_ref()
        .and_then(|test| test.filters.clone());
    let filters = filters.unwrap_or_default();
    let chosen = |name: &str| {
        let mut included = filters.iter().filter(|filter| !filter.exclude).peekable();
        let excluded = filters
            .iter()
            .any(|filter| filter.exclude && filter.name == name);
        !excluded && (included.peek().is_none() || included.any(|filter| filter.name == name))
    };
    let timeout = act::timeout(&pass.spec, Action::Test);
    let ran = hooks::run_some(course, &mut record, HookEvent::Test, timeout, chosen).await;
    if let Err(error) = &ran
        && act::ends_the_pass(error)
    {
        return ran.map(|()| true);
    }
    course.observe_known(&record, None);
    let noted = tests_of(&record);
    let known = course.status.history.iter_mut();
    let mut known = known.filter(|known| known.version == record.version);
    if let Some(known) = known.next() {
        known.test_hooks = Some(noted.clone());
    }
    conclude(course, &record, noted.len(), ran).await
}

async fn conclude(
    course: &mut Course<'_>,
    record: &Record,
    tests: usize,
    ran: Result<(), StageError>,
) -> Result<bool, StageError> {
    let (name, chart) = (act::full_name(record), act::chart_of(record));
    let (status, reason, kind, message) = match &ran {
        Ok(()) => {
            let what = match tests {
                0 => "no test hooks".to_owned(),
                1 => "1 test hook completed successfully".to_owned(),
                more => format!("{more} test hooks completed successfully"),
            };
            let words =
                format!("Helm test succeeded for release {name} with chart {chart}: {what}");
            (
                ConditionStatus::True,
                reasons::TEST_SUCCEEDED,
                report::Kind::Normal,
                words,
            )
        }
        Err(error) => {
            let why = course.pass.hidden.clean(&error.message);
            let words = format!("Helm test failed for release {name} with chart {chart}: {why}");
            (
                ConditionStatus::False,
                reasons::TEST_FAILED,
                report::Kind::Warning,
                words,
            )
        }
    };
    course.mark(conditions::TEST_SUCCESS, status, reason, message.clone());
    report::publish(course, kind, reason, message).await;
    if ran.is_err() && !ignores_failures(course) {
        plan::count_failure(&mut course.status);
    } else if ran.is_err() {
        course.status.failures += 1;
    }
    Ok(ran.is_ok())
}

fn ignores_failures(course: &Course<'_>) -> bool {
    course
        .pass
        .spec
        .test
        .as_ref()
        .is_some_and(|test| test.ignore_failures)
}

/// How the tests of a revision last ran; those that the filters leave out did not.
fn tests_of(record: &Record) -> BTreeMap<String, Option<TestHookStatus>> {
    let tests = record
        .hooks
        .iter()
        .filter(|hook| hook.is_for(HookEvent::Test) && !hook.last_run.phase.is_empty());
    let noted = tests.map(|hook| {
        let run = &hook.last_run;
        let time = |time: &Option<Time>| time.as_ref().and_then(Time::timestamp).map(Into::into);
        let status = TestHookStatus {
            last_started: time(&run.started_at),
            last_completed: time(&run.completed_at),
            phase: Some(run.phase.clone()).filter(|phase| !phase.is_empty()),
        };
        (hook.name.clone(), Some(status))
    });
    noted.collect()
}
