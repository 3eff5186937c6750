//! A build of `kustomize`, any of whose files somebody else wrote, and the YAML reader below it.

use std::collections::BTreeMap;
use windlass_kustomize::substitute::{Options, Strategy, Unset, substitute};
use windlass_kustomize::{DefaultOrder, Entry, EntryKind, Tree, TreeError, build_directory};
use windlass_object::yaml::to_string;

const KUSTOMIZATION: &[u8] = b"resources: [objects.yaml]\nnamespace: n\nnamePrefix: p-\n\
    commonLabels: {a: b}\npatches:\n- target: {name: web}\n  patch: |-\n    - op: add\n      path: /metadata/labels\n      value: {x: why}\n";

const OBJECTS: &[u8] = b"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80}]\n---\n\
    apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers: [{name: web, image: nginx}]\n";

/// Two files in one directory.
struct Files<'a> {
    kustomization: &'a [u8],
    objects: &'a [u8],
}

impl Files<'_> {
    fn file(&self, path: &str) -> Option<&[u8]> {
        match path {
            "kustomization.yaml" => Some(self.kustomization),
            "objects.yaml" => Some(self.objects),
            _ => None,
        }
    }
}

impl Tree for Files<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let file = self.file(path);
        file.map(<[u8]>::to_vec)
            .ok_or_else(|| TreeError::new(path, "no such file"))
    }

    fn list(&self, _: &str) -> Result<Vec<Entry>, TreeError> {
        Ok(Vec::new())
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok(match path {
            "" => Some(EntryKind::Directory),
            path => self.file(path).map(|_| EntryKind::File),
        })
    }
}

/// Builds, and says how an error reads.
fn build(files: &Files<'_>) {
    match build_directory(files, "", DefaultOrder::Legacy, None) {
        Ok(built) => built
            .into_iter()
            .for_each(|built| drop(to_string(&built.object.into_value()))),
        Err(error) => drop(error.to_string()),
    }
}

/// A kustomization file over objects that are right.
pub(crate) fn kustomization(bytes: &[u8]) {
    build(&Files {
        kustomization: bytes,
        objects: OBJECTS,
    });
}

/// Objects under a kustomization that is right.
pub(crate) fn objects(bytes: &[u8]) {
    build(&Files {
        kustomization: KUSTOMIZATION,
        objects: bytes,
    });
}

/// The text of objects, with variables in it.
pub(crate) fn substitution(bytes: &[u8]) {
    let files = Files {
        kustomization: b"resources: [objects.yaml]\n",
        objects: bytes,
    };
    let Ok(mut built) = build_directory(&files, "", DefaultOrder::Kept, None) else {
        return;
    };
    let variables = BTreeMap::from([("A".to_owned(), "aXb".to_owned())]);
    let options = Options {
        strategy: Strategy::Always,
        unset: Unset::Empty,
    };
    if let Err(error) = substitute(&mut built, &variables, options) {
        drop(error.to_string());
    }
}
