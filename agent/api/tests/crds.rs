//! packaging/crds holds what the types give.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_packaged_crds_are_the_generated_ones() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/crds");
    let again = "run `cargo run -p windlass-api --example crds` and commit packaging/crds";
    let mut expected = BTreeSet::new();
    for (name, text) in windlass_api::crd_files() {
        let packaged = std::fs::read_to_string(directory.join(&name)).unwrap_or_default();
        assert!(packaged == text, "{name} differs from the types; {again}");
        expected.insert(name);
    }
    let found: BTreeSet<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected, "{again}");
}

#[test]
fn the_schema_of_metadata_holds_nothing_that_the_api_server_refuses() {
    for crd in windlass_api::crds() {
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/metadata";
        assert_eq!(
            crd.pointer(path),
            Some(&serde_json::json!({ "type": "object" }))
        );
    }
}
