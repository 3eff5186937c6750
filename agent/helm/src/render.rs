//! A chart and values to manifests, hooks and notes.

use std::rc::Rc;

use serde_json::{Map, Value as Json};

use crate::capabilities::Capabilities;
use crate::chart::Chart;
use crate::coalesce::{Nulls, coalesce};
use crate::dependencies;
use crate::engine::{Context, Engine, Surroundings, Templates};
use crate::exec;
use crate::manifest::{Hook, Manifest, sort};
use crate::scope::{Renderable, renderables};
use crate::template::parse::{ParseError, parse};
use crate::value::{Map as ValueMap, MapKind, Text, Value};

/// The release a chart is rendered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// The namespace it goes to.
    pub namespace: String,
    /// Its number, from 1.
    pub revision: i64,
    /// Whether it is new.
    pub operation: Operation,
    /// Whether values.schema.json is not asked.
    pub skips_schema: bool,
}

/// What is being done with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Install,
    /// It is there already.
    Upgrade,
}

/// What a chart renders to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The chart as it was rendered: without the dependencies that are off, with the values the others gave.
    pub chart: Chart,
    /// The objects, in the order they are installed in.
    pub manifests: Vec<Manifest>,
    /// The hooks, in the order they are sorted in.
    pub hooks: Vec<Hook>,
    /// What NOTES.txt says.
    pub notes: String,
}

/// Why a chart does not render, worded as Helm words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The values do not fit the chart's shape.
    #[error("{0}")]
    Values(String),
    /// The values break the chart's schema.
    #[error(
        "values don't meet the specifications of the schema(s) in the following chart(s):\n{0}"
    )]
    Schema(String),
    /// The cluster is too old or too new.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {found}")]
    KubeVersion {
        /// What the chart asks for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// A template is none.
    #[error("parse error at ({location}): {message}")]
    Parse {
        /// File and line.
        location: String,
        /// What is wrong there.
        message: String,
    },
    /// A template failed.
    #[error("{0}")]
    Template(String),
    /// A template gave no YAML.
    #[error("YAML parse error on {file}: {message}")]
    Manifest {
        /// The template.
        file: String,
        /// What is wrong with what it gave.
        message: String,
    },
    /// There is no memory for the stack that templates run on.
    #[error("no stack of {STACK} bytes for the templates: {0}; give the process more memory")]
    Stack(String),
}

/// The stack templates run on: a thousand templates calling each other (Helm's bound) take about 100 KB
/// each where nothing is optimised. Only what is used is ever backed by memory.
const STACK: usize = 256 << 20;

// === impl RenderError ===

impl RenderError {
    fn parse(error: ParseError) -> Self {
        RenderError::Parse {
            location: error.location,
            message: error.message,
        }
    }
}

// === impl Release ===

impl Release {
    pub(crate) fn is_upgrade(&self) -> bool {
        self.operation == Operation::Upgrade
    }
}

// === impl Rendered ===

impl Rendered {
    /// The manifests as one text, as a release keeps it.
    #[must_use]
    pub fn manifest(&self) -> String {
        let mut text = String::new();
        for manifest in &self.manifests {
            text.push_str(&format!(
                "---\n# Source: {}\n{}\n",
                manifest.source, manifest.content
            ));
        }
        text
    }
}

/// Renders a chart with a user's values, as `helm install` does before it applies anything.
///
/// # Errors
/// The values do not fit, a template fails or gives no YAML, or a bound is reached.
pub fn render(
    chart: &Chart,
    values: &Map<String, Json>,
    release: &Release,
    capabilities: &Capabilities,
    surroundings: &dyn Surroundings,
) -> Result<Rendered, RenderError> {
    on_a_stack(|| render_here(chart, values, release, capabilities, surroundings))
}

/// Gives what the template of a release's name comes to, as `--name-template` has it.
///
/// # Errors
/// It is no template, or fails.
pub fn render_name(text: &str, surroundings: &dyn Surroundings) -> Result<String, RenderError> {
    on_a_stack(|| {
        let name = "name-template";
        let known = Rc::new(Templates::default());
        for tree in &parse(name, text).map_err(RenderError::parse)? {
            known.add(tree);
        }
        let context = Context {
            engine: &Engine::new(surroundings),
            templates: known,
        };
        let Some(tree) = context.templates.find(name) else {
            return Ok(String::new());
        };
        let text = exec::execute(&context, &tree, &Value::Nil)
            .map_err(|fault| RenderError::Template(fault.report()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    })
}

fn on_a_stack<T: Send>(
    run: impl FnOnce() -> Result<T, RenderError> + Send,
) -> Result<T, RenderError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("helm-render".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, run)
            .map_err(|error| RenderError::Stack(error.to_string()))?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn render_here(
    chart: &Chart,
    values: &Map<String, Json>,
    release: &Release,
    capabilities: &Capabilities,
    surroundings: &dyn Surroundings,
) -> Result<Rendered, RenderError> {
    let mut chart = chart.clone();
    dependencies::process(&mut chart, values).map_err(RenderError::Values)?;
    let values = coalesce(&chart, values, Nulls::Remove).map_err(RenderError::Values)?;
    if !release.skips_schema {
        crate::schema::check(&chart, &values).map_err(RenderError::Schema)?;
    }
    let wanted = &chart.metadata.kube_version;
    let found = &capabilities.kube_version;
    if !wanted.is_empty() && !dependencies::is_compatible(wanted, &found.normalized) {
        return Err(RenderError::KubeVersion {
            wanted: wanted.clone(),
            found: found.version.clone(),
        });
    }
    let templates = renderables(&chart, &values, release, capabilities);
    let mut files = execute(&templates, surroundings)?;
    let notes_path = format!("{}/templates/NOTES.txt", chart.name());
    let mut notes = String::new();
    files.retain(|(path, text)| {
        if *path == notes_path {
            notes.clone_from(text);
        }
        !path.ends_with("NOTES.txt")
    });
    files.sort();
    let (hooks, manifests) = sort(&files)?;
    Ok(Rendered {
        chart,
        manifests,
        hooks,
        notes,
    })
}

/// Runs every template that is no partial; gives path and text.
fn execute(
    templates: &[Renderable<'_>],
    surroundings: &dyn Surroundings,
) -> Result<Vec<(String, String)>, RenderError> {
    let engine = Engine::new(surroundings);
    let known = Rc::new(Templates::default());
    for template in templates {
        let text = String::from_utf8_lossy(template.text);
        let trees = parse(&template.path, &text).map_err(RenderError::parse)?;
        trees.iter().for_each(|tree| known.add(tree));
    }
    let context = Context {
        engine: &engine,
        templates: known,
    };
    let mut files = Vec::new();
    for template in templates {
        let base = template.path.rsplit('/').next().unwrap_or_default();
        if base.starts_with('_') {
            continue;
        }
        let Some(tree) = context.templates.find(&template.path) else {
            continue;
        };
        let about = [
            (Text::from("Name"), Value::text(&template.path)),
            (Text::from("BasePath"), Value::text(&template.base_path)),
        ];
        let about = ValueMap::new(MapKind::Values, about.into_iter().collect());
        template
            .scope
            .insert(Text::from("Template"), Value::Map(about));
        let data = Value::Map(template.scope.clone());
        let text = exec::execute(&context, &tree, &data)
            .map_err(|fault| RenderError::Template(fault.report()))?;
        let text = String::from_utf8_lossy(&text).replace("<no value>", "");
        files.push((template.path.clone(), text));
    }
    Ok(files)
}
