//! Follows names: when an object got another name or namespace, every field that named it is changed.
//!
//! A field is written against a name of before; which object it means is found among those that had
//! that name, by type, namespace and the prefixes and suffixes shared with the referrer. Names of
//! objects do not change while references are followed, so the candidates are looked up once.

use std::collections::{HashMap, HashSet};

use windlass_object::{GroupVersionKind, Value};

use crate::config::NameReference;
use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing};
use crate::identity::{Identity, is_selected};
use crate::resource::{Affixes, Match, Origin, Resource, map_of, scalar_text};

/// An object that may be referred to.
struct Candidate {
    current: Identity,
    original: Identity,
    previous: Vec<Identity>,
    affixes: Affixes,
    origin: Origin,
}

/// The objects, and which had a name before.
struct Candidates {
    all: Vec<Candidate>,
    by_previous_name: HashMap<String, Vec<usize>>,
}

/// The object whose fields are followed, as it was before the first of them changed.
struct Referrer {
    identity: Identity,
    affixes: Affixes,
    /// Namespaces of the service accounts that a role binding names: they may be referred to, too.
    subject_namespaces: HashSet<String>,
    role_reference: Option<GroupVersionKind>,
}

/// A field that is followed, and the type whose names it holds.
#[derive(Clone, Copy)]
struct Followed<'a> {
    spec: &'a FieldSpec,
    target: &'a GroupVersionKind,
}

/// What a field takes over from the object it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Name,
    NameAndNamespace,
}

/// Follows the references of all resources.
///
/// # Errors
/// A name could stand for several objects, or a field has a shape that holds no name.
pub(crate) fn follow(resources: &mut [Resource], references: &[NameReference]) -> Step<()> {
    let candidates = Candidates::new(resources);
    if candidates.by_previous_name.is_empty() {
        return Ok(());
    }
    // A tree has far more objects than types, and there are hundreds of fields to choose from.
    let mut by_type: HashMap<GroupVersionKind, Vec<Followed<'_>>> = HashMap::new();
    for resource in resources.iter_mut() {
        let original = resource.original_identity().gvk;
        let fields = by_type
            .entry(original)
            .or_insert_with_key(|original| fields_of(original, references));
        if !fields.is_empty() {
            let referrer = Referrer::new(resource);
            for followed in fields {
                follow_field(&mut resource.value, *followed, &referrer, &candidates)?;
            }
        }
    }
    Ok(())
}

/// The fields of a type that are followed, in their order.
fn fields_of<'a>(
    original: &GroupVersionKind,
    references: &'a [NameReference],
) -> Vec<Followed<'a>> {
    let fields = references.iter().flat_map(|reference| {
        let specs = reference.referrers.iter();
        specs.map(|spec| Followed {
            spec,
            target: &reference.target,
        })
    });
    fields
        .filter(|followed| is_selected(original, &followed.spec.gvk))
        .collect()
}

fn follow_field(
    value: &mut Value,
    followed: Followed<'_>,
    referrer: &Referrer,
    candidates: &Candidates,
) -> Step<()> {
    let mut ambiguous = None;
    let mut change = |field: &mut Value| {
        set(field, followed, referrer, candidates).map_err(|cause| {
            let message = cause.to_string();
            ambiguous = Some(cause);
            message
        })
    };
    let changed = followed.spec.change(value, Missing::Skip, &mut change);
    match (changed, ambiguous) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(cause @ Cause::AmbiguousReference { .. })) => Err(cause),
        (Err(source), _) => Err(Cause::Field {
            object: referrer.identity.to_string(),
            source,
        }),
    }
}

fn set(
    field: &mut Value,
    followed: Followed<'_>,
    referrer: &Referrer,
    candidates: &Candidates,
) -> Step<()> {
    match field {
        Value::Null => Ok(()),
        Value::Object(_) => set_map(field, followed, referrer, candidates),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| match element {
            Value::Object(_) => set_map(element, followed, referrer, candidates),
            Value::Array(_) => Err(Cause::invalid("a name or a map with a name was expected")),
            _ => set_scalar(element, followed, referrer, candidates),
        }),
        _ => set_scalar(field, followed, referrer, candidates),
    }
}

fn set_scalar(
    field: &mut Value,
    followed: Followed<'_>,
    referrer: &Referrer,
    candidates: &Candidates,
) -> Step<()> {
    let name = scalar_text(field);
    let chosen = candidates.choose(&name, followed, referrer, None, Takes::Name)?;
    if let Some(chosen) = chosen
        && chosen.current.name != name
    {
        *field = Value::from(chosen.current.name.as_str());
    }
    Ok(())
}

/// A map with a name, and often a namespace: both are taken over.
fn set_map(
    field: &mut Value,
    followed: Followed<'_>,
    referrer: &Referrer,
    candidates: &Candidates,
) -> Step<()> {
    let fields = map_of(field);
    let Some(name) = fields.get("name").map(scalar_text) else {
        return Err(Cause::invalid("a map with a name was expected"));
    };
    let namespace = fields.get("namespace").map(scalar_text);
    let takes = Takes::NameAndNamespace;
    let chosen = candidates.choose(&name, followed, referrer, namespace.as_deref(), takes)?;
    let Some(chosen) = chosen else {
        return Ok(());
    };
    let namespace = chosen.current.namespace.as_str();
    fields.insert("name".to_owned(), Value::from(chosen.current.name.as_str()));
    if !namespace.is_empty() {
        fields.insert("namespace".to_owned(), Value::from(namespace));
    }
    Ok(())
}

// === impl Candidates ===

impl Candidates {
    fn new(resources: &[Resource]) -> Self {
        let mut by_previous_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut all = Vec::with_capacity(resources.len());
        for (position, resource) in resources.iter().enumerate() {
            let previous: Vec<Identity> = resource.previous_identities().collect();
            for identity in &previous {
                let positions = by_previous_name.entry(identity.name.clone()).or_default();
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
            all.push(Candidate {
                current: resource.identity(),
                original: resource.original_identity(),
                previous,
                affixes: resource.affixes.clone(),
                origin: resource.origin.clone(),
            });
        }
        Self {
            all,
            by_previous_name,
        }
    }

    /// The object that the referrer means by a name.
    fn choose(
        &self,
        name: &str,
        followed: Followed<'_>,
        referrer: &Referrer,
        namespace: Option<&str>,
        takes: Takes,
    ) -> Step<Option<&Candidate>> {
        let named = self.by_previous_name.get(name).into_iter().flatten();
        let named = named.filter_map(|position| self.all.get(*position));
        let mut fitting: Vec<&Candidate> = named
            .filter(|candidate| referrer.may_mean(candidate, followed))
            .collect();
        if let Some(namespace) = namespace {
            self.keep_namespace(&mut fitting, namespace, referrer);
        }
        if fitting.len() > 1 {
            fitting.retain(|candidate| candidate.affixes.fits(&referrer.affixes, Match::Lenient));
        } else {
            return Ok(fitting.pop());
        }
        if fitting.len() > 1 {
            fitting.retain(|candidate| candidate.affixes.fits(&referrer.affixes, Match::Strict));
        }
        let Some((first, rest)) = fitting.split_first() else {
            return Ok(None);
        };
        let same = |other: &Candidate| {
            other.current.name == first.current.name
                && (takes == Takes::Name || other.current.namespace == first.current.namespace)
        };
        if rest.iter().all(|other| same(other)) {
            return Ok(Some(first));
        }
        Err(Cause::AmbiguousReference {
            referrer: referrer.identity.to_string(),
            kind: followed.target.kind.clone(),
            name: name.to_owned(),
            candidates: fitting
                .iter()
                .map(|candidate| candidate.origin.describe(&candidate.current))
                .collect(),
        })
    }

    /// Objects that were written in the namespace; if the referrer can see no object at all that
    /// was, those that are in it now.
    fn keep_namespace(&self, fitting: &mut Vec<&Candidate>, namespace: &str, referrer: &Referrer) {
        let is_in = |identity: &Identity| {
            !identity.cluster_scoped && identity.effective_namespace() == namespace
        };
        let written_there = self
            .all
            .iter()
            .any(|candidate| is_in(&candidate.original) && referrer.may_see(candidate));
        fitting.retain(|candidate| {
            is_in(if written_there {
                &candidate.original
            } else {
                &candidate.current
            })
        });
    }
}

// === impl Referrer ===

impl Referrer {
    fn new(resource: &Resource) -> Self {
        let identity = resource.identity();
        Self {
            affixes: resource.affixes.clone(),
            subject_namespaces: subject_namespaces(&identity, &resource.value),
            role_reference: role_reference(&resource.value),
            identity,
        }
    }

    /// Whether a candidate has the right type and is where the referrer can name it.
    fn may_mean(&self, candidate: &Candidate, followed: Followed<'_>) -> bool {
        let had_type = |gvk: &GroupVersionKind| {
            candidate
                .previous
                .iter()
                .any(|identity| is_selected(&identity.gvk, gvk))
        };
        let names_role = followed.spec.path.ends_with("roleRef/name");
        self.may_see(candidate)
            && had_type(followed.target)
            && (!names_role || self.role_reference.as_ref().is_none_or(had_type))
            && self.is_near(candidate)
    }

    /// Cluster-scoped objects see and are seen by all; others see their own namespace, and role
    /// bindings the namespaces of their service accounts.
    fn may_see(&self, candidate: &Candidate) -> bool {
        self.identity.cluster_scoped
            || candidate.current.cluster_scoped
            || candidate.current.same_namespace(&self.identity)
            || self
                .subject_namespaces
                .contains(&candidate.current.namespace)
    }

    fn is_near(&self, candidate: &Candidate) -> bool {
        self.identity.cluster_scoped
            || candidate.current.cluster_scoped
            || candidate.current.gvk.kind == "ServiceAccount"
            || candidate.current.same_namespace(&self.identity)
    }
}

fn subject_namespaces(identity: &Identity, value: &Value) -> HashSet<String> {
    if identity.gvk.kind != "RoleBinding" {
        return HashSet::new();
    }
    let subjects = value
        .get("subjects")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    subjects
        .filter(|subject| subject.get("kind").and_then(Value::as_str) == Some("ServiceAccount"))
        .filter_map(|subject| subject.get("namespace").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

/// The type that `roleRef` names; none when it does not name one in full.
fn role_reference(value: &Value) -> Option<GroupVersionKind> {
    let role = value.get("roleRef")?;
    let text = |field: &str| role.get(field).map(scalar_text);
    Some(GroupVersionKind {
        group: text("apiGroup")?,
        version: String::new(),
        kind: text("kind")?,
    })
}
