//! Reads files through the tree and takes resources out of their text.

use std::collections::VecDeque;
use std::sync::Arc;

use windlass_object::Value;
use windlass_object::yaml::{Dialect, Document, Limits, YamlError, parse_documents_as};

use crate::error::{BuildError, Cause, Place, Step};
use crate::remote::{git_reference, is_http, without_password};
use crate::resource::{Origin, Resource};
use crate::tree::{EntryKind, Tree, is_within, join};

/// The longest file a build reads: far over etcd's 1.5 MiB per object, and small enough for memory.
const FILE_LIMIT: usize = 64 << 20;

/// The names a kustomization file may have, as in kustomize.
pub(crate) const KUSTOMIZATION_FILES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Resolves the path of a file that a kustomization names.
///
/// # Errors
/// It leads out of the root, or is in another place whose content is not here.
pub(crate) fn resolve(tree: &dyn Tree, directory: &str, path: &str) -> Step<String> {
    match is_http(path) {
        true => remote(tree, path),
        false => local(tree, directory, path),
    }
}

/// Resolves the path of a directory that a kustomization names.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_directory(tree: &dyn Tree, directory: &str, path: &str) -> Step<String> {
    match is_remote(path) {
        true => remote(tree, path),
        false => local(tree, directory, path),
    }
}

/// Resolves what is named among the resources: as in kustomize a file before a directory, and a local file before a
/// repository.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_resource(tree: &dyn Tree, directory: &str, path: &str) -> Step<String> {
    let is_repository = !is_http(path) && git_reference(path).is_some();
    if is_repository
        && let Ok(file) = local(tree, directory, path)
        && matches!(tree.kind(&file), Ok(Some(EntryKind::File)))
    {
        return Ok(file);
    }
    resolve_directory(tree, directory, path)
}

/// Resolves a path of the place that its kustomization is in.
///
/// # Errors
/// It leads out of it.
pub(crate) fn local(tree: &dyn Tree, directory: &str, path: &str) -> Step<String> {
    let root = tree.remote_root(directory).unwrap_or_default();
    join(directory, path)
        .filter(|path| is_within(path, &root))
        .ok_or_else(|| Cause::PathOutsideRoot {
            path: path.to_owned(),
        })
}

fn remote(tree: &dyn Tree, reference: &str) -> Step<String> {
    tree.remote(reference).map_err(|error| Cause::Remote {
        url: without_password(reference),
        error,
    })
}

/// Whether a path is one of the forms that kustomize would fetch.
pub(crate) fn is_remote(path: &str) -> bool {
    is_http(path) || git_reference(path).is_some()
}

/// Reads a file that a kustomization names.
///
/// # Errors
/// The path cannot be resolved, there is no such file, or it is too long.
pub(crate) fn read_file(tree: &dyn Tree, directory: &str, path: &str) -> Step<Vec<u8>> {
    let named = path;
    let path = resolve(tree, directory, named)?;
    match tree.kind(&path)? {
        Some(EntryKind::File) if is_http(named) => read_bounded(tree, &path),
        Some(EntryKind::File) => {
            check_restriction(tree, directory, &path)?;
            read_bounded(tree, &path)
        }
        Some(EntryKind::Directory) => Err(Cause::invalid(format!(
            "{path:?} is a directory; name the files in it"
        ))),
        None => Err(Cause::NotFound { path }),
    }
}

/// Checks that a kustomization may name a file.
///
/// # Errors
/// The tree, or the other place, restricts files to the directory that names them, and this one lies elsewhere.
pub(crate) fn check_restriction(tree: &dyn Tree, directory: &str, path: &str) -> Step<()> {
    let restricts = tree.restricts() || tree.remote_root(directory).is_some();
    if restricts && !is_within(&tree.real(path)?, directory) {
        return Err(Cause::Restricted {
            path: path.to_owned(),
            directory: directory.to_owned(),
        });
    }
    Ok(())
}

pub(crate) fn read_bounded(tree: &dyn Tree, path: &str) -> Step<Vec<u8>> {
    let bytes = tree.read(path)?;
    if bytes.len() > FILE_LIMIT {
        return Err(Cause::TooLarge {
            bytes: bytes.len(),
            limit: FILE_LIMIT,
        });
    }
    Ok(bytes)
}

/// The kustomization file of a directory, if there is one.
///
/// # Errors
/// There are several, or the tree cannot be read.
pub(crate) fn kustomization_file(tree: &dyn Tree, directory: &str) -> Step<Option<String>> {
    let mut found = Vec::new();
    for name in KUSTOMIZATION_FILES {
        let path = join(directory, name).ok_or_else(|| Cause::PathOutsideRoot {
            path: directory.to_owned(),
        })?;
        if tree.kind(&path)? == Some(EntryKind::File) {
            found.push(path);
        }
    }
    if found.len() > 1 {
        return Err(Cause::ManyKustomizations {
            directory: directory.to_owned(),
            files: found,
        });
    }
    Ok(found.pop())
}

/// Takes the resources out of a file's text; lists are taken apart.
///
/// # Errors
/// The text is no YAML, or a document is no Kubernetes object; the place says which.
pub(crate) fn resources(file: &str, text: &[u8]) -> Result<Vec<Resource>, BuildError> {
    let documents = parse_manifest(text).map_err(|error| Place::yaml_error(file, error))?;
    let values = documents
        .into_iter()
        .map(|Document { line, value }| (line, value))
        .collect();
    let objects =
        take_apart(values).map_err(|(line, cause)| Place::line(file, line).error(cause))?;
    let file: Arc<str> = Arc::from(file);
    let resource = |(line, value)| {
        Resource::new(
            value,
            Origin {
                file: Arc::clone(&file),
                line,
            },
        )
    };
    Ok(objects.into_iter().map(resource).collect())
}

/// The documents of a text that kustomize reads with kyaml (go-yaml v3): objects, strategic merge
/// patches, and the values of replacements.
pub(crate) fn parse_manifest(text: &[u8]) -> Result<Vec<Document>, YamlError> {
    parse_documents_as(Dialect::Kustomize, text, &Limits::DEFAULT)
}

/// The documents of a text that kustomize reads with sigs.k8s.io/yaml: its own files (kustomizations,
/// configurations, definitions of custom types, replacements) and JSON patches.
pub(crate) fn parse_own(text: &[u8]) -> Result<Vec<Document>, YamlError> {
    parse_documents_as(Dialect::Kubernetes, text, &Limits::DEFAULT)
}

/// The objects of some values: lists of objects (any kind that ends in `List` and has `items`) are
/// taken apart. As in kustomize, their items come behind everything else.
///
/// # Errors
/// A value is no object, or the items are no list.
fn take_apart(values: Vec<(usize, Value)>) -> Result<Vec<(usize, Value)>, (usize, Cause)> {
    let mut queue: VecDeque<(usize, Value)> = values.into();
    let mut objects = Vec::with_capacity(queue.len());
    while let Some((line, mut value)) = queue.pop_front() {
        let kind = value
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let items = if kind.ends_with("List") {
            value.get_mut("items")
        } else {
            None
        };
        let items = match items {
            None => {
                check_object(&value).map_err(|cause| (line, cause))?;
                objects.push((line, value));
                continue;
            }
            Some(Value::Null) => continue,
            Some(Value::Array(items)) => std::mem::take(items),
            Some(_) => {
                let message = format!("items of {kind} must be a list");
                return Err((line, Cause::NotAnObject { message }));
            }
        };
        let items = items.into_iter().flat_map(unwrapped);
        let items = items.filter(|item| !item.is_null());
        queue.extend(items.map(|item| (line, item)));
    }
    Ok(objects)
}

/// An item of a list, or the items of one that is itself a `List`: these kustomize takes out where they stand.
fn unwrapped(mut item: Value) -> Vec<Value> {
    let kind = item.get("kind").and_then(Value::as_str);
    let is_list = kind.is_some_and(|kind| ["List", "ResourceList"].contains(&kind));
    match item.get_mut("items").filter(|_| is_list) {
        Some(Value::Array(items)) => std::mem::take(items),
        _ => vec![item],
    }
}

fn check_object(value: &Value) -> Step<()> {
    let missing = |message: &str| {
        Err(Cause::NotAnObject {
            message: message.to_owned(),
        })
    };
    let Some(fields) = value.as_object() else {
        return missing("it must be a map");
    };
    let text = |field: &str| match fields.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    let Some(kind) = text("kind") else {
        return missing("kind is missing");
    };
    if kind.ends_with("List") {
        return Ok(());
    }
    match fields
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
    {
        Some(Value::String(name)) if !name.is_empty() => Ok(()),
        Some(Value::Null | Value::String(_)) | None => missing("metadata.name is missing"),
        Some(_) => missing("metadata.name must be a string; quote it"),
    }
}
