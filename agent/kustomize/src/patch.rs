//! `patches`, `patchesStrategicMerge` and `patchesJson6902`.

use std::collections::BTreeMap;

use windlass_object::Value;
use windlass_object::patch::json;
use windlass_object::patch::strategic::{self, Deleted, MergeKeys};

use crate::error::{Cause, Place, Step};
use crate::identity::Identity;
use crate::kustomization::{Patch, PatchOptions};
use crate::load::{parse_own, read_file, resolve, resources};
use crate::resource::{Resource, scalar_text};
use crate::resource_map::ResourceMap;
use crate::selector::{Matcher, Selector};
use crate::tree::Tree;

/// A patch made ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    content: Content,
    target: Option<Matcher>,
    options: PatchOptions,
    /// The field it stands in: some differ in small ways.
    field: Field,
}

/// The field of a kustomization that a patch stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Patches,
    StrategicMerge,
    Json,
}

#[derive(Debug)]
enum Content {
    Merge(Vec<Resource>),
    Json(json::Patch),
}

/// What a patch's text can be read as.
enum Read {
    Objects(Vec<Resource>),
    Operations(json::Patch),
}

// === impl Prepared ===

impl Prepared {
    /// An entry of `patches`.
    ///
    /// # Errors
    /// It has neither or both of `patch` and `path`, the text is no patch, or the target is missing
    /// where one is needed.
    pub(crate) fn from_patch(tree: &dyn Tree, directory: &str, patch: &Patch) -> Step<Self> {
        let (file, text) = text_of(tree, directory, patch)?;
        let inline = patch.path.is_empty();
        let text = if inline { text.trim_ascii() } else { &text };
        let target = patch.target.as_ref().map(Selector::matcher).transpose()?;
        let content = match read(&file, text)? {
            Read::Objects(objects) if target.is_some() && objects.len() > 1 => {
                return Err(Cause::invalid(
                    "a patch with a target holds one object; write one entry for each",
                ));
            }
            Read::Objects(objects) => Content::Merge(objects),
            Read::Operations(_) if target.is_none() => {
                return Err(Cause::invalid("a JSON patch needs a target"));
            }
            Read::Operations(operations) => Content::Json(operations),
        };
        Ok(Self {
            content,
            target,
            options: patch.options,
            field: Field::Patches,
        })
    }

    /// An entry of `patchesStrategicMerge`: the patch itself, or the path of a file with it.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn from_strategic_merge(
        tree: &dyn Tree,
        directory: &str,
        entry: &str,
    ) -> Step<Self> {
        let objects = match resources("", entry.as_bytes()) {
            Ok(objects) => objects,
            Err(_) => {
                let file = resolve(tree, directory, entry)?;
                resources(&file, &read_file(tree, directory, entry)?)?
            }
        };
        Ok(Self {
            content: Content::Merge(objects),
            target: None,
            options: PatchOptions::default(),
            field: Field::StrategicMerge,
        })
    }

    /// An entry of `patchesJson6902`.
    ///
    /// # Errors
    /// As [`Self::from_patch`]; and the target must have a name.
    pub(crate) fn from_json(tree: &dyn Tree, directory: &str, patch: &Patch) -> Step<Self> {
        let Some(target) = patch
            .target
            .as_ref()
            .filter(|target| !target.name.is_empty())
        else {
            return Err(Cause::invalid("target.name is missing"));
        };
        let (file, text) = text_of(tree, directory, patch)?;
        let operations =
            operations(&file, &text)?.ok_or_else(|| Cause::invalid("the patch is empty"))?;
        Ok(Self {
            content: Content::Json(operations),
            target: Some(target.matcher()?),
            options: PatchOptions::default(),
            field: Field::Json,
        })
    }

    /// Changes the resources that the patch is for.
    ///
    /// # Errors
    /// It fits none or several where it names one, or it does not fit the one it names.
    pub(crate) fn apply(&self, resources: &mut ResourceMap) -> Step<()> {
        let own_keys = resources.merge_keys.clone();
        let keys = own_keys.as_deref().unwrap_or_else(|| MergeKeys::built_in());
        match &self.content {
            Content::Json(operations) => {
                for resource in self.targets(resources) {
                    // Only `patches` remember the name, so that a changed one is followed.
                    if self.field == Field::Patches {
                        resource.remember();
                    }
                    operate(resource, operations)?;
                }
            }
            Content::Merge(patches) if self.target.is_some() => {
                for resource in self.targets(resources) {
                    for patch in patches {
                        self.merge(resource, patch, keys)?;
                    }
                }
                resources.drop_empty();
                return resources.check_unique();
            }
            Content::Merge(patches) => {
                for patch in patches {
                    let position = one_target(resources, &patch.identity())?;
                    if let Some(resource) = resources.list_mut().get_mut(position) {
                        self.merge(resource, patch, keys)?;
                    }
                }
            }
        }
        resources.drop_empty();
        Ok(())
    }

    fn targets<'a>(
        &'a self,
        resources: &'a mut ResourceMap,
    ) -> impl Iterator<Item = &'a mut Resource> {
        resources.list_mut().iter_mut().filter(move |resource| {
            self.target
                .as_ref()
                .is_some_and(|target| target.matches(resource))
        })
    }

    /// The patch as it is merged: one that is copied to several objects (and one of
    /// `patchesStrategicMerge`) has its labels and annotations rewritten, and takes the object's
    /// `apiVersion`.
    fn content_for(&self, patch: &Resource, api_version: &str) -> Value {
        if self.target.is_none() && self.field == Field::Patches {
            return patch.value.clone();
        }
        let mut copy = patch.clone();
        for field in ["labels", "annotations"] {
            as_text(&mut copy, field);
        }
        if let Some(fields) = copy.value.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Value::from(api_version));
        }
        copy.value
    }

    /// Merges a patch into a resource. The identity stays, unless the options say otherwise.
    fn merge(&self, resource: &mut Resource, patch: &Resource, keys: &MergeKeys) -> Step<()> {
        let (name, namespace) = (resource.name().to_owned(), resource.namespace().to_owned());
        let (kind, api_version) = (
            resource.kind().to_owned(),
            resource.api_version().to_owned(),
        );
        let PatchOptions {
            allow_name_change,
            allow_kind_change,
        } = self.options;
        if allow_name_change || allow_kind_change {
            resource.remember();
        }
        let content = self.content_for(patch, &api_version);
        if content.get("$patch").and_then(Value::as_str) == Some("replace") {
            // kustomize makes the new object and lets it fall: such a patch changes nothing.
            return Ok(());
        }
        let object = resource.describe();
        resource.shared.part(&content);
        let merged = strategic::apply_with(&mut resource.value, &content, keys)
            .map_err(|source| Cause::Merge { object, source })?;
        if merged == Deleted::Yes {
            return Ok(());
        }
        if !allow_kind_change {
            resource.set_kind(&kind);
        }
        if !allow_name_change {
            resource.set_name(&name);
        }
        resource.set_namespace(&namespace);
        resource.settle();
        Ok(())
    }
}

/// Labels or annotations as kustomize rewrites them in a patch: as text, a null becoming `"null"`.
fn as_text(resource: &mut Resource, field: &str) {
    let entries = resource.metadata(field);
    let text = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        other => scalar_text(other),
    };
    let entries = match entries {
        Some(Value::Object(entries)) => entries
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
        Some(Value::Null) => BTreeMap::new(),
        _ => return,
    };
    resource.set_metadata_map(field, entries);
}

fn one_target(resources: &ResourceMap, identity: &Identity) -> Step<usize> {
    let positions = resources.known_as(identity);
    match positions.as_slice() {
        [position] => Ok(*position),
        [] => Err(Cause::NoTarget {
            target: format!("the patch for {identity}"),
        }),
        many => {
            let objects = many
                .iter()
                .filter_map(|position| resources.list().get(*position));
            Err(Cause::ManyTargets {
                target: format!("the patch for {identity}"),
                objects: objects.map(Resource::describe).collect(),
            })
        }
    }
}

fn operate(resource: &mut Resource, operations: &json::Patch) -> Step<()> {
    let object = resource.describe();
    resource.shared.clear();
    resource
        .with_provenance(|resource| {
            resource.with_annotations(|resource| json::apply(&mut resource.value, operations))
        })
        .map_err(|error| Cause::JsonPatch {
            object,
            message: error.to_string(),
        })
}

/// The text of a patch, and the file it is in; no file when it stands in the kustomization.
fn text_of(tree: &dyn Tree, directory: &str, patch: &Patch) -> Step<(String, Vec<u8>)> {
    match (patch.patch.as_str(), patch.path.as_str()) {
        (text, "") if text.trim().is_empty() => {
            Err(Cause::invalid("one of patch and path is needed"))
        }
        (text, "") => Ok((String::new(), text.as_bytes().to_vec())),
        (text, path) if text.trim().is_empty() => Ok((
            resolve(tree, directory, path)?,
            read_file(tree, directory, path)?,
        )),
        _ => Err(Cause::invalid("patch and path exclude each other")),
    }
}

/// Reads a patch as what it is: objects, or a list of operations.
fn read(file: &str, text: &[u8]) -> Step<Read> {
    // What begins with a letter is no list, so that most patches are parsed once.
    if text.first().is_some_and(u8::is_ascii_alphabetic)
        && let Ok(objects) = resources(file, text)
    {
        return Ok(Read::Objects(objects));
    }
    match operations(file, text) {
        Ok(Some(operations)) => Ok(Read::Operations(operations)),
        Ok(None) => Ok(Read::Objects(resources(file, text)?)),
        Err(cause) => resources(file, text).map(Read::Objects).map_err(|_| cause),
    }
}

/// The operations of a JSON patch, written as JSON or YAML; none when the text is no list.
fn operations(file: &str, text: &[u8]) -> Step<Option<json::Patch>> {
    let documents = parse_own(text).map_err(|error| Place::yaml_error(file, error))?;
    let count = documents.len();
    match documents.into_iter().next().map(|document| document.value) {
        Some(Value::Array(_)) if count > 1 => Err(Cause::invalid(
            "a JSON patch is one document; write one entry for each",
        )),
        Some(list @ Value::Array(_)) => json::Patch::parse(&list)
            .map(Some)
            .map_err(|error| Cause::invalid(format!("the JSON patch is not valid: {error}"))),
        _ => Ok(None),
    }
}
