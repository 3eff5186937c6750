//! `labels`, `commonLabels` and `commonAnnotations`.

use std::collections::{BTreeMap, HashSet};

use windlass_object::Value;

use super::change_fields;
use crate::config::Config;
use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing, merge_all, partial};
use crate::kustomization::Label;
use crate::resource::Resource;
use crate::shared::{at, below};

/// Sets the labels of one entry of `labels`.
///
/// # Errors
/// The entry's own fields contradict the configuration, or a field is no map.
pub(crate) fn set_labels(resources: &mut [Resource], label: &Label, config: &Config) -> Step<()> {
    let mut specs: Vec<FieldSpec> = label.fields.iter().cloned().map(Into::into).collect();
    let mut add = |more: &[FieldSpec]| merge_all(&mut specs, more).map_err(Cause::invalid);
    add(&config.labels)?;
    if label.include_selectors {
        add(&config.common_labels)?;
    } else {
        if label.include_templates {
            add(&config.template_labels)?;
        }
        add(&[FieldSpec::new(partial("", "", ""), "metadata/labels", true)])?;
    }
    set_entries(resources, &label.pairs, &specs)
}

/// Sets `commonLabels`. What a configuration says of `labels` is not for them.
///
/// # Errors
/// A field is no map.
pub(crate) fn set_common_labels(
    resources: &mut [Resource],
    labels: &BTreeMap<String, String>,
    config: &Config,
) -> Step<()> {
    set_entries(resources, labels, &config.common_labels)
}

/// Sets annotations where the configuration says.
///
/// # Errors
/// A field is no map.
pub(crate) fn set_annotations(
    resources: &mut [Resource],
    annotations: &BTreeMap<String, String>,
    config: &Config,
) -> Step<()> {
    set_entries(resources, annotations, &config.common_annotations)
}

/// Sets entries of the maps that field specifications name.
///
/// # Errors
/// A field is no map.
pub(crate) fn set_entries(
    resources: &mut [Resource],
    entries: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Step<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut change = |field: &mut Value| {
        let Some(map) = field.as_object_mut() else {
            return Err("a map was expected".to_owned());
        };
        for (key, value) in entries {
            map.insert(key.clone(), Value::String(value.clone()));
        }
        Ok(())
    };
    for resource in resources {
        let known: HashSet<String> = entries
            .keys()
            .flat_map(|key| places(resource, key, specs))
            .collect();
        resource.with_annotations(|resource| {
            change_fields(resource, specs, Missing::Map, &mut change)
        })?;
        for (key, value) in entries {
            // What was made, and not only changed, shares its value.
            let mut made = places(resource, key, specs);
            made.retain(|place| !known.contains(place));
            resource.shared.add(made, Value::String(value.clone()));
        }
    }
    Ok(())
}

/// Where an entry is, in all of the maps that field specifications name.
fn places(resource: &Resource, key: &str, specs: &[FieldSpec]) -> Vec<String> {
    let gvk = resource.gvk();
    specs
        .iter()
        .filter(|spec| spec.applies_to(&gvk))
        .flat_map(|spec| spec.places(&resource.value))
        .map(|map| below(&map, key))
        .filter(|place| at(&resource.value, place).is_some())
        .collect()
}
