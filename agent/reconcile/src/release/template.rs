//! `spec.chart`: the HelmChart that is made for a release, and taken away with it.

use serde_json::{Value, json};
use windlass_api::helm_chart::DEFAULT_VERSION;
use windlass_api::helm_release::{HelmChartTemplate, HelmReleaseSpec};
use windlass_api::{names, reasons};
use windlass_cluster::{ApplyOptions, Authority, ErrorClass, Preconditions, Propagation};
use windlass_object::Object;

use super::course::Course;
use crate::named::Named;
use crate::seen::SeenHelmChart;
use crate::work::error::StageError;

/// How soon a HelmChart that was just written is looked for, if no event tells of it.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The name of the HelmChart that is made for a HelmRelease; none where it refers to one.
pub(crate) fn chart_name(name: &Named, spec: &HelmReleaseSpec) -> Option<Named> {
    let template = spec.chart.as_ref()?;
    let namespace = template.spec.source_ref.namespace.as_deref();
    let namespace = namespace.unwrap_or(&name.namespace);
    let chart = format!("{}-{}", name.namespace, name.name);
    Some(Named::new(namespace, &chart))
}

/// Reads the name that the status holds.
pub(crate) fn made(status: Option<&str>) -> Option<Named> {
    let (namespace, name) = status?.split_once('/')?;
    Some(Named::new(namespace, name))
}

/// Makes the HelmChart what the spec says; one that the spec does not name any more goes.
///
/// # Errors
/// It could not be written; or it was, and has to be looked at anew first.
pub(super) async fn reconcile(course: &mut Course<'_>) -> Result<(), StageError> {
    let pass = course.pass;
    let wanted = chart_name(&pass.name, &pass.spec);
    let before = made(course.status.helm_chart.as_deref());
    if before.is_some() && before != wanted {
        remove(course).await?;
    }
    let (Some(name), Some(template)) = (wanted, &pass.spec.chart) else {
        return Ok(());
    };
    let chart = object(&pass.name, &name, &pass.spec, template)?;
    if pass.made.as_ref().is_some_and(|made| is(made, &chart)) {
        course.status.helm_chart = Some(name.to_string());
        return Ok(());
    }
    pass.may_write()?;
    let options = ApplyOptions {
        manager: names::HELM_CONTROLLER,
        force: true,
    };
    let authority = Authority::Leader(&pass.leadership);
    pass.cluster
        .apply(authority, &pass.charts, &chart, &options)
        .await
        .map_err(|error| {
            let stage = StageError::request(reasons::ARTIFACT_FAILED, &error);
            StageError {
                message: format!("HelmChart '{name}': {}", stage.message),
                ..stage
            }
        })?;
    course.status.helm_chart = Some(name.to_string());
    let message = format!(
        "HelmChart '{name}' is not ready: latest generation of object has not been reconciled"
    );
    Err(StageError::waiting(
        reasons::SOURCE_NOT_READY,
        message,
        LOOK_AGAIN,
    ))
}

/// Deletes the HelmChart that the status names.
pub(super) async fn remove(course: &mut Course<'_>) -> Result<(), StageError> {
    let pass = course.pass;
    let Some(name) = made(course.status.helm_chart.as_deref()) else {
        return Ok(());
    };
    pass.may_write()?;
    let (authority, background) = (Authority::Leader(&pass.leadership), Propagation::Background);
    let (namespace, chart, any) = (&name.namespace, &name.name, Preconditions::default());
    let deleted = pass
        .cluster
        .delete(authority, &pass.charts, namespace, chart, &any, background)
        .await;
    if let Err(error) = deleted
        && error.class() != ErrorClass::NotFound
    {
        let stage = StageError::request(reasons::ARTIFACT_FAILED, &error);
        return Err(StageError {
            message: format!("failed to delete HelmChart '{name}': {}", stage.message),
            ..stage
        });
    }
    course.status.helm_chart = None;
    Ok(())
}

/// The HelmChart as it is applied: with what the API server would fill in, so that the two can be compared.
fn object(
    owner: &Named,
    name: &Named,
    spec: &HelmReleaseSpec,
    template: &HelmChartTemplate,
) -> Result<Object, StageError> {
    let wanted = &template.spec;
    let mut chart = serde_json::to_value(wanted).unwrap_or_default();
    if let Some(fields) = chart.as_object_mut() {
        let source = json!({"kind": wanted.source_ref.kind, "name": wanted.source_ref.name});
        fields.insert("sourceRef".to_owned(), source);
        let interval = wanted.interval.unwrap_or(spec.interval);
        fields.insert("interval".to_owned(), interval.to_string().into());
        for (field, default) in [
            ("reconcileStrategy", "ChartVersion"),
            ("version", DEFAULT_VERSION),
        ] {
            let value = fields.entry(field).or_insert(Value::Null);
            if value.is_null() {
                *value = default.into();
            }
        }
    }
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels;
    labels.insert(names::HELM_OWNER_NAME.to_owned(), owner.name.clone());
    labels.insert(
        names::HELM_OWNER_NAMESPACE.to_owned(),
        owner.namespace.clone(),
    );
    let object = json!({
        "apiVersion": names::SOURCE_API_VERSION,
        "kind": names::HELM_CHART,
        "metadata": {"name": name.name, "namespace": name.namespace, "labels": labels,
            "annotations": metadata.annotations},
        "spec": chart,
    });
    Object::from_value(object)
        .map_err(|error| StageError::retry(reasons::ARTIFACT_FAILED, error.to_string()))
}

/// Whether the HelmChart in the cluster is what would be applied. `suspend` is a person's.
fn is(made: &SeenHelmChart, wanted: &Object) -> bool {
    let Some(wanted_meta) = SeenHelmChart::parse(wanted.as_value()) else {
        return false;
    };
    let (Ok(mut found), Ok(wanted)) = (made.spec.clone(), wanted_meta.spec) else {
        return false;
    };
    found.suspend = wanted.suspend;
    let holds = |found: &std::collections::BTreeMap<String, String>,
                 wanted: &std::collections::BTreeMap<String, String>| {
        wanted
            .iter()
            .all(|(key, value)| found.get(key) == Some(value))
    };
    found == wanted
        && !made.meta.deleting
        && holds(&made.meta.labels, &wanted_meta.meta.labels)
        && holds(&made.meta.annotations, &wanted_meta.meta.annotations)
}
