//! A rendered chart as `helm template` prints it (pkg/cmd/template.go).

use std::sync::LazyLock;

use regex::Regex;

use crate::glob::path_pattern;
use crate::manifest::{HookEvent, split};
use crate::render::Rendered;

/// Which parts are printed beside the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The custom resource definitions in `crds/`.
    pub definitions: bool,
    /// The hooks.
    pub hooks: bool,
    /// Those hooks that are tests.
    pub tests: bool,
}

static SOURCE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("# Source: [^/]+/(.+)").ok());

// === impl Rendered ===

impl Rendered {
    /// The objects as one stream of YAML.
    #[must_use]
    pub fn text(&self, parts: Parts) -> String {
        let mut text = String::new();
        if parts.definitions {
            for definition in self.chart.custom_resource_definitions() {
                let data = String::from_utf8_lossy(&definition.data);
                push(&mut text, &definition.source, &data);
            }
        }
        text.push_str(&self.manifest());
        let mut text = format!("{}\n", text.trim());
        let is_test = |events: &[HookEvent]| events.contains(&HookEvent::Test);
        let hooks = self.hooks.iter().filter(|_| parts.hooks);
        for hook in hooks.filter(|hook| parts.tests || !is_test(&hook.events)) {
            push(&mut text, &hook.path, &hook.manifest);
        }
        text
    }
}

fn push(text: &mut String, source: &str, content: &str) {
    text.push_str(&format!("---\n# Source: {source}\n{content}\n"));
}

/// Of a stream as [`Rendered::text`] gives it the objects from files that match the patterns, in the order of the
/// patterns; a file is named by its path in the chart.
///
/// # Errors
/// A pattern is none, or matches nothing.
pub fn show_only(text: &str, patterns: &[String]) -> Result<String, String> {
    let documents = split(text);
    let mut shown = String::new();
    for pattern in patterns {
        let expression =
            path_pattern(pattern).ok_or_else(|| format!("{pattern:?} is no pattern of a path"))?;
        let mut found = false;
        for document in &documents {
            if source(document).is_some_and(|source| expression.is_match(source)) {
                shown.push_str(&format!("---\n{document}\n"));
                found = true;
            }
        }
        if !found {
            return Err(format!("could not find template {pattern} in chart"));
        }
    }
    Ok(shown)
}

/// The path in the chart of the file that a document is from.
fn source(document: &str) -> Option<&str> {
    let found = SOURCE.as_ref()?.captures(document)?;
    found.get(1).map(|path| path.as_str())
}
