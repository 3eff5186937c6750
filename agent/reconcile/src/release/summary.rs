//! Ready, as it follows from the conditions about the release.

use windlass_api::conditions;
use windlass_api::meta::ConditionStatus;

use super::course::Course;

/// States Ready: what undid the release counts before its tests, and those before the release itself.
pub(super) fn summarize(course: &mut Course<'_>) {
    let test = course.pass.spec.test.as_ref();
    let tests = test.is_some_and(|test| test.enable);
    let counts = test.is_some_and(|test| test.enable && !test.ignore_failures);
    if !tests {
        course.unmark(conditions::TEST_SUCCESS);
    }
    let order = [
        conditions::REMEDIATED,
        conditions::TEST_SUCCESS,
        conditions::RELEASED,
    ];
    let mut order = order
        .into_iter()
        .filter(|kind| counts || *kind != conditions::TEST_SUCCESS);
    let found = order.find_map(|kind| conditions::get(&course.status.conditions, kind));
    let Some(found) = found.cloned() else {
        return;
    };
    // What is not known is not ready, and what had to be undone is not what was wanted.
    let ready = found.status == ConditionStatus::True && found.type_ != conditions::REMEDIATED;
    let status = if ready {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    course.mark(conditions::READY, status, &found.reason, found.message);
}
