//! `namePrefix` and `nameSuffix`.

use windlass_object::Value;

use super::{change_fields, is_one_of};
use crate::error::Step;
use crate::field_spec::{FieldSpec, Missing};
use crate::identity::is_selected;
use crate::resource::{Resource, scalar_text};

/// Kinds whose names are not free to change.
const SKIPPED: &[(Option<&str>, &str)] = &[
    (None, "CustomResourceDefinition"),
    (Some("apiregistration.k8s.io"), "APIService"),
    (None, "Namespace"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

/// Puts a prefix before the names of all resources.
///
/// # Errors
/// A field specification leads through a scalar.
pub(crate) fn add_prefix(
    resources: &mut [Resource],
    prefix: &str,
    specs: &[FieldSpec],
) -> Step<()> {
    resources
        .iter_mut()
        .try_for_each(|resource| add(resource, prefix, specs, Side::Front))
}

/// Puts a suffix behind the names of all resources.
///
/// # Errors
/// As [`add_prefix`].
pub(crate) fn add_suffix(
    resources: &mut [Resource],
    suffix: &str,
    specs: &[FieldSpec],
) -> Step<()> {
    resources
        .iter_mut()
        .try_for_each(|resource| add(resource, suffix, specs, Side::Back))
}

fn add(resource: &mut Resource, affix: &str, specs: &[FieldSpec], side: Side) -> Step<()> {
    let original = resource.original_identity().gvk;
    if is_one_of(&original, SKIPPED) {
        return Ok(());
    }
    for spec in specs
        .iter()
        .filter(|spec| is_selected(&original, &spec.gvk))
    {
        if spec.path == "metadata/name" {
            let affixes = match side {
                Side::Front => &mut resource.affixes.prefixes,
                Side::Back => &mut resource.affixes.suffixes,
            };
            affixes.push(affix.to_owned());
            resource.remember();
        }
        let mut change = |field: &mut Value| {
            let name = scalar_text(field);
            *field = Value::String(match side {
                Side::Front => format!("{affix}{name}"),
                Side::Back => format!("{name}{affix}"),
            });
            Ok(())
        };
        change_fields(resource, [spec], Missing::Scalar, &mut change)?;
    }
    Ok(())
}
