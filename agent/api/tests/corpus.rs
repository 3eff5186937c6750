//! Objects the API server must accept can be read (tests/e2e asks a real API server about all).

use std::path::{Path, PathBuf};

use windlass_api::parse;
use windlass_object::{Object, yaml};

fn corpus(verdict: &str) -> Vec<(PathBuf, Object)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/crd-corpus")
        .join(verdict);
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read(&path).unwrap();
        let mut documents = yaml::parse_documents(&text, &yaml::Limits::DEFAULT).unwrap();
        assert_eq!(documents.len(), 1, "{}", path.display());
        (path, Object::from_value(documents.remove(0).value).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// Reads the typed object and writes its spec again; an error as text.
fn read(object: &Object) -> Result<windlass_object::Value, String> {
    let text = |error: parse::ParseError| error.to_string();
    let spec = match object.kind() {
        "HelmRelease" => serde_json::to_value(parse::helm_release(object).map_err(text)?.spec),
        "Kustomization" => serde_json::to_value(parse::kustomization(object).map_err(text)?.spec),
        "Alert" => serde_json::to_value(parse::alert(object).map_err(text)?.spec),
        "Receiver" => serde_json::to_value(parse::receiver(object).map_err(text)?.spec),
        "Provider" => serde_json::to_value(parse::provider(object).map_err(text)?.spec),
        _ => serde_json::to_value(parse::git_repository(object).map_err(text)?.spec),
    };
    Ok(spec.unwrap())
}

#[test]
fn every_valid_object_with_a_spec_can_be_read_and_loses_no_known_field() {
    let objects = corpus("valid");
    assert!(objects.len() > 20);
    for (path, object) in objects {
        // What the API server prunes or fills in before the agent sees the object.
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name.ends_with("unknown-field") || name.contains("null") {
            continue;
        }
        let Some(spec) = object.as_value().get("spec") else {
            assert!(read(&object).unwrap_err().contains("missing field `spec`"));
            continue;
        };
        let written = read(&object).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (field, value) in spec.as_object().unwrap() {
            let empty = value.as_array().is_some_and(Vec::is_empty);
            let kept = written.get(field);
            assert!(
                empty || kept.is_some(),
                "{name}: {field} was {value} and is {kept:?}"
            );
        }
    }
}

#[test]
fn an_object_that_slipped_past_an_older_crd_never_stops_the_reader() {
    let objects = corpus("invalid");
    assert!(objects.len() > 50);
    let refused = objects
        .iter()
        .filter(|(_, object)| read(object).is_err())
        .count();
    assert!(refused > 25, "only {refused} were refused");
}
