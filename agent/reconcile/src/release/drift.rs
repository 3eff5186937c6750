//! Foreign changes to the objects of a release: told or undone, where the spec asks for it.

use windlass_api::helm_release::{DriftDetection, DriftDetectionMode, HelmReleaseSpec};
use windlass_api::kustomization::IgnoreRule;
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, names, reasons};
use windlass_helm::Record;
use windlass_object::{Object, ObjectKey};
use windlass_plan::ignore::IgnoreRules;
use windlass_plan::order;

use super::course::Course;
use super::{act, objects, report, settled};
use crate::work::apply;
use crate::work::error::StageError;

/// Whether somebody wants to know of foreign changes.
pub(crate) fn is_wanted(spec: &HelmReleaseSpec) -> bool {
    mode(spec).is_some()
}

fn mode(spec: &HelmReleaseSpec) -> Option<DriftDetectionMode> {
    let mode = spec.drift_detection.as_ref()?.mode?;
    (mode != DriftDetectionMode::Disabled).then_some(mode)
}

/// Reads the rules for fields that are left to others.
pub(super) fn ignored(spec: &HelmReleaseSpec) -> Result<IgnoreRules, String> {
    let rules = spec.drift_detection.as_ref().map(|drift| &drift.ignore);
    let rules = rules.into_iter().flatten();
    let fields: Vec<IgnoreRule> = rules.filter(|rule| !is_whole(rule)).cloned().collect();
    IgnoreRules::compile(&fields).map_err(named)
}

fn named(message: String) -> String {
    message.replacen("spec.ignore", "spec.driftDetection.ignore", 1)
}

/// The empty pointer is the object itself.
fn is_whole(rule: &IgnoreRule) -> bool {
    rule.paths.iter().any(String::is_empty)
}

/// The rules that leave whole objects to others.
fn left_alone(drift: &DriftDetection) -> Result<IgnoreRules, String> {
    let whole = drift.ignore.iter().filter(|rule| is_whole(rule));
    let targets: Vec<IgnoreRule> = whole
        .map(|rule| IgnoreRule {
            paths: Vec::new(),
            ..rule.clone()
        })
        .collect();
    IgnoreRules::compile(&targets).map_err(named)
}

/// Looks whether the objects are as the newest revision made them, and does about it what the spec says. Gives those that are
/// watched from now on; none where something is not as it should be, or cannot be watched.
pub(super) async fn check(course: &mut Course<'_>) -> Result<Option<Vec<ObjectKey>>, StageError> {
    let pass = course.pass;
    let (Some(mode), Some(drift)) = (mode(&pass.spec), &pass.spec.drift_detection) else {
        course.unmark(conditions::DRIFTED);
        return Ok(Some(Vec::new()));
    };
    let Some(record) = course.storage()?.last()?.cloned() else {
        return Ok(None);
    };
    let left_alone = left_alone(drift);
    let left_alone =
        left_alone.map_err(|why| StageError::stalled(reasons::RECONCILE_ERROR, why))?;
    let mut wanted = objects::of_manifest(pass, &record.manifest).await?;
    wanted.retain(|object| !says_hands_off(object) && !left_alone.covers(object));
    let watched = settled::watchable(pass, &wanted).await;
    let right = match mode {
        DriftDetectionMode::Enabled => undo(course, &record, wanted).await?,
        _ => tell(course, &record, wanted).await?,
    };
    Ok(watched.filter(|_| right))
}

fn says_hands_off(object: &Object) -> bool {
    let (key, disabled) = (names::DRIFT_DETECTION, names::DISABLED);
    let said = [object.annotation(key), object.label(key)];
    said.iter()
        .flatten()
        .any(|value| value.eq_ignore_ascii_case(disabled))
}

/// Puts back what is not as it should be; all is, after that.
async fn undo(
    course: &mut Course<'_>,
    record: &Record,
    wanted: Vec<Object>,
) -> Result<bool, StageError> {
    let pass = course.pass;
    let stages = order::stages(wanted);
    let applied = apply::apply(&pass.drift_work(record), &mut course.fence, stages).await;
    let lines: Vec<String> = applied.changes.iter().map(apply::Change::line).collect();
    let name = act::full_name(record);
    if let Some(error) = applied.error {
        if !act::ends_the_pass(&error) {
            let why = &error.message;
            let message = format!("Cluster state of release {name} could not be put back: {why}");
            let (status, reason) = (ConditionStatus::True, reasons::DRIFT_CORRECTION_FAILED);
            course.mark(conditions::DRIFTED, status, reason, message);
        }
        return Err(error);
    }
    if !lines.is_empty() {
        let lines = lines.join("\n");
        let message = format!("Cluster state of release {name} has been corrected:\n{lines}");
        report::publish(
            course,
            report::Kind::Normal,
            reasons::DRIFT_CORRECTED,
            message,
        )
        .await;
    }
    undrifted(course, record);
    Ok(true)
}

/// Says what is not as it should be; gives whether all is.
async fn tell(
    course: &mut Course<'_>,
    record: &Record,
    wanted: Vec<Object>,
) -> Result<bool, StageError> {
    let found = apply::look(&course.pass.drift_work(record), wanted).await?;
    if found.is_empty() {
        undrifted(course, record);
        return Ok(true);
    }
    let lines: Vec<String> = found
        .iter()
        .map(|(key, why)| format!("{key}: {why}"))
        .collect();
    let (name, lines) = (act::full_name(record), lines.join("\n"));
    let message =
        format!("Cluster state of release {name} has drifted from the desired state:\n{lines}");
    let reason = reasons::DRIFT_DETECTED;
    let before = conditions::get(&course.status.conditions, conditions::DRIFTED);
    let is_new = before.is_none_or(|before| before.message != message);
    course.mark(
        conditions::DRIFTED,
        ConditionStatus::True,
        reason,
        message.clone(),
    );
    if is_new {
        report::publish(course, report::Kind::Warning, reason, message).await;
    }
    Ok(false)
}

fn undrifted(course: &mut Course<'_>, record: &Record) {
    let message = format!("No drift detected for release {}", act::full_name(record));
    let (status, reason) = (ConditionStatus::False, reasons::NO_DRIFT_DETECTED);
    course.mark(conditions::DRIFTED, status, reason, message);
}
