//! What a chart's templates see: the value that `.` is at their top.

use std::collections::BTreeMap;

use crate::capabilities::Capabilities;
use crate::chart::{Chart, Dependency, Metadata};
use crate::render::Release;
use crate::value::{Map, MapKind, Text, Value};

/// A template and what it is run on.
#[derive(Debug)]
pub(crate) struct Renderable<'c> {
    /// Its path through the charts.
    pub(crate) path: String,
    pub(crate) text: &'c [u8],
    /// What `.` is.
    pub(crate) scope: Map,
    /// The folder of the chart's templates.
    pub(crate) base_path: String,
}

/// Every template of a chart and of those it brings along.
pub(crate) fn renderables<'c>(
    chart: &'c Chart,
    values: &Map,
    release: &Release,
    capabilities: &Capabilities,
) -> Vec<Renderable<'c>> {
    let shared = Shared {
        release: release.to_value(),
        capabilities: capabilities.to_value(),
    };
    let mut found = Vec::new();
    let values = values.as_kind(MapKind::Values);
    collect(chart, chart.name(), true, &values, &shared, &mut found);
    // Paths are unique in Helm: the last one of a name stays.
    let mut by_path = BTreeMap::new();
    for renderable in found {
        by_path.insert(renderable.path.clone(), renderable);
    }
    let mut found: Vec<_> = by_path.into_values().collect();
    found.sort_by(|one, other| {
        let depth = |path: &str| path.matches('/').count();
        let order = depth(&one.path).cmp(&depth(&other.path));
        order.then_with(|| one.path.cmp(&other.path)).reverse()
    });
    found
}

struct Shared {
    release: Value,
    capabilities: Value,
}

fn collect<'c>(
    chart: &'c Chart,
    path: &str,
    is_root: bool,
    values: &Map,
    shared: &Shared,
    found: &mut Vec<Renderable<'c>>,
) -> Map {
    let subcharts = Map::new(MapKind::Any, BTreeMap::new());
    let scope = Map::new(MapKind::Values, BTreeMap::new());
    scope.insert(Text::from("Chart"), metadata(&chart.metadata, is_root));
    scope.insert(Text::from("Files"), files(chart));
    scope.insert(Text::from("Release"), shared.release.clone());
    scope.insert(Text::from("Capabilities"), shared.capabilities.clone());
    scope.insert(Text::from("Values"), Value::Map(values.clone()));
    scope.insert(Text::from("Subcharts"), Value::Map(subcharts.clone()));
    for dependency in &chart.dependencies {
        let name = dependency.name();
        let own = match values.get(name.as_bytes()) {
            Some(Value::Map(own)) => own.as_kind(MapKind::Values),
            _ => Map::new(MapKind::Values, BTreeMap::new()),
        };
        let path = format!("{path}/charts/{name}");
        let inner = collect(dependency, &path, false, &own, shared, found);
        let inner = Value::Map(inner.as_kind(MapKind::Any));
        subcharts.insert(Text::from(name), inner);
    }
    for template in &chart.templates {
        let base = template.name.rsplit('/').next().unwrap_or_default();
        if chart.is_library() && !base.starts_with('_') {
            continue;
        }
        found.push(Renderable {
            path: format!("{path}/{}", template.name),
            text: &template.data,
            scope: scope.clone(),
            base_path: format!("{path}/templates"),
        });
    }
    scope
}

fn files(chart: &Chart) -> Value {
    let files = chart.files.iter().map(|file| {
        let name = Text::from(file.name.as_str());
        (name, Value::Bytes(file.data.clone()))
    });
    Value::Map(Map::new(MapKind::Files, files.collect()))
}

fn fields(fields: Vec<(&str, Value)>) -> Value {
    let entries = fields.into_iter();
    Value::map(
        entries
            .map(|(name, value)| (Text::from(name), value))
            .collect(),
    )
}

fn texts(texts: &[String]) -> Value {
    Value::list(texts.iter().map(Value::text).collect())
}

fn metadata(metadata: &Metadata, is_root: bool) -> Value {
    let annotations = metadata.annotations.iter();
    let annotations =
        annotations.map(|(key, value)| (Text::from(key.as_str()), Value::text(value)));
    let maintainers = metadata.maintainers.iter().flatten().map(|maintainer| {
        fields(vec![
            ("Name", Value::text(&maintainer.name)),
            ("Email", Value::text(&maintainer.email)),
            ("URL", Value::text(&maintainer.url)),
        ])
    });
    let dependencies = metadata.dependencies.iter().map(dependency);
    fields(vec![
        ("Name", Value::text(&metadata.name)),
        ("Home", Value::text(&metadata.home)),
        ("Sources", texts(&metadata.sources)),
        ("Version", Value::text(&metadata.version)),
        ("Description", Value::text(&metadata.description)),
        ("Keywords", texts(&metadata.keywords)),
        ("Maintainers", Value::list(maintainers.collect())),
        ("Icon", Value::text(&metadata.icon)),
        ("APIVersion", Value::text(&metadata.api_version)),
        ("Condition", Value::text(&metadata.condition)),
        ("Tags", Value::text(&metadata.tags)),
        ("AppVersion", Value::text(&metadata.app_version)),
        ("Deprecated", Value::Bool(metadata.deprecated)),
        (
            "Annotations",
            Value::Map(Map::new(MapKind::Text, annotations.collect())),
        ),
        ("KubeVersion", Value::text(&metadata.kube_version)),
        ("Dependencies", Value::list(dependencies.collect())),
        ("Type", Value::text(&metadata.chart_type)),
        ("IsRoot", Value::Bool(is_root)),
    ])
}

fn dependency(dependency: &Dependency) -> Value {
    let imports = dependency.import_values.iter().map(Value::from_json);
    fields(vec![
        ("Name", Value::text(&dependency.name)),
        ("Version", Value::text(&dependency.version)),
        ("Repository", Value::text(&dependency.repository)),
        ("Condition", Value::text(&dependency.condition)),
        ("Tags", texts(&dependency.tags)),
        ("Enabled", Value::Bool(dependency.enabled)),
        ("ImportValues", Value::list(imports.collect())),
        ("Alias", Value::text(&dependency.alias)),
    ])
}

// === impl Release ===

impl Release {
    fn to_value(&self) -> Value {
        let is_upgrade = self.is_upgrade();
        fields(vec![
            ("Name", Value::text(&self.name)),
            ("Namespace", Value::text(&self.namespace)),
            ("IsUpgrade", Value::Bool(is_upgrade)),
            ("IsInstall", Value::Bool(!is_upgrade)),
            ("Revision", Value::int(self.revision)),
            ("Service", Value::text("Helm")),
        ])
    }
}
