//! The reference pages: every example is what the API server takes, and every field has its line.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use crate::house::{GIT_REPOSITORY, KUSTOMIZATION, namespace};
use crate::tenant::{bare_map, shared};

const PAGES: [(&str, &str, &str, &str); 3] = [
    (
        include_str!("../../../docs/reference/helmrelease.md"),
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        "helmreleases.helm.toolkit.fluxcd.io",
    ),
    (
        include_str!("../../../docs/reference/kustomization.md"),
        KUSTOMIZATION,
        "Kustomization",
        "kustomizations.kustomize.toolkit.fluxcd.io",
    ),
    (
        include_str!("../../../docs/reference/gitrepository.md"),
        GIT_REPOSITORY,
        "GitRepository",
        "gitrepositories.source.toolkit.fluxcd.io",
    ),
];

/// The YAML blocks of a page.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The name of the object in an example.
fn name(example: &str) -> &str {
    let line = example.lines().find(|line| line.starts_with("  name: "));
    line.unwrap().trim_start_matches("  name: ")
}

#[test]
fn every_example_is_accepted_strictly_and_the_first_ones_work_together() {
    let house = shared();
    let admin = house.admin();
    let here = "apps";
    admin.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": here}}));
    let mut repo = windlass_kit::repo::Repo::new(&house.git.create("reference.git"));
    let map = bare_map("app", "one").replace("metadata:\n", "metadata:\n  namespace: apps\n");
    repo.publish(&[("apps/map.yaml", &map)], "Begin", &house.signer);
    let url = house.git.url("reference.git");
    for (page, api_version, kind, _) in PAGES.iter().rev() {
        assert!(examples(page).len() > 1);
        for example in examples(page) {
            let reference = ObjectRef::new(api_version, kind, here, name(example));
            let path = admin.path(&reference);
            let path = format!("{path}?fieldManager=reference&force=true&fieldValidation=Strict");
            let text = example.replace("https://git.example/house.git", &url);
            let media = "application/apply-patch+yaml";
            let answer = admin
                .try_request("PATCH", &path, media, text.as_bytes())
                .unwrap();
            assert!(answer.status < 300, "{example}\n{answer:?}");
        }
    }
    admin.wait_ready(
        &ObjectRef::new(GIT_REPOSITORY, "GitRepository", here, "house"),
        "True",
    );
    admin.wait_ready(
        &ObjectRef::new(KUSTOMIZATION, "Kustomization", here, "apps"),
        "True",
    );
    for (page, api_version, kind, _) in PAGES {
        for example in examples(page) {
            admin.delete(&ObjectRef::new(api_version, kind, here, name(example)));
        }
    }
    admin.delete(&namespace(here));
}

#[test]
fn every_field_of_a_spec_has_its_line() {
    for (page, _, kind, definition) in PAGES {
        let definition = ObjectRef::new(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "",
            definition,
        );
        let definition = shared().admin().get(&definition).unwrap();
        let place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = definition
            .pointer(place)
            .and_then(Value::as_object)
            .unwrap();
        assert!(fields.len() > 10);
        for field in fields.keys() {
            let said = page.contains(&format!("`spec.{field}`"));
            assert!(said, "the page of {kind} says nothing of spec.{field}");
        }
    }
}
