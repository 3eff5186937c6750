//! What is in other places: files behind URLs and directories of Git repositories that the tree has.

use std::collections::BTreeMap;

use windlass_kustomize::{
    DefaultOrder, Entry, EntryKind, RemoteError, Tree, TreeError, build_directory, git_reference,
};
use windlass_object::yaml::to_string;

use crate::support::Files;

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\ndata: {a: b}\n";
const URL: &str = "https://files.test/org/repo/v1/object.yaml";
const BASE: &str = "https://git.test/org/repo//base?ref=v1";

/// A tree with other places in it.
struct Placed {
    files: Files,
    /// Path of the file, or of the repository's root, by reference.
    places: BTreeMap<String, String>,
}

fn placed(files: &[(&str, &str)], places: &[(&str, &str)]) -> Placed {
    let own = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
    Placed {
        files: Files::new(files),
        places: places.iter().map(own).collect(),
    }
}

impl Tree for Placed {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.files.read(path)
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        self.files.list(directory)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        self.files.kind(path)
    }

    fn remote(&self, reference: &str) -> Result<String, RemoteError> {
        let place = self.places.get(reference).ok_or(RemoteError::Unpinned)?;
        let directory = git_reference(reference).map(|read| read.directory);
        Ok(match directory.filter(|_| !place.ends_with(".yaml")) {
            Some(directory) if !directory.is_empty() => format!("{place}/{directory}"),
            _ => place.clone(),
        })
    }

    fn remote_root(&self, path: &str) -> Option<String> {
        let mut places = self.places.values();
        places
            .find(|place| path.starts_with(place.as_str()))
            .cloned()
    }
}

fn build(tree: &Placed) -> Result<String, (String, &'static str)> {
    let built = build_directory(tree, "", DefaultOrder::Kept, None);
    let built = built.map_err(|error| (error.to_string(), error.code()))?;
    let texts = built
        .into_iter()
        .map(|built| to_string(built.object.as_value()));
    Ok(texts.collect::<Vec<_>>().join("---\n"))
}

#[track_caller]
fn refused(tree: &Placed, code: &str, part: &str) {
    let (message, found) = build(tree).unwrap_err();
    assert!(
        found == code && message.contains(part),
        "{found}: {message}"
    );
}

#[test]
fn files_behind_urls_stand_wherever_files_stand() {
    let kustomization = format!(
        "resources: ['{URL}']\npatches: [{{path: 'https://files.test/patch.yaml'}}]\n\
         configMapGenerator: [{{name: made, files: ['key=https://files.test/data'], options: {{disableNameSuffixHash: true}}}}]\n"
    );
    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\ndata: {c: d}\n";
    let files = [
        ("kustomization.yaml", kustomization.as_str()),
        ("(1)/object.yaml", OBJECT),
        ("(2)/patch.yaml", patch),
        ("(3)/data.yaml", "hello"),
    ];
    let places = [
        (URL, "(1)/object.yaml"),
        ("https://files.test/patch.yaml", "(2)/patch.yaml"),
        ("https://files.test/data", "(3)/data.yaml"),
    ];
    let text = build(&placed(&files, &places)).unwrap();
    for part in ["  a: b\n  c: d\n", "  key: hello\n"] {
        assert!(text.contains(part), "{text}");
    }
}

/// A root that names the base, and the base's repository.
fn based(base: &str, more: &[(&str, &str)]) -> Placed {
    let root = format!("resources: ['{BASE}']\n");
    let mut files = vec![
        ("kustomization.yaml", root.as_str()),
        ("(repo)/base/kustomization.yaml", base),
        ("(repo)/object.yaml", OBJECT),
        ("(repo)/base/object.yaml", OBJECT),
        (
            "(repo)/other/kustomization.yaml",
            "resources: [object.yaml]",
        ),
        ("(repo)/other/object.yaml", OBJECT),
        ("own/kustomization.yaml", "resources: [object.yaml]"),
        ("own/object.yaml", OBJECT),
    ];
    files.extend(more);
    placed(&files, &[(BASE, "(repo)"), (URL, "(1)/object.yaml")])
}

#[test]
fn a_base_of_another_repository_is_built_with_its_own_bases_and_stays_inside() {
    let prefixed = based("resources: [../other]\nnamePrefix: x-\n", &[]);
    assert!(build(&prefixed).unwrap().contains("name: x-far"));
    let leaving = based("resources: [../../own]\n", &[]);
    refused(
        &leaving,
        "PathOutsideRoot",
        "(repo)/base/kustomization.yaml:1",
    );
    // kustomize lets a clone's kustomization name no file outside its own directory, whatever the restrictor says.
    refused(
        &based("resources: [../object.yaml]\n", &[]),
        "Restricted",
        "object.yaml",
    );
    let itself = based(&format!("resources: ['{BASE}']\n"), &[]);
    refused(&itself, "Cycle", "(repo)/base");
    let unpinned = based("resources: ['https://git.test/org/third//a']\n", &[]);
    refused(&unpinned, "RemoteNotPinned", "`windlass lock`");
}

#[test]
fn what_is_pinned_to_nothing_is_refused_by_name() {
    let files = [(
        "kustomization.yaml",
        "resources: ['https://me:pw@h.test/a/b']",
    )];
    let (message, code) = build(&placed(&files, &[])).unwrap_err();
    assert_eq!(code, "RemoteNotPinned");
    let expected =
        "kustomization.yaml:1: resources[0]: \"https://me:***@h.test/a/b\": it is remote";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_local_file_comes_before_a_repository_of_that_name() {
    let files = [
        ("kustomization.yaml", "resources: [github.com/a/b.yaml]"),
        ("github.com/a/b.yaml", OBJECT),
    ];
    assert!(build(&placed(&files, &[])).is_ok());
}

#[test]
fn origins_name_the_repository() {
    let root = format!("resources: ['{BASE}', '{URL}']\nbuildMetadata: [originAnnotations]\n");
    let base = "resources: [object.yaml]\nnamePrefix: x-\n";
    let tree = based(
        base,
        &[
            ("kustomization.yaml", root.as_str()),
            ("(1)/object.yaml", OBJECT),
        ],
    );
    let text = build(&tree).unwrap();
    let of_base = "path: base/object.yaml\n      repo: https://git.test/org/repo\n      ref: v1\n";
    let of_file = "path: v1/object.yaml\n      repo: https://files.test/org/repo\n";
    for part in [of_base, of_file] {
        assert!(text.contains(part), "{text}");
    }
}
