//! Objects that carry the revision with which they were last written.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;
use windlass_kit::wait;

use crate::house::{House, config_map};
use crate::releases::{CHART, TEXT, by_version, house, reaches, reference};
use crate::tenant::{Tenant, bare_map};

/// It stays when it has run.
const HOOK: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: before, annotations: {helm.sh/hook: \"pre-install,pre-upgrade\"}}
";
const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.house.example}
spec:
  group: house.example
  scope: Namespaced
  names: {kind: Toy, plural: toys}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
";

/// The revision that a ConfigMap carries, and its resourceVersion.
fn carried(tenant: &Tenant, name: &str) -> (Option<String>, String) {
    let found = tenant.admin().get(&tenant.config_map(name)).unwrap();
    let metadata = &found["metadata"];
    let mark = metadata["annotations"]["windlass.dev/revision"].as_str();
    let version = metadata["resourceVersion"].as_str().unwrap();
    (mark.map(str::to_owned), version.to_owned())
}

fn mark_revision(tenant: &Tenant, value: &str) {
    let annotations = json!({"metadata": {"annotations": {"windlass.dev/mark-revision": value}}});
    tenant.admin().patch(&tenant.reference("app"), &annotations);
}

#[test]
fn objects_carry_the_revision_that_wrote_them_where_that_is_asked_for() {
    let files = [
        ("app/one.yaml", &*bare_map("one", "1")),
        ("app/two.yaml", &bare_map("two", "1")),
    ];
    let mut tenant = Tenant::start("marks", &files);
    let namespace = json!({"targetNamespace": tenant.namespace});
    tenant.kustomize("app", namespace);
    tenant.ready("app");
    assert_eq!(carried(&tenant, "one").0, None, "as in Flux");

    mark_revision(&tenant, "Enabled");
    let second = tenant.push(&[("app/one.yaml", &bare_map("one", "2"))], "One");
    tenant.applied("app", &second);
    let revision = Some(format!("main@sha1:{second}"));
    assert_eq!(carried(&tenant, "one").0, revision);
    let untouched = carried(&tenant, "two");
    assert_eq!(untouched.0, None, "nothing is written for its mark alone");

    let third = tenant.push(&[("app/two.yaml", &bare_map("two", "3"))], "Two");
    tenant.applied("app", &third);
    assert_eq!(
        carried(&tenant, "one").0,
        revision,
        "it is as the second left it"
    );
    assert_ne!(carried(&tenant, "two").1, untouched.1);

    let one = tenant.config_map("one");
    let forged =
        json!({"metadata": {"annotations": {"windlass.dev/revision": "main@sha1:forged"}}});
    tenant.admin().patch(&one, &forged);
    let third = format!("main@sha1:{third}");
    wait::until(
        "the forged mark to be put back",
        std::time::Duration::from_secs(20),
        || match carried(&tenant, "one").0 {
            Some(mark) if mark == third => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
}

#[test]
fn a_mark_is_no_difference_to_whoever_compares() {
    let mut tenant = Tenant::start("marked", &[("app/one.yaml", &bare_map("one", "1"))]);
    let namespace = json!({"targetNamespace": tenant.namespace});
    tenant.kustomize("app", namespace);
    mark_revision(&tenant, "enabled");
    let commit = tenant.push(&[("app/one.yaml", &bare_map("one", "2"))], "One");
    tenant.applied("app", &commit);
    let marked = carried(&tenant, "one");
    assert_eq!(marked.0, Some(format!("main@sha1:{commit}")));
    // What the owner says changes, so every object is looked at anew, and none is written.
    let spec: Value = json!({"spec": {"commonMetadata": {"annotations": {}}, "force": true}});
    tenant.admin().patch(&tenant.reference("app"), &spec);
    let next = tenant.push(&[("other.txt", "")], "Elsewhere");
    tenant.applied("app", &next);
    assert_eq!(carried(&tenant, "one"), marked);
}

/// The mark of an object of a chart.
fn mark_of(house: &House, object: &ObjectRef) -> Option<String> {
    let found = house.admin().get(object).unwrap();
    let mark = found["metadata"]["annotations"]["windlass.dev/revision"].as_str();
    mark.map(str::to_owned)
}

#[test]
fn objects_of_a_release_carry_the_chart_that_made_them_where_that_is_asked_for() {
    let with = |name: &str, serverside: &str| {
        let how = json!({"serverSideApply": serverside, "crds": "CreateReplace"});
        by_version(name, &json!({"values": {"text": "one"}, "upgrade": how}))
    };
    let releases = [with("server", "enabled"), with("client", "disabled")].join("\n---\n");
    let hook = HOOK.replace("before", "before-{{ .Release.Name }}");
    let files = [
        ("cluster/releases.yaml", &*releases),
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/templates/text.yaml", TEXT),
        ("charts/web/templates/hook.yaml", &hook),
    ];
    let mut house = house(&Options::api_server(), &files);
    let names = ["server", "client"];
    for name in names {
        reaches(&house, name, "InstallSucceeded", 1);
        assert_eq!(mark_of(&house, &config_map("flux-system", name)), None);
    }
    let asked = r#""metadata":{"annotations":{"windlass.dev/mark-revision":"enabled"},"#;
    let marked = releases.replace(r#""metadata":{"#, asked);
    house.push(&[("cluster/releases.yaml", &marked)], "Ask for marks");
    for name in names {
        let admin = house.admin();
        admin.wait_for("the annotation", &reference(name), |object| {
            !object["metadata"]["annotations"].is_null()
        });
    }
    let files = [
        ("charts/web/Chart.yaml", &*CHART.replace("1.2.3", "1.2.4")),
        ("charts/web/crds/toys.yaml", DEFINITION),
        (
            "charts/web/templates/text.yaml",
            &TEXT.replace("quote", "upper | quote"),
        ),
    ];
    house.push(&files, "Another version of the chart");
    let chart = Some("web@1.2.4".to_owned());
    for name in names {
        reaches(&house, name, "UpgradeSucceeded", 2);
        assert_eq!(mark_of(&house, &config_map("flux-system", name)), chart);
        let hook = config_map("flux-system", &format!("before-{name}"));
        assert_eq!(mark_of(&house, &hook), chart);
    }
    let definition = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let definition = ObjectRef::new(definition.0, definition.1, "", "toys.house.example");
    assert_eq!(mark_of(&house, &definition), chart);
}
