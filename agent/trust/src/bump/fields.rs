//! Two values field by field: only versions, digests and images differ, and where they may.

use serde_json::{Map, Value};

use super::value::{commit_changes, digest_changes, image_rises, version_rises};

/// One step from a value into it.
#[derive(Clone, Copy, Debug)]
enum Step<'v> {
    Field(&'v str),
    Item,
}

/// What kind of file the value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// Objects and values of charts.
    Manifests,
    /// `windlass.lock`.
    Lock,
}

/// What a field may become.
type Rule = fn(&str, &str) -> Result<(), String>;

/// Where we are in the values.
struct Place<'v> {
    file: File,
    /// The kind of the object, empty where it is none.
    kind: &'v str,
    path: Vec<Step<'v>>,
}

/// Compares two values that must differ in nothing but versions that rose.
///
/// # Errors
/// Another field differs, or not upwards; says which and why.
pub(super) fn only_bumped(file: File, old: &Value, new: &Value) -> Result<(), String> {
    let kind = old.get("kind").and_then(Value::as_str);
    let mut place = Place {
        file,
        kind: kind.unwrap_or_default(),
        path: Vec::new(),
    };
    place.compare(old, new, None)
}

// === impl Place ===

impl<'v> Place<'v> {
    /// Compares one field; `beside` is the map that it stands in.
    fn compare(
        &mut self,
        old: &'v Value,
        new: &Value,
        beside: Option<&'v Map<String, Value>>,
    ) -> Result<(), String> {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) if old.keys().eq(new.keys()) => {
                for ((name, old_value), new_value) in old.iter().zip(new.values()) {
                    self.below(Step::Field(name), old_value, new_value, Some(old))?;
                }
                Ok(())
            }
            (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
                for (old, new) in old.iter().zip(new) {
                    self.below(Step::Item, old, new, None)?;
                }
                Ok(())
            }
            (old, new) if old == new => Ok(()),
            (Value::String(old), Value::String(new)) => match self.rule(beside) {
                Some(rule) => rule(old, new).map_err(|why| self.says(&why)),
                None => Err(self.says("it is no version that a bot may raise")),
            },
            _ => Err(self.says("more than a version changed")),
        }
    }

    fn below(
        &mut self,
        step: Step<'v>,
        old: &'v Value,
        new: &Value,
        beside: Option<&'v Map<String, Value>>,
    ) -> Result<(), String> {
        self.path.push(step);
        let compared = self.compare(old, new, beside);
        self.path.pop();
        compared
    }

    /// What the field that we are at may become.
    fn rule(&self, beside: Option<&Map<String, Value>>) -> Option<Rule> {
        use Step::{Field, Item};
        if self.file == File::Lock {
            return match self.path.as_slice() {
                [Field(_), Item, Field("commit")] => Some(commit_changes),
                [Field(_), Item, Field("digest")] => Some(digest_changes),
                [Field(_), Item, Field("version")] => Some(version_rises),
                _ => None,
            };
        }
        match (self.kind, self.path.as_slice()) {
            (
                "HelmRelease",
                [
                    Field("spec"),
                    Field("chart"),
                    Field("spec"),
                    Field("version"),
                ],
            )
            | ("HelmChart", [Field("spec"), Field("version")])
            | ("OCIRepository", [Field("spec"), Field("ref"), Field("tag")])
            | ("Kustomization" | "Component" | "", [Field("images"), Item, Field("newTag")])
            | ("Kustomization", [Field("spec"), Field("images"), Item, Field("newTag")]) => {
                Some(version_rises)
            }
            ("OCIRepository", [Field("spec"), Field("ref"), Field("digest")])
            | ("Kustomization" | "Component" | "", [Field("images"), Item, Field("digest")])
            | ("Kustomization", [Field("spec"), Field("images"), Item, Field("digest")]) => {
                Some(digest_changes)
            }
            ("HelmRelease", [Field("spec"), Field("values"), rest @ ..]) | ("", rest) => {
                chart_value(rest, beside)
            }
            (_, [.., Field(list), Item, Field("image")]) if is_containers(list) => {
                Some(image_rises)
            }
            (
                _,
                [
                    ..,
                    Field("volumes"),
                    Item,
                    Field("image"),
                    Field("reference"),
                ],
            ) => Some(image_rises),
            _ => None,
        }
    }

    fn says(&self, why: &str) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Item => path.push_str("[]"),
            }
        }
        if path.is_empty() {
            return why.to_owned();
        }
        format!("{path}: {why}")
    }
}

/// What a value of a chart may become: an image, or the tag or digest beside the repository that it belongs to.
fn chart_value(path: &[Step<'_>], beside: Option<&Map<String, Value>>) -> Option<Rule> {
    let named = beside.is_some_and(|beside| beside.contains_key("repository"));
    match path.last()? {
        Step::Field("image") => Some(image_rises),
        Step::Field("tag") if named => Some(version_rises),
        Step::Field("digest") if named => Some(digest_changes),
        _ => None,
    }
}

fn is_containers(list: &str) -> bool {
    ["containers", "initContainers", "ephemeralContainers"].contains(&list)
}
