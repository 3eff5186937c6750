//! The transformers: each changes all resources accumulated so far.

mod affix;
mod image;
mod label;
mod namespace;
mod replica;

pub(crate) use affix::{add_prefix, add_suffix};
pub(crate) use image::set_image;
pub(crate) use label::{set_annotations, set_common_labels, set_entries, set_labels};
pub(crate) use namespace::{NamespaceOptions, Subjects, put_into_namespace, set_namespace};
pub(crate) use replica::set_replicas;

use windlass_object::{GroupVersionKind, Value};

use crate::error::{Cause, Step};
use crate::field_spec::{Change, FieldSpec, Missing};
use crate::resource::Resource;

/// Changes the fields of a resource that the specifications name.
///
/// # Errors
/// A path leads through a scalar, or the change cannot be made.
fn change_fields<'a>(
    resource: &mut Resource,
    specs: impl IntoIterator<Item = &'a FieldSpec>,
    missing: Missing,
    change: Change<'_>,
) -> Step<()> {
    let gvk = resource.gvk();
    let mut called = false;
    let mut noted = |field: &mut Value| {
        called = true;
        change(field)
    };
    specs
        .into_iter()
        .filter(|spec| spec.applies_to(&gvk))
        .try_for_each(|spec| {
            spec.change(&mut resource.value, missing, &mut noted)
                .map_err(|source| Cause::Field {
                    object: resource.describe(),
                    source,
                })
        })?;
    if called {
        resource.settle();
    }
    Ok(())
}

/// Whether a resource is of one of the kinds, in whatever version.
fn is_one_of(gvk: &GroupVersionKind, kinds: &[(Option<&str>, &str)]) -> bool {
    kinds
        .iter()
        .any(|(group, kind)| gvk.kind == *kind && group.is_none_or(|group| gvk.group == group))
}
