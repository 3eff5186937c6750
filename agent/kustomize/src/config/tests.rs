use std::sync::Arc;

use serde_json::json;

use super::Config;

#[test]
fn a_configuration_adds_to_the_defaults_once() {
    let reference = json!({"nameReference": [
        {"kind": "Secret", "version": "v1", "fieldSpecs": [
            {"kind": "HelmRelease", "path": "spec/valuesFrom/name"},
        ]},
    ]});
    let mut config = Config::defaults();
    let before = config.name_reference.len();
    let added = Arc::new(Config::from_value(reference).unwrap());
    for _ in 0..2 {
        Config::merge(&mut config, &added).unwrap();
    }
    assert_eq!(config.name_reference.len(), before);
    let secrets = config
        .name_reference
        .iter()
        .find(|known| known.target.kind == "Secret")
        .unwrap();
    let users = secrets
        .referrers
        .iter()
        .filter(|spec| spec.gvk.kind == "HelmRelease");
    assert_eq!(users.count(), 1);
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_with_its_place() {
    let said = |text: &str| {
        Config::read("c.yaml", text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let unknown = said("images: []\nnameReferences: []\n");
    assert!(
        unknown.starts_with("c.yaml:2: nameReferences: "),
        "{unknown}"
    );
    let mistyped = said("# ours\nnamePrefix:\n- path: metadata/name\n  create: 7x\n");
    assert!(
        mistyped.starts_with("c.yaml:2: namePrefix[0].create: "),
        "{mistyped}"
    );
}
