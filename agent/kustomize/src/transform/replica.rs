//! `replicas`.

use windlass_object::Value;

use super::change_fields;
use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing};
use crate::identity::is_selected;
use crate::kustomization::Replica;
use crate::resource_map::ResourceMap;

/// Sets the number of replicas of the resources with the name, of now or before.
///
/// # Errors
/// There is none of a kind with replicas.
pub(crate) fn set_replicas(
    resources: &mut ResourceMap,
    replica: &Replica,
    specs: &[FieldSpec],
) -> Step<()> {
    let mut found = false;
    for spec in specs {
        let positions = resources.matching(|identity| {
            identity.name == replica.name && is_selected(&identity.gvk, &spec.gvk)
        });
        for position in positions {
            found = true;
            let mut set = |field: &mut Value| {
                *field = Value::from(replica.count);
                Ok(())
            };
            if let Some(resource) = resources.list_mut().get_mut(position) {
                change_fields(
                    resource,
                    std::slice::from_ref(spec),
                    Missing::Scalar,
                    &mut set,
                )?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let kinds = specs.iter().map(|spec| spec.gvk.kind.as_str());
    let mut kinds: Vec<&str> = kinds.filter(|kind| !kind.is_empty()).collect();
    if kinds.is_empty() {
        kinds.push("any kind");
    }
    Err(Cause::NoTarget {
        target: format!("the name {:?} of {}", replica.name, kinds.join(", ")),
    })
}
