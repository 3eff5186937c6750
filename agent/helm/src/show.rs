//! A rendered chart as `helm template` prints it (pkg/cmd/template.go).

use std::fmt;
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

/// What one template, or one file of definitions, came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its path through the charts.
    pub source: String,
    content: String,
}

// === impl Piece ===

impl fmt::Display for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "---\n# Source: {}\n{}",
            self.source, self.content
        )
    }
}

// === impl Rendered ===

impl Rendered {
    /// The objects as one stream of YAML.
    #[must_use]
    pub fn text(&self, parts: Parts) -> String {
        let mut text = String::new();
        for piece in self.objects(parts) {
            text.push_str(&piece.to_string());
        }
        let mut text = format!("{}\n", text.trim());
        for piece in self.hook_pieces(parts) {
            text.push_str(&piece.to_string());
        }
        text
    }

    /// The objects piece by piece, in the order of [`Rendered::text`].
    pub fn pieces(&self, parts: Parts) -> impl Iterator<Item = Piece> {
        self.objects(parts).chain(self.hook_pieces(parts))
    }

    fn objects(&self, parts: Parts) -> impl Iterator<Item = Piece> {
        let definitions = match parts.definitions {
            true => self.chart.custom_resource_definitions(),
            false => Vec::new(),
        };
        let definitions = definitions.into_iter().map(|definition| Piece {
            content: String::from_utf8_lossy(&definition.data).into_owned(),
            source: definition.source,
        });
        let manifests = self.manifests.iter().map(|manifest| Piece {
            source: manifest.source.clone(),
            content: manifest.content.clone(),
        });
        definitions.chain(manifests)
    }

    fn hook_pieces(&self, parts: Parts) -> impl Iterator<Item = Piece> {
        let is_test = |events: &[HookEvent]| events.contains(&HookEvent::Test);
        let hooks = self
            .hooks
            .iter()
            .filter(move |hook| parts.hooks && (parts.tests || !is_test(&hook.events)));
        hooks.map(|hook| Piece {
            source: hook.path.clone(),
            content: hook.manifest.clone(),
        })
    }
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
