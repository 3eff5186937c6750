//! `ValueAddTransformer`: puts one value into fields, or into a place of the path a field holds.

use serde::Deserialize;
use windlass_object::Value;

use crate::error::{Cause, Place, Step};
use crate::load::{parse_own, read_file, resolve};
use crate::object_path::{Create, ObjectPath};
use crate::replacement::untyped;
use crate::resource::{Resource, scalar_text};
use crate::selector::{Matcher, Selector};
use crate::transform::{NamespaceOptions, put_into_namespace};
use crate::tree::Tree;

/// The field that follows the rules of namespaces.
const NAMESPACE_FIELD: &str = "metadata/namespace";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ValueAddSettings {
    value: String,
    targets: Vec<Target>,
    target_file_path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TargetFile {
    targets: Vec<Target>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Target {
    selector: Option<Selector>,
    field_path: String,
    file_path_position: usize,
}

/// The transformer made ready.
#[derive(Debug)]
pub(crate) struct ValueAdd {
    value: String,
    targets: Vec<(Option<Matcher>, Target)>,
}

// === impl ValueAdd ===

impl ValueAdd {
    /// The value is the name of the kustomization's directory where none is given.
    ///
    /// # Errors
    /// There is no target, one names no field, or the file of targets cannot be read.
    pub(super) fn read(tree: &dyn Tree, directory: &str, settings: ValueAddSettings) -> Step<Self> {
        let value = match settings.value.trim() {
            "" => directory.rsplit('/').next().unwrap_or_default(),
            value => value,
        };
        if value.is_empty() {
            return Err(Cause::invalid(
                "value is missing, and the directory that would give one is the source's root",
            ));
        }
        let mut targets = settings.targets;
        if !settings.target_file_path.is_empty() {
            targets.extend(targets_of(tree, directory, &settings.target_file_path)?);
        }
        if targets.is_empty() {
            return Err(Cause::invalid("targets are missing"));
        }
        let ready = |target: Target| {
            if target.field_path.is_empty() {
                return Err(Cause::invalid("a target has no fieldPath"));
            }
            let matcher = target.selector.as_ref().map(Selector::matcher);
            Ok((matcher.transpose()?, target))
        };
        Ok(Self {
            value: value.to_owned(),
            targets: targets.into_iter().map(ready).collect::<Step<_>>()?,
        })
    }

    pub(super) fn run(&self, resources: &mut [Resource]) -> Step<()> {
        for (matcher, target) in &self.targets {
            for resource in resources.iter_mut().filter(|resource| {
                matcher
                    .as_ref()
                    .is_none_or(|matcher| matcher.matches(resource))
            }) {
                self.write(resource, target)?;
            }
        }
        Ok(())
    }

    fn write(&self, resource: &mut Resource, target: &Target) -> Step<()> {
        if target.field_path == NAMESPACE_FIELD {
            let options = NamespaceOptions::default();
            return put_into_namespace(resource, &self.value, &[], options);
        }
        let object = resource.describe();
        let mut set = |field: &mut Value| {
            if field.is_object() || field.is_array() {
                return Err("a single value was expected".to_owned());
            }
            let text = match target.file_path_position {
                0 => self.value.clone(),
                position => insert(&scalar_text(field), position - 1, &self.value),
            };
            // As in kustomize, a value that reads as a number becomes one, unless it takes the place
            // of a text that must have had quotes.
            *field = match field {
                Value::String(old) if !untyped(old).is_string() => Value::String(text),
                _ => untyped(&text),
            };
            Ok(())
        };
        ObjectPath::parse_slashes(&target.field_path)
            .change(&mut resource.value, Create::Scalar, &mut set)
            .map(drop)
            .map_err(|message| {
                Cause::invalid(format!("{object}: {}: {message}", target.field_path))
            })
    }
}

fn targets_of(tree: &dyn Tree, directory: &str, path: &str) -> Step<Vec<Target>> {
    let file = resolve(tree, directory, path)?;
    let text = read_file(tree, directory, path)?;
    let documents = parse_own(&text).map_err(|error| Place::yaml_error(&file, error))?;
    let mut targets = Vec::new();
    for document in documents {
        let read: TargetFile = serde_json::from_value(document.value).map_err(|error| {
            Place::line(&file, document.line).error(Cause::invalid(error.to_string()))
        })?;
        targets.extend(read.targets);
    }
    Ok(targets)
}

/// Puts a part into a path at a position, at most at its end; an absolute path stays absolute.
fn insert(path: &str, position: usize, part: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    let joined = parts.join("/");
    if absolute {
        format!("/{joined}")
    } else {
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::insert;

    #[test]
    fn a_part_goes_into_its_place_and_the_path_stays_absolute() {
        for (path, position, expected) in [
            ("", 3, "x"),
            ("/", 0, "/x"),
            ("pie", 0, "x/pie"),
            ("/pie", 0, "/x/pie"),
            ("/pie", 7, "/pie/x"),
            ("a/nice/warm/pie", 3, "a/nice/warm/x/pie"),
        ] {
            assert_eq!(insert(path, position, "x"), expected, "{path}");
        }
    }
}
