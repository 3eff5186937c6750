//! HelmCharts out of a signed Git repository.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;

use crate::house::{GIT_REPOSITORY, House};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

/// A house whose root applies `cluster/` only.
pub(crate) fn house(files: &[(&str, &str)]) -> House {
    House::start_with(&Options::api_server(), files, |agent| {
        agent.set("root", "path", "./cluster");
    })
}

pub(crate) fn chart(name: &str, spec: &Value) -> String {
    let mut object = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "chart": "./charts/web", "interval": "1h",
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    });
    let fields = spec.as_object().cloned().unwrap_or_default();
    object["spec"].as_object_mut().unwrap().extend(fields);
    object.to_string()
}

pub(crate) fn reference(name: &str) -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "HelmChart", "flux-system", name)
}

pub(crate) fn condition<'o>(object: &'o Value, kind: &str) -> Option<&'o Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// Waits until the Ready condition has this reason, and gives the object.
pub(crate) fn reason(house: &House, name: &str, reason: &str) -> Value {
    let what = format!("HelmChart {name} to be {reason}");
    house.admin().wait_for(&what, &reference(name), |object| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == reason)
    })
}

pub(crate) fn revision(house: &House, name: &str, revision: &str) -> Value {
    let what = format!("HelmChart {name} to have revision {revision}");
    house.admin().wait_for(&what, &reference(name), |object| {
        object["status"]["artifact"]["revision"] == revision
    })
}

fn commit_in_use(house: &House, name: &str, commit: &str) -> Value {
    let what = format!("HelmChart {name} to have seen {commit}");
    house.admin().wait_for(&what, &reference(name), |object| {
        let seen = object["status"]["observedSourceArtifactRevision"].as_str();
        seen.is_some_and(|seen| seen.ends_with(commit))
    })
}

#[test]
fn a_chart_of_a_verified_revision_is_packaged_and_stays_until_its_version_moves() {
    let mut house = house(&[
        ("cluster/chart.yaml", &chart("web", &json!({}))),
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/templates/a.yaml", "a: one\n"),
    ]);
    let object = reason(&house, "web", "ChartPackageSucceeded");
    let ready = condition(&object, "Ready").unwrap();
    assert_eq!(ready["status"], "True");
    assert_eq!(
        ready["message"],
        "packaged 'web' chart with version '1.0.0'"
    );
    let status = &object["status"];
    assert_eq!(status["observedChartName"], "web");
    let artifact = &status["artifact"];
    assert_eq!(artifact["revision"], "1.0.0");
    assert_eq!(artifact["path"], "helmchart/flux-system/web/web-1.0.0.tgz");
    assert_eq!(
        status["observedGeneration"],
        object["metadata"]["generation"]
    );

    // The same version is the same chart, as in Flux.
    let commit = house.push(&[("charts/web/templates/a.yaml", "a: two\n")], "Change it");
    let same = commit_in_use(&house, "web", &commit);
    assert_eq!(same["status"]["artifact"]["digest"], artifact["digest"]);

    let next = CHART.replace("1.0.0", "1.1.0");
    house.push(&[("charts/web/Chart.yaml", &next)], "Release it");
    let moved = revision(&house, "web", "1.1.0");
    assert_ne!(moved["status"]["artifact"]["digest"], artifact["digest"]);

    // What cannot be packaged leaves the last chart in use.
    house.push(&[("charts/web/Chart.yaml", "name: web\n")], "Break it");
    let broken = reason(&house, "web", "InvalidChartReference");
    let message = condition(&broken, "Ready").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(
        message.contains("chart.metadata.version is required"),
        "{message}"
    );
    assert_eq!(broken["status"]["artifact"], moved["status"]["artifact"]);
    assert_eq!(condition(&broken, "Stalled").unwrap()["status"], "True");

    // A restart without Git finds what was packaged before.
    house.agent.stop();
    house.git.stop();
    house.agent.start();
    house.root_ready();
    let kept = house.admin().get(&reference("web")).unwrap();
    assert_eq!(kept["status"]["artifact"], moved["status"]["artifact"]);
}

#[test]
fn each_revision_makes_a_chart_where_that_is_asked_for_and_values_files_count() {
    let spec = json!({"reconcileStrategy": "Revision", "valuesFiles": ["env/prod.yaml"]});
    let mut house = house(&[
        ("cluster/chart.yaml", &chart("web", &spec)),
        ("charts/web/Chart.yaml", CHART),
        ("env/prod.yaml", "replicas: 3\n"),
    ]);
    let object = reason(&house, "web", "ChartPackageSucceeded");
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    let first = object["status"]["artifact"]["digest"].clone();
    let message = condition(&object, "Ready").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(
        message.ends_with("and merged values files [env/prod.yaml]"),
        "{message}"
    );
    let commit = house.push(&[("env/prod.yaml", "replicas: 4\n")], "Scale it");
    let short = commit.get(..12).unwrap();
    let moved = revision(&house, "web", &format!("1.0.0+{short}.{generation}"));
    assert_ne!(moved["status"]["artifact"]["digest"], first);

    let missing = chart(
        "other",
        &json!({"sourceRef": {"kind": "GitRepository", "name": "none"}}),
    );
    house.push(&[("cluster/other.yaml", &missing)], "Point elsewhere");
    let object = reason(&house, "other", "SourceUnavailable");
    let message = condition(&object, "FetchFailed").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(
        message.contains("GitRepository 'flux-system/none' not found"),
        "{message}"
    );
}
