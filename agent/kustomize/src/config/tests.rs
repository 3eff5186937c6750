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
fn an_unknown_field_of_a_configuration_is_an_error() {
    let error = Config::from_value(json!({"nameReferences": []})).unwrap_err();
    assert!(error.contains("nameReferences"), "{error}");
}
