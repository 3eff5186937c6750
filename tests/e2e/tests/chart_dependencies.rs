//! Charts of a source that need charts of repositories and registries.

use serde_json::{Value, json};
use windlass_helm::{Chart, load_archive};

use crate::charts::{chart, condition, house, reason, reference};
use crate::house::House;
use crate::registry_server::{CHART_LAYER, Open, Registry};
use crate::repositories::{Files, index, package, repository};

fn parent(repository: &str, range: &str) -> String {
    let needed = json!([{"name": "web", "version": range, "repository": repository}]);
    json!({"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": needed})
        .to_string()
}

/// A HelmChart of `charts/app` that each revision makes anew.
fn app() -> String {
    chart(
        "app",
        &json!({"chart": "./charts/app", "reconcileStrategy": "Revision"}),
    )
}

/// Waits until a commit is packaged, and gives the chart.
fn packaged(house: &House, commit: &str) -> Chart {
    let what = format!("{commit} to be packaged");
    let object = house.admin().wait_for(&what, &reference("app"), |object| {
        let revision = object["status"]["artifact"]["revision"].as_str();
        revision.is_some_and(|revision| revision.ends_with(&commit[..12]))
    });
    let digest = object["status"]["artifact"]["digest"].as_str().unwrap();
    let hex = digest.strip_prefix("sha256:").unwrap();
    let bytes = std::fs::read(house.agent.state().join("blobs").join(hex)).unwrap();
    load_archive(&bytes).unwrap()
}

/// What the template of the chart that is needed says.
fn needed(chart: &Chart) -> &str {
    assert_eq!(chart.dependencies.len(), 1);
    std::str::from_utf8(&chart.dependencies[0].templates[0].data).unwrap()
}

fn says(house: &House, name: &str, part: &str) -> Value {
    let what = format!("the HelmChart to say {part}");
    house.admin().wait_for(&what, &reference("app"), |object| {
        let ready = condition(object, "Ready");
        ready.is_some_and(|ready| {
            ready["reason"] == name && ready["message"].as_str().unwrap().contains(part)
        })
    })
}

#[test]
fn what_a_chart_needs_of_a_repository_is_fetched_once_and_held_to_its_first_bytes_or_its_pin() {
    let server = Files::start();
    let (one, one_digest) = package("1.0.0", "a: one\n");
    server.put(
        "/charts/index.yaml",
        index(&[("1.0.0", &one_digest)]).as_bytes(),
    );
    server.put("/charts/web-1.0.0.tgz", &one);
    let url = server.url();
    let mut house = house(&[
        ("charts/app/Chart.yaml", &parent(&url, "^1.0.0")),
        ("cluster/chart.yaml", &app()),
    ]);
    reason(&house, "app", "ChartPackageSucceeded");
    assert_eq!(
        needed(&packaged(&house, &house.repo.id("HEAD"))),
        "a: one\n"
    );
    let seen = server.take_seen();
    assert_eq!(seen.len(), 2, "the index and the package: {seen:?}");
    assert!(
        !seen.iter().any(|head| head.contains("authorization")),
        "{seen:?}"
    );

    // Other bytes of the same version are held.
    let (two, two_digest) = package("1.0.0", "a: two\n");
    server.put(
        "/charts/index.yaml",
        index(&[("1.0.0", &two_digest)]).as_bytes(),
    );
    server.put("/charts/web-1.0.0.tgz", &two);
    house.push(&[("charts/app/values.yaml", "a: 1\n")], "Another revision");
    let held = says(&house, "DependencyBuildError", &two_digest);
    let message = condition(&held, "Ready").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(
        message.contains(&one_digest) && message.contains("'web'"),
        "{message}"
    );

    // The pin beside the chart says otherwise.
    let lock = format!(
        "version = 1\n[[chart]]\nrepository = \"{url}\"\nname = \"web\"\nversion = \"1.0.0\"\n\
         digest = \"sha256:{two_digest}\"\n"
    );
    let commit = house.push(&[("windlass.lock", &lock)], "Pin the other");
    assert_eq!(needed(&packaged(&house, &commit)), "a: two\n");

    // With the version written out nobody is asked any more.
    server.clear();
    server.take_seen();
    let locked = json!({"dependencies": [{"name": "web", "version": "1.0.0", "repository": url}]});
    let files = [
        ("charts/app/Chart.lock", locked.to_string()),
        ("charts/app/values.yaml", "a: 2\n".to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let commit = house.push(&files, "Lock the version");
    assert_eq!(needed(&packaged(&house, &commit)), "a: two\n");
    assert_eq!(server.take_seen(), Vec::<String>::new());

    house.agent.stop();
    house.agent.set("remote", "unpinned_artifacts", "refuse");
    house.agent.start();
    house.root_ready();
    house.push(&[("windlass.lock", "version = 1\n")], "Take the pin out");
    says(&house, "DependencyBuildError", "[[chart]]");
}

#[test]
fn what_a_chart_needs_of_a_registry_is_asked_with_what_its_helmrepository_says() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let (one, _) = package("1.2.0", "a: one\n");
    registry.push(("charts/web", "1.2.0"), CHART_LAYER, &one);
    let url = registry.url("/charts");
    // Without the HelmRepository it is asked with TLS, which it has not.
    let mut house = house(&[
        ("charts/app/Chart.yaml", &parent(&url, "1.x")),
        ("cluster/chart.yaml", &app()),
    ]);
    says(
        &house,
        "DependencyBuildError",
        "failed to add dependency 'web'",
    );
    let object = repository(&url, &json!({"type": "oci", "insecure": true}));
    let commit = house.push(&[("cluster/repository.yaml", &object)], "Name the registry");
    assert_eq!(needed(&packaged(&house, &commit)), "a: one\n");
    let bad = parent("ftp://127.0.0.1/charts", "1.x");
    house.push(&[("charts/app/Chart.yaml", &bad)], "Name no repository");
    says(
        &house,
        "DependencyBuildError",
        "https://, http:// or oci://",
    );
}
