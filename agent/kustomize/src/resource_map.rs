//! The resources of a build in their order, each identity once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use windlass_object::patch::strategic::MergeKeys;

use crate::error::{Cause, Step};
use crate::identity::Identity;
use crate::resource::{Behavior, Resource, text_entries};
use windlass_object::{Map, Value};

/// Resources in the order they were accumulated.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResourceMap {
    list: Vec<Resource>,
    /// The merge keys that patches follow, where a kustomization brings its own.
    pub(crate) merge_keys: Option<Arc<MergeKeys>>,
    /// Identities of now; dropped whenever the resources may have changed.
    index: Option<HashMap<Identity, usize>>,
}

// === impl ResourceMap ===

impl ResourceMap {
    pub(crate) fn list(&self) -> &[Resource] {
        &self.list
    }

    /// The resources for changing; their identities are looked up anew afterwards.
    pub(crate) fn list_mut(&mut self) -> &mut Vec<Resource> {
        self.index = None;
        &mut self.list
    }

    pub(crate) fn into_list(self) -> Vec<Resource> {
        self.list
    }

    /// Appends a resource.
    ///
    /// # Errors
    /// Its identity is there already.
    pub(crate) fn append(&mut self, resource: Resource) -> Step<()> {
        let list = &self.list;
        let index = self.index.get_or_insert_with(|| {
            list.iter()
                .enumerate()
                .map(|(position, resource)| (resource.identity().canonical(), position))
                .collect()
        });
        match index.entry(resource.identity().canonical()) {
            Entry::Vacant(entry) => entry.insert(list.len()),
            Entry::Occupied(entry) => {
                let first = list.get(*entry.get()).unwrap_or(&resource);
                return Err(duplicate(&resource.identity(), first, &resource));
            }
        };
        self.list.push(resource);
        Ok(())
    }

    /// Appends resources in their order.
    ///
    /// # Errors
    /// An identity is there already.
    pub(crate) fn append_all(&mut self, resources: Vec<Resource>) -> Step<()> {
        resources
            .into_iter()
            .try_for_each(|resource| self.append(resource))
    }

    /// Checks that each identity is there once, as appending would.
    ///
    /// # Errors
    /// One is there twice.
    pub(crate) fn check_unique(&mut self) -> Step<()> {
        let resources = std::mem::take(self.list_mut());
        self.append_all(resources)
    }

    /// Drops resources that were deleted.
    pub(crate) fn drop_empty(&mut self) {
        if self.list.iter().any(Resource::is_empty) {
            self.list_mut().retain(|resource| !resource.is_empty());
        }
    }

    /// Notes on every resource that a transformer ran, whether or not it changed the resource:
    /// kustomize does so, too. `configured` says where and by what, as YAML.
    pub(crate) fn record(&mut self, configured: &str) {
        let mut entry = String::with_capacity(configured.len() + 16);
        for (number, line) in configured.lines().enumerate() {
            entry.push_str(if number == 0 { "- " } else { "  " });
            entry.push_str(line);
            entry.push('\n');
        }
        for resource in self.list_mut() {
            // kustomize writes all annotations anew for that.
            resource.shared.leave("/metadata/annotations/");
            let provenance = &mut resource.provenance;
            match provenance.origin {
                Some(_) => provenance.transformations.push_str(&entry),
                // kustomize takes the transformer for what made the resource.
                None => provenance.origin = Some(configured.to_owned()),
            }
        }
    }

    /// The positions of resources of which an identity, of now or before, fits.
    pub(crate) fn matching(&self, fits: impl Fn(&Identity) -> bool) -> Vec<usize> {
        let candidates = self
            .list
            .iter()
            .enumerate()
            .filter(|(_, resource)| !resource.is_empty());
        candidates
            .filter(|(_, resource)| resource.all_identities().any(|identity| fits(&identity)))
            .map(|(position, _)| position)
            .collect()
    }

    /// The positions of resources that have an identity now or had it before.
    pub(crate) fn known_as(&self, identity: &Identity) -> Vec<usize> {
        let candidates = self.list.iter().enumerate();
        candidates
            .filter(|(_, resource)| !resource.is_empty() && resource.was_named(&identity.name))
            .filter(|(_, resource)| resource.all_identities().any(|one| identity.same_as(&one)))
            .map(|(position, _)| position)
            .collect()
    }

    /// Adds a generated resource by its behavior: a new one, or over the one of the same identity.
    ///
    /// # Errors
    /// There is none to replace or merge with, there are several, or there is one to create over.
    pub(crate) fn absorb(&mut self, mut generated: Resource) -> Step<()> {
        let identity = generated.identity();
        let matches = self.known_as(&identity);
        let position = match (matches.as_slice(), generated.behavior) {
            ([], Behavior::Create) => return self.append(generated),
            ([], Behavior::Replace | Behavior::Merge) => {
                return Err(Cause::invalid(format!(
                    "{identity} does not exist, so it cannot be merged or replaced"
                )));
            }
            ([position], _) => *position,
            (many, _) => {
                let objects = many.iter().filter_map(|position| self.list.get(*position));
                return Err(Cause::ManyTargets {
                    target: identity.to_string(),
                    objects: objects.map(Resource::describe).collect(),
                });
            }
        };
        let Some(old) = self.list_mut().get_mut(position) else {
            return Ok(());
        };
        if generated.behavior == Behavior::Create {
            return Err(duplicate(&identity, old, &generated));
        }
        generated.take_over(old);
        *old = generated;
        Ok(())
    }
}

// === impl Resource ===

impl Resource {
    /// Makes a generated resource the successor of an old one: labels and annotations of both,
    /// name and history of the old one; with `merge` the data of both.
    fn take_over(&mut self, old: &Self) {
        for field in ["labels", "annotations"] {
            let own = if field == "labels" {
                self.labels()
            } else {
                self.annotations()
            };
            let mut both = if field == "labels" {
                old.labels()
            } else {
                old.annotations()
            };
            both.extend(own);
            self.set_metadata_map(field, both);
        }
        self.set_name(old.name());
        self.set_namespace(old.namespace());
        if self.behavior == Behavior::Merge {
            for field in ["data", "binaryData"] {
                self.merge_data(old, field);
            }
            self.origin = old.origin.clone();
            self.provenance.origin = old.provenance.origin.clone();
        }
        self.provenance.transformations = old.provenance.transformations.clone();
        self.behavior = old.behavior;
        self.needs_hash &= old.needs_hash;
        self.previous = old.previous.clone();
        self.variables = old.variables.clone();
        self.affixes = old.affixes.clone();
    }

    fn merge_data(&mut self, old: &Self, field: &str) {
        let entries = |resource: &Self| {
            resource
                .value
                .get(field)
                .and_then(Value::as_object)
                .map(text_entries)
        };
        let mut both = entries(old).unwrap_or_default();
        both.extend(entries(self).unwrap_or_default());
        let Some(fields) = self.value.as_object_mut() else {
            return;
        };
        if both.is_empty() {
            fields.remove(field);
        } else {
            let both: Map<String, Value> = both
                .into_iter()
                .map(|(key, value)| (key, Value::from(value)))
                .collect();
            fields.insert(field.to_owned(), Value::Object(both));
        }
    }
}

fn duplicate(identity: &Identity, first: &Resource, second: &Resource) -> Cause {
    let place = |resource: &Resource| format!("{}:{}", resource.origin.file, resource.origin.line);
    Cause::Duplicate {
        identity: identity.to_string(),
        first: place(first),
        second: place(second),
    }
}
