//! The reference pages: every example is what the API server takes, and every field has its line.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use crate::house::{GIT_REPOSITORY, KUSTOMIZATION, namespace};
use crate::tenant::{bare_map, shared};

/// A page, and the kinds it is about: group and version, kind, definition.
type Page = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
);

const PAGES: [Page; 6] = [
    (
        include_str!("../../../docs/reference/receiver.md"),
        &[(
            "notification.toolkit.fluxcd.io/v1",
            "Receiver",
            "receivers.notification.toolkit.fluxcd.io",
        )],
    ),
    (
        include_str!("../../../docs/reference/alert.md"),
        &[
            (
                "notification.toolkit.fluxcd.io/v1beta3",
                "Alert",
                "alerts.notification.toolkit.fluxcd.io",
            ),
            (
                "notification.toolkit.fluxcd.io/v1beta3",
                "Provider",
                "providers.notification.toolkit.fluxcd.io",
            ),
        ],
    ),
    (
        include_str!("../../../docs/reference/helmrelease.md"),
        &[(
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            "helmreleases.helm.toolkit.fluxcd.io",
        )],
    ),
    (
        include_str!("../../../docs/reference/ocirepository.md"),
        &[(
            GIT_REPOSITORY,
            "OCIRepository",
            "ocirepositories.source.toolkit.fluxcd.io",
        )],
    ),
    (
        include_str!("../../../docs/reference/kustomization.md"),
        &[(
            KUSTOMIZATION,
            "Kustomization",
            "kustomizations.kustomize.toolkit.fluxcd.io",
        )],
    ),
    (
        include_str!("../../../docs/reference/gitrepository.md"),
        &[(
            GIT_REPOSITORY,
            "GitRepository",
            "gitrepositories.source.toolkit.fluxcd.io",
        )],
    ),
];

/// The YAML blocks of a page.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The object in an example, which is of one of the kinds of its page.
fn object(kinds: &[(&str, &str, &str)], example: &str) -> ObjectRef {
    let value = |start: &str| {
        let mut lines = example.lines();
        lines.find_map(|line| line.strip_prefix(start)).unwrap()
    };
    let mut kinds = kinds.iter();
    let (api_version, kind, _) = kinds.find(|(_, kind, _)| value("kind: ") == *kind).unwrap();
    ObjectRef::new(api_version, kind, "apps", value("  name: "))
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
    for (page, kinds) in PAGES.iter().rev() {
        assert!(examples(page).len() > 1);
        for example in examples(page) {
            let path = admin.path(&object(kinds, example));
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
    for (page, kinds) in PAGES {
        for example in examples(page) {
            admin.delete(&object(kinds, example));
        }
    }
    admin.delete(&namespace(here));
}

#[test]
fn every_field_of_a_spec_has_its_line() {
    let pages = PAGES.iter();
    let kinds = pages.flat_map(|(page, kinds)| kinds.iter().map(move |kind| (page, kind)));
    for (page, (_, kind, definition)) in kinds {
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
        assert!(fields.len() > 7);
        for field in fields.keys() {
            let said = page.contains(&format!("`spec.{field}`"));
            assert!(said, "the page of {kind} says nothing of spec.{field}");
        }
    }
}
