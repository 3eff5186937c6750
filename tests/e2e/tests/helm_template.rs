//! `windlass helm template` of charts that are not on this machine, beside the real helm.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use windlass_kit::directory::Directory;

use crate::lock_command::Laptop;
use crate::oracle::programs;
use crate::registry_server::{CHART_LAYER, Open, Registry};
use crate::repositories::{Files, index, package};

/// What helm prints of objects; it tells first what it fetches.
fn theirs(program: &Path, arguments: &[&str]) -> Option<String> {
    let home = Directory::new("helm-home");
    let ran = Command::new(program)
        .args(["template", "demo"])
        .args(arguments)
        .env("HOME", home.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    let objects = printed.find("---").map(|start| printed[start..].to_owned());
    objects.filter(|_| ran.status.success())
}

/// Puts a chart where `helm push` puts it: helm takes none without a config of its own.
fn push(registry: &Registry, version: &str, bytes: &[u8]) {
    let name = "charts/web";
    let config = json!({"name": "web", "version": version, "apiVersion": "v2"}).to_string();
    let (layer, digest) = (
        registry.blob(name, bytes),
        registry.blob(name, config.as_bytes()),
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest, "size": config.len()},
        "layers": [{"mediaType": CHART_LAYER, "digest": layer, "size": bytes.len()}],
    });
    registry.manifest((name, version), &manifest);
}

#[test]
fn charts_of_repositories_and_registries_are_the_ones_that_helm_fetches() {
    let (Some(registry), Some(helm)) = (Registry::start(Open::Everybody), programs("helm.sh"))
    else {
        return;
    };
    let helm = helm[0].join("helm");
    let server = Files::start();
    let template = "kind: ConfigMap\nmetadata: {name: v{{ .Chart.Version }}}\n";
    let versions = ["1.0.0", "1.1.0", "2.0.0-rc.1"];
    let packages = versions.map(|version| package(version, template));
    let listed: Vec<(&str, &str)> = versions
        .iter()
        .zip(&packages)
        .map(|(version, (_, digest))| (*version, digest.as_str()))
        .collect();
    server.put("/charts/index.yaml", index(&listed).as_bytes());
    for (version, (bytes, _)) in versions.iter().zip(&packages) {
        server.put(&format!("/charts/web-{version}.tgz"), bytes);
        push(&registry, version, bytes);
    }
    let (url, oci) = (server.url(), registry.url("/charts/web"));
    let file = format!("{url}/web-1.0.0.tgz");
    let laptop = Laptop::with(&[("near", "")]);
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["web", "--repo", &url], Some("v1.1.0")),
        (
            &["web", "--repo", &url, "--version", "~1.0"],
            Some("v1.0.0"),
        ),
        (&["web", "--repo", &url, "--devel"], Some("v2.0.0-rc.1")),
        (&["web", "--repo", &url, "--version", "3.x"], None),
        (&["none", "--repo", &url], None),
        (&[&file], Some("v1.0.0")),
        (&[&oci, "--plain-http"], Some("v1.1.0")),
        (
            &[&oci, "--plain-http", "--version", "1.0.0"],
            Some("v1.0.0"),
        ),
        (&[&oci, "--plain-http", "--version", "3.0.0"], None),
    ];
    for (arguments, expected) in cases {
        let line: Vec<&str> = ["helm", "template", "demo"]
            .iter()
            .chain(*arguments)
            .copied()
            .collect();
        let others = theirs(&helm, arguments);
        match expected {
            None => {
                laptop.fails(&line);
                assert_eq!(others, None, "{arguments:?}");
            }
            Some(name) => {
                let printed = laptop.done(&line);
                assert!(printed.contains(name), "{arguments:?}: {printed}");
                assert_eq!(Some(printed), others, "{arguments:?}");
            }
        }
    }

    // What a chart needs of a repository, of a registry, and of another host than its own.
    let needs = format!(
        "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {{name: web, version: 1.x, repository: '{url}'}}\n"
    );
    let place = Directory::new("app");
    std::fs::create_dir_all(place.join("templates")).unwrap();
    std::fs::write(place.join("Chart.yaml"), &needs).unwrap();
    let app = place.path().display().to_string();
    let printed = laptop.done(&["helm", "template", "demo", &app, "--dependency-update"]);
    assert!(
        printed.contains("# Source: app/charts/web/templates/a.yaml"),
        "{printed}"
    );
    assert_eq!(Some(printed), theirs(&helm, &[&app, "--dependency-update"]));
}
