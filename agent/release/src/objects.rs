//! The objects of a revision, read from its manifest.

use windlass_api::names;
use windlass_object::Object;
use windlass_object::yaml::{Dialect, Limits, parse_objects};

use crate::owner::Owner;

/// Reads the objects of a text as Helm does; lists are taken apart.
///
/// # Errors
/// The text is no YAML, or not all of it are objects; the message says where.
pub fn parse(text: &str) -> Result<Vec<Object>, String> {
    parse_objects(Dialect::Lenient, text.as_bytes(), &Limits::DEFAULT)
}

/// Reads a manifest as its objects are applied: each in a namespace, also those of kinds that have none, and each says
/// whose it is, as Helm has it (pkg/kube and pkg/action of helm.sh/helm/v4).
///
/// # Errors
/// As for [`parse`].
pub fn of_manifest(owner: &Owner<'_>, manifest: &str) -> Result<Vec<Object>, String> {
    let (name, namespace) = (owner.release_name(), owner.release_namespace());
    let mut objects = parse(manifest)?;
    for object in &mut objects {
        if object.namespace().is_none_or(str::is_empty) {
            object.set_namespace(Some(namespace));
        }
        let (label, value) = names::MANAGED_BY;
        object.set_label(label, value);
        object.set_annotation(names::RELEASE_NAME, &name);
        object.set_annotation(names::RELEASE_NAMESPACE, namespace);
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_document_by_document_and_lists_are_taken_apart() {
        let text = "---\n# Source: a\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n# nothing\n---\n\
                    apiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n";
        let names: Vec<String> = parse(text)
            .unwrap()
            .iter()
            .map(|object| object.name().to_owned())
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert!(parse("a: [").is_err());
    }
}
