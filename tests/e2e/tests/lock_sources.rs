//! `windlass lock --sources`: what the sources, releases and charts of a repository take of real servers.

use serde_json::{Value, json};

use crate::house::GIT_REPOSITORY;
use crate::lock_command::Laptop;
use crate::registry_server::{CHART_LAYER, Open, Registry};
use crate::repositories::{Files, index, package};

fn object(kind: &str, name: &str, spec: &Value) -> String {
    let api = match kind {
        "HelmRelease" => "helm.toolkit.fluxcd.io/v2",
        _ => GIT_REPOSITORY,
    };
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}).to_string()
}

fn of(repository: &str, range: &str) -> Value {
    let source = json!({"kind": "HelmRepository", "name": repository});
    json!({"chart": "web", "version": range, "sourceRef": source})
}

/// The pins of charts, as repository, version and digest.
fn charts(laptop: &Laptop) -> Vec<(String, String, String)> {
    let written = laptop.lock_file();
    let tables = written
        .split("[[")
        .filter_map(|table| table.strip_prefix("chart]]\n"));
    let field = |table: &str, name: &str| {
        let mut lines = table.lines();
        let value = lines.find_map(|line| line.strip_prefix(&format!("{name} = ")));
        value.unwrap().trim_matches('"').to_owned()
    };
    let pin = |table| {
        let [repository, version, digest] =
            ["repository", "version", "digest"].map(|name| field(table, name));
        (repository, version, digest)
    };
    tables.map(pin).collect()
}

#[test]
fn what_sources_and_charts_take_of_elsewhere_is_pinned_where_that_is_asked_for() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let server = Files::start();
    let packages = ["1.0.0", "1.1.0", "1.2.0"].map(|version| package(version, "a: one\n"));
    let put = |count: usize| {
        let versions: Vec<(&str, &str)> = ["1.0.0", "1.1.0", "1.2.0"]
            .into_iter()
            .zip(&packages)
            .map(|(version, (_, digest))| (version, digest.as_str()))
            .take(count)
            .collect();
        server.put("/charts/index.yaml", index(&versions).as_bytes());
        for ((version, _), (bytes, _)) in versions.iter().zip(&packages) {
            server.put(&format!("/charts/web-{version}.tgz"), bytes);
        }
    };
    put(2);
    let (of_registry, registry_digest) = package("2.1.0+x", "a: two\n");
    registry.push(("charts/web", "2.1.0_x"), CHART_LAYER, &of_registry);
    let (manifest, _) = registry.push(("house/app", "main"), CHART_LAYER, &of_registry);
    for tag in ["1.0.0-arm", "1.1.0-amd", "1.2.0-amd-debug"] {
        let (bytes, _) = package(tag, "a: three\n");
        registry.push(("house/filtered", tag), CHART_LAYER, &bytes);
    }
    let (amd, _) = registry.push(
        ("house/filtered", "1.1.0-amd"),
        CHART_LAYER,
        &package("1.1.0-amd", "a: three\n").0,
    );
    let (url, oci) = (server.url(), registry.url("/charts"));
    let needed = json!([{"name": "web", "version": "1.0.0", "repository": url}]);
    let app =
        json!({"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": needed});
    let insecure = json!({"url": oci, "type": "oci", "insecure": true});
    let artifact =
        json!({"url": registry.url("/house/app"), "insecure": true, "ref": {"tag": "main"}});
    let filtered = json!({"url": registry.url("/house/filtered"), "insecure": true,
        "ref": {"semver": ">=1.0.0-0", "semverFilter": "-amd$"}});
    let files = [
        (
            "a/http.yaml",
            object("HelmRepository", "http", &json!({"url": url})),
        ),
        ("a/oci.yaml", object("HelmRepository", "oci", &insecure)),
        ("a/artifact.yaml", object("OCIRepository", "app", &artifact)),
        (
            "a/filtered.yaml",
            object("OCIRepository", "filtered", &filtered),
        ),
        (
            "a/bucket.yaml",
            object(
                "Bucket",
                "files",
                &json!({"endpoint": "h", "bucketName": "b"}),
            ),
        ),
        (
            "b/release.yaml",
            object(
                "HelmRelease",
                "web",
                &json!({"chart": {"spec": of("http", "1.x")}}),
            ),
        ),
        (
            "b/chart.yaml",
            object("HelmChart", "web", &of("oci", "2.x")),
        ),
        ("charts/app/Chart.yaml", app.to_string()),
        ("charts/app/templates/x.yaml", "{{ nonsense".to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let laptop = Laptop::with(&files);
    laptop.done(&["lock"]);
    assert_eq!(laptop.lock_file(), "");
    assert!(
        laptop
            .fails(&["lock", "--check", "--sources"])
            .contains("not pinned")
    );

    laptop.done(&["lock", "--sources"]);
    let digest = |at: usize| format!("sha256:{}", packages[at].1);
    let pin =
        |url: &str, version: &str, digest: String| (url.to_owned(), version.to_owned(), digest);
    let two = pin(&oci, "2.1.0+x", format!("sha256:{registry_digest}"));
    let mut expected = vec![
        pin(&url, "1.0.0", digest(0)),
        pin(&url, "1.1.0", digest(1)),
        two.clone(),
    ];
    expected.sort();
    assert_eq!(charts(&laptop), expected);
    let written = laptop.lock_file();
    assert!(
        written.contains(&format!("ref = \"main\"\ndigest = \"{manifest}\"")),
        "{written}"
    );
    assert!(
        written.contains(&format!("ref = \">=1.0.0-0\"\ndigest = \"{amd}\"")),
        "{written}"
    );
    laptop.done(&["lock", "--check", "--sources"]);

    // What is pinned stays, whatever is new, until somebody asks anew.
    put(3);
    laptop.done(&["lock", "--sources"]);
    laptop.done(&["lock"]);
    assert_eq!(laptop.lock_file(), written);
    laptop.done(&["lock", "--sources", "--update"]);
    let mut expected = vec![
        pin(&url, "1.0.0", digest(0)),
        pin(&url, "1.2.0", digest(2)),
        two,
    ];
    expected.sort();
    assert_eq!(charts(&laptop), expected);

    // Bytes that are not as the index says are not pinned.
    laptop.write(&[("b/chart.yaml", "")]);
    server.put("/charts/web-1.2.0.tgz", b"something else");
    let said = laptop.fails(&["lock", "--sources", "--update"]);
    assert!(said.contains("its index says"), "{said}");
    let said = laptop.fails(&["lock", "--check", "--sources"]);
    assert!(
        said.contains("not used") && said.contains("2.1.0+x"),
        "{said}"
    );
}
