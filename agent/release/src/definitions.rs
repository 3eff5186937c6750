//! The definitions in a chart's `crds/`, and what the spec says of them.

use windlass_api::helm_release::{CrdsPolicy, HelmReleaseSpec};
use windlass_api::names;
use windlass_helm::Operation;
use windlass_object::Object;

use crate::objects::parse;
use crate::owner::Owner;
use crate::prepared::Definition;

/// What is in `crds/` of a chart.
#[derive(Debug, Default)]
pub struct Definitions {
    /// The definitions.
    pub all: Vec<Object>,
    /// What is none, with the file that it is from: Helm leaves it out.
    pub others: Vec<(String, Object)>,
}

/// Reads the definitions, which then say whose they are.
///
/// # Errors
/// A file is no YAML of objects; the message names it.
pub fn definitions(owner: &Owner<'_>, files: &[Definition]) -> Result<Definitions, String> {
    let mut read = Definitions::default();
    for file in files {
        let text = String::from_utf8_lossy(&file.data);
        let found = parse(&text).map_err(|why| format!("{}: {why}", file.source))?;
        for mut object in found {
            if is_definition(&object) {
                object.set_label(names::HELM_OWNER_NAME, owner.name);
                object.set_label(names::HELM_OWNER_NAMESPACE, owner.namespace);
                read.all.push(object);
            } else {
                read.others.push((file.source.clone(), object));
            }
        }
    }
    Ok(read)
}

fn is_definition(object: &Object) -> bool {
    let kind = object.gvk();
    kind.group == "apiextensions.k8s.io" && kind.kind == "CustomResourceDefinition"
}

/// What is done with the definitions when the release is installed or upgraded.
#[must_use]
pub fn policy(spec: &HelmReleaseSpec, operation: Operation) -> CrdsPolicy {
    let (given, skip) = match operation {
        Operation::Install => {
            let install = spec.install.as_ref();
            (
                install.and_then(|it| it.crds),
                install.is_some_and(|it| it.skip_crds),
            )
        }
        Operation::Upgrade => (spec.upgrade.as_ref().and_then(|it| it.crds), false),
    };
    given.unwrap_or(if skip {
        CrdsPolicy::Skip
    } else {
        CrdsPolicy::Create
    })
}
