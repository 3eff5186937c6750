//! `replacements`: copies a value from one object into fields of others.

mod embedded;
mod options;

use serde::Deserialize;
use windlass_object::Value;

use self::options::FieldOptions;
pub(crate) use self::options::untyped;
use crate::error::{Cause, Place, Step};
use crate::field_spec::partial;
use crate::identity::{Identity, is_selected};
use crate::load::{parse_own, read_file, resolve};
use crate::object_path::{Create, ObjectPath};
use crate::resource::Resource;
use crate::selector::{Matcher, Selector};
use crate::tree::Tree;

/// The field that is read or written when none is named.
const DEFAULT_FIELD: &str = "metadata.name";

/// An entry of `replacements`: a replacement, or the path of a file with one or a list of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct WrittenReplacement {
    pub(crate) path: String,
    source: Option<Source>,
    source_value: Option<String>,
    targets: Option<Vec<Target>>,
}

/// Where the value is read: the one object that fits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Source {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    field_path: String,
    options: FieldOptions,
}

/// Where it is written: all objects that fit and are not rejected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Target {
    select: Option<Selector>,
    reject: Vec<Selector>,
    field_paths: Vec<String>,
    options: FieldOptions,
}

/// Replacements made ready.
#[derive(Debug)]
pub(crate) struct Replacement {
    source: From,
    targets: Vec<To>,
}

#[derive(Debug)]
enum From {
    Value(String),
    Object(Source),
}

#[derive(Debug)]
struct To {
    select: Matcher,
    reject: Vec<Matcher>,
    field_paths: Vec<String>,
    options: FieldOptions,
}

/// Reads an entry of `replacements`.
///
/// # Errors
/// A file cannot be read, or source, target or a selector is missing or malformed.
pub(crate) fn prepare(
    tree: &dyn Tree,
    directory: &str,
    written: &WrittenReplacement,
) -> Step<Vec<Replacement>> {
    if written.path.is_empty() {
        return Ok(vec![ready(written.clone())?]);
    }
    if written.source.is_some() || written.targets.is_some() || written.source_value.is_some() {
        return Err(Cause::invalid("path excludes everything else"));
    }
    let file = resolve(tree, directory, &written.path)?;
    let text = read_file(tree, directory, &written.path)?;
    let in_file = |line, cause: Cause| Place::line(&file, line).error(cause);
    let mut replacements = Vec::new();
    for document in parse_own(&text).map_err(|error| Place::yaml_error(&file, error))? {
        let entries = match document.value {
            Value::Array(entries) => entries,
            other => vec![other],
        };
        for entry in entries {
            let entry: WrittenReplacement = serde_json::from_value(entry)
                .map_err(|error| in_file(document.line, Cause::invalid(error.to_string())))?;
            replacements.push(ready(entry).map_err(|cause| in_file(document.line, cause))?);
        }
    }
    Ok(replacements)
}

fn ready(written: WrittenReplacement) -> Step<Replacement> {
    let source = match (written.source, written.source_value) {
        (Some(source), None) => From::Object(source),
        (None, Some(value)) => From::Value(value),
        (None, None) => return Err(Cause::invalid("source is missing")),
        (Some(_), Some(_)) => {
            return Err(Cause::invalid("source and sourceValue exclude each other"));
        }
    };
    let targets = written
        .targets
        .filter(|targets| !targets.is_empty())
        .ok_or_else(|| Cause::invalid("targets are missing"))?;
    Ok(Replacement {
        source,
        targets: targets.into_iter().map(To::new).collect::<Step<_>>()?,
    })
}

/// Applies replacements one after the other.
///
/// # Errors
/// The source fits no or several objects or has no such field, or a target has no such field.
pub(crate) fn apply(resources: &mut [Resource], replacements: &[Replacement]) -> Step<()> {
    for replacement in replacements {
        let value = replacement.value(resources)?;
        for target in &replacement.targets {
            for resource in resources
                .iter_mut()
                .filter(|resource| target.fits(resource))
            {
                target.write(resource, &value)?;
            }
        }
    }
    Ok(())
}

// === impl Replacement ===

impl Replacement {
    fn value(&self, resources: &[Resource]) -> Step<Value> {
        let source = match &self.source {
            From::Value(value) => return Ok(Value::from(value.as_str())),
            From::Object(source) => source,
        };
        let mut fitting = resources.iter().filter(|resource| source.fits(resource));
        let object = match (fitting.next(), fitting.next()) {
            (Some(object), None) => object,
            (None, _) => {
                return Err(Cause::NoTarget {
                    target: source.describe(),
                });
            }
            (Some(first), Some(second)) => {
                let objects = vec![first.describe(), second.describe()];
                return Err(Cause::ManyTargets {
                    target: source.describe(),
                    objects,
                });
            }
        };
        let path = or_default(&source.field_path);
        let found = ObjectPath::parse(path).look_up(&object.value);
        match found.map_err(|message| Cause::invalid(format!("{path}: {message}")))? {
            Some(value) if !is_empty(value) => source.options.part_of(value),
            _ => Err(Cause::invalid(format!(
                "{} has no field {path}",
                object.describe()
            ))),
        }
    }
}

// === impl Source ===

impl Source {
    /// Whether an identity of the object, of now or before, is the one named; cluster-scoped kinds
    /// count as in the namespace `default` here.
    fn fits(&self, resource: &Resource) -> bool {
        let namespace = |namespace: &str| {
            if namespace.is_empty() {
                "default".to_owned()
            } else {
                namespace.to_owned()
            }
        };
        let wanted = partial(&self.group, &self.version, &self.kind);
        resource.all_identities().any(|identity: Identity| {
            (self.name.is_empty() || self.name == identity.name)
                && (self.namespace.is_empty()
                    || namespace(&self.namespace) == namespace(&identity.namespace))
                && is_selected(&identity.gvk, &wanted)
        })
    }

    fn describe(&self) -> String {
        let parts = [
            &self.group,
            &self.version,
            &self.kind,
            &self.namespace,
            &self.name,
        ];
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect();
        format!("the replacement source {}", parts.join("/"))
    }
}

// === impl To ===

impl To {
    fn new(target: Target) -> Step<Self> {
        let select = target
            .select
            .ok_or_else(|| Cause::invalid("targets need select"))?;
        target.options.check()?;
        let reject = target
            .reject
            .iter()
            .map(Selector::matcher)
            .collect::<Step<_>>()?;
        let mut field_paths = target.field_paths;
        if field_paths.is_empty() {
            field_paths.push(DEFAULT_FIELD.to_owned());
        }
        Ok(Self {
            select: select.matcher()?,
            reject,
            field_paths,
            options: target.options,
        })
    }

    fn fits(&self, resource: &Resource) -> bool {
        let identities: Vec<Identity> = resource.all_identities().collect();
        let rejected = self.reject.iter().any(|reject| {
            (reject.names_identity()
                && identities
                    .iter()
                    .any(|identity| reject.fits_identity(identity)))
                || (reject.names_metadata() && reject.fits_metadata(resource))
        });
        !rejected
            && self.select.fits_metadata(resource)
            && identities
                .iter()
                .any(|identity| self.select.fits_identity(identity))
    }

    fn write(&self, resource: &mut Resource, value: &Value) -> Step<()> {
        let create = match (self.options.create, value) {
            (false, _) => Create::Nothing,
            (true, Value::Object(_)) => Create::Map,
            (true, Value::Array(_)) => Create::List,
            (true, _) => Create::Scalar,
        };
        for path in &self.field_paths {
            let object = resource.describe();
            let parsed = ObjectPath::parse(path);
            if embedded::write(&mut resource.value, path, create, value)? {
                resource.settle();
                continue;
            }
            let mut set = |field: &mut Value| self.options.set(field, value);
            let count = parsed
                .change(&mut resource.value, create, &mut set)
                .map_err(|message| Cause::invalid(format!("{object}: {path}: {message}")))?;
            if count == 0 {
                return Err(Cause::invalid(format!("{object} has no field {path}")));
            }
            resource.settle();
        }
        Ok(())
    }
}

fn or_default(path: &str) -> &str {
    if path.is_empty() { DEFAULT_FIELD } else { path }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
