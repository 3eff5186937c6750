//! The metrics as OpenMetrics has them. Names and labels with `gotk_` are those of fluxcd/pkg (`runtime/metrics/recorder.go`),
//! which Flux's dashboards and alerts ask for.

use std::collections::BTreeSet;
use std::fmt::Error;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets_range};
use prometheus_client::registry::Registry;

use crate::named::Named;

/// Histograms of passes, by object.
pub(super) type Passes = Family<ObjectLabels, Histogram, fn() -> Histogram>;

type Floats<Labels> = Family<Labels, Gauge<f64, AtomicU64>>;

/// What one moment looks like.
#[derive(Debug, Default)]
pub(crate) struct Scraped {
    pub(crate) node: Node,
    /// Of the leader: what it knows of the objects. Another node says nothing of them, so that none is counted twice.
    pub(crate) objects: Vec<ObjectState>,
    pub(crate) sources: Vec<SourceState>,
    /// Kustomizations, and whether a revision of each is held until a person confirms.
    pub(crate) held: Vec<(Named, bool)>,
}

/// The node itself.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) version: &'static str,
    pub(crate) roots: String,
    pub(crate) leads: bool,
    pub(crate) paused: bool,
    /// Bytes left where the state is.
    pub(crate) free_disk: Option<u64>,
}

/// One object of Flux's API.
#[derive(Debug)]
pub(crate) struct ObjectState {
    pub(crate) kind: &'static str,
    pub(crate) name: Named,
    pub(crate) suspended: bool,
    pub(crate) conditions: Vec<Condition>,
}

/// One of its conditions.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) type_: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    pub(crate) reason: String,
}

/// One GitRepository as this node sees it, whoever leads.
#[derive(Debug)]
pub(crate) struct SourceState {
    pub(crate) name: Named,
    /// When the remote answered last, in seconds since 1970.
    pub(crate) fetched_at: Option<f64>,
    /// Since when the revision that is applied is the one.
    pub(crate) accepted_at: Option<f64>,
    /// Whether it shows this cluster's nodes something else than one another.
    pub(crate) split: bool,
    /// Why what it offers is not taken.
    pub(crate) refused: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ObjectLabels {
    kind: &'static str,
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    kind: &'static str,
    name: String,
    namespace: String,
    r#type: String,
    status: &'static str,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabels {
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    name: String,
    namespace: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    version: &'static str,
    roots: String,
}

impl ObjectLabels {
    pub(super) fn new(kind: &'static str, name: &Named) -> Self {
        Self {
            kind,
            name: name.name.clone(),
            namespace: name.namespace.clone(),
        }
    }
}

impl NameLabels {
    fn new(name: &Named) -> Self {
        Self {
            name: name.name.clone(),
            namespace: name.namespace.clone(),
        }
    }
}

impl Scraped {
    /// Kind and name of every object.
    pub(super) fn there(&self) -> BTreeSet<(&'static str, &Named)> {
        let objects = self.objects.iter();
        objects.map(|object| (object.kind, &object.name)).collect()
    }
}

/// The buckets of Flux: ten between 10 ms and half an hour.
pub(super) fn passes() -> Passes {
    Family::new_with_constructor(|| Histogram::new(exponential_buckets_range(0.01, 1800.0, 10)))
}

/// Writes everything as one text.
pub(super) fn encode(scraped: &Scraped, passes: &Passes) -> Result<String, Error> {
    let mut registry = Registry::default();
    if scraped.node.leads {
        objects(&mut registry, scraped, passes);
    }
    node(&mut registry, &scraped.node);
    sources(&mut registry, &scraped.sources);
    let held = Floats::<NameLabels>::default();
    for (name, is_held) in &scraped.held {
        set(&held, &NameLabels::new(name), truth(*is_held));
    }
    let help = "Whether a revision waits until a person confirms what it would delete";
    registry.register("windlass_kustomization_held", help, held);
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

fn objects(registry: &mut Registry, scraped: &Scraped, passes: &Passes) {
    const STATUSES: [&str; 3] = ["True", "False", "Unknown"];
    let (conditions, suspended) = (Floats::default(), Floats::<ObjectLabels>::default());
    for object in &scraped.objects {
        let labels = ObjectLabels::new(object.kind, &object.name);
        set(&suspended, &labels, truth(object.suspended));
        for condition in &object.conditions {
            for status in STATUSES {
                let labels = ConditionLabels {
                    kind: object.kind,
                    name: object.name.name.clone(),
                    namespace: object.name.namespace.clone(),
                    r#type: condition.type_.clone(),
                    status,
                    reason: condition.reason.clone(),
                };
                set(&conditions, &labels, truth(status == condition.status));
            }
        }
    }
    let help = "The current condition status of a GitOps Toolkit resource reconciliation";
    registry.register("gotk_reconcile_condition", help, conditions);
    let help = "The current suspend status of a GitOps Toolkit resource";
    registry.register("gotk_suspend_status", help, suspended);
    let help = "The duration in seconds of a GitOps Toolkit resource reconciliation";
    registry.register("gotk_reconcile_duration_seconds", help, passes.clone());
}

fn node(registry: &mut Registry, node: &Node) {
    let info = Floats::default();
    let labels = InfoLabels {
        version: node.version,
        roots: node.roots.clone(),
    };
    set(&info, &labels, 1.0);
    let help = "The version of windlass, and a digest of what this node trusts: nodes of one cluster have the same";
    registry.register("windlass_node_info", help, info);
    one(
        registry,
        "windlass_leader",
        "Whether this node leads",
        truth(node.leads),
    );
    let help = "Whether everything is paused";
    one(registry, "windlass_paused", help, truth(node.paused));
    if let Some(free) = node.free_disk {
        let help = "Bytes left where this node keeps its state";
        // Exact up to eight petabytes.
        one(registry, "windlass_free_disk_bytes", help, free as f64);
    }
}

fn sources(registry: &mut Registry, sources: &[SourceState]) {
    let (fetched, accepted) = (
        Floats::<NameLabels>::default(),
        Floats::<NameLabels>::default(),
    );
    let refused = Floats::default();
    for source in sources {
        let labels = NameLabels::new(&source.name);
        if let Some(at) = source.fetched_at {
            set(&fetched, &labels, at);
        }
        if let Some(at) = source.accepted_at {
            set(&accepted, &labels, at);
        }
        let labels = RefusedLabels {
            name: source.name.name.clone(),
            namespace: source.name.namespace.clone(),
            reason: source.refused.unwrap_or_default(),
        };
        set(&refused, &labels, truth(source.refused.is_some()));
    }
    let help = "When the remote of a source answered last, in seconds since 1970";
    registry.register("windlass_source_fetched_timestamp_seconds", help, fetched);
    let help = "When the revision of a source that is applied was accepted, in seconds since 1970";
    registry.register("windlass_source_accepted_timestamp_seconds", help, accepted);
    let help = "Whether a source shows this node something else than it shows others";
    let is_split = truth(sources.iter().any(|source| source.split));
    one(registry, "windlass_split_view", help, is_split);
    let help = "Whether what a source offers is refused, and why";
    registry.register("windlass_source_refused", help, refused);
}

fn one(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn set<Labels>(family: &Floats<Labels>, labels: &Labels, value: f64)
where
    Labels: Clone + std::hash::Hash + Eq,
{
    family.get_or_create(labels).set(value);
}

fn truth(of: bool) -> f64 {
    f64::from(u8::from(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scraped(leads: bool) -> Scraped {
        Scraped {
            node: Node {
                version: "0.1.0",
                roots: "ab".to_owned(),
                leads,
                paused: false,
                free_disk: Some(1024),
            },
            objects: vec![ObjectState {
                kind: "Kustomization",
                name: Named::new("flux-system", "apps"),
                suspended: true,
                conditions: vec![Condition {
                    type_: "Ready".to_owned(),
                    status: "False".to_owned(),
                    reason: "BuildFailed".to_owned(),
                }],
            }],
            sources: vec![SourceState {
                name: Named::new("flux-system", "flux-system"),
                fetched_at: Some(1_800_000_000.0),
                accepted_at: None,
                split: true,
                refused: Some("NotFastForward"),
            }],
            held: vec![(Named::new("flux-system", "apps"), true)],
        }
    }

    fn lines(leads: bool) -> Vec<String> {
        let passes = passes();
        let labels = ObjectLabels::new("Kustomization", &Named::new("flux-system", "apps"));
        passes.get_or_create(&labels).observe(0.5);
        let text = encode(&scraped(leads), &passes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_leader_says_of_objects_what_the_dashboards_of_flux_ask_for() {
        let lines = lines(true);
        let apps = r#"kind="Kustomization",name="apps",namespace="flux-system""#;
        for (status, value) in [("True", "0.0"), ("False", "1.0"), ("Unknown", "0.0")] {
            let line = format!(
                r#"gotk_reconcile_condition{{{apps},type="Ready",status="{status}",reason="BuildFailed"}} {value}"#
            );
            assert!(lines.contains(&line), "{line} {lines:#?}");
        }
        assert!(
            lines.contains(&format!("gotk_suspend_status{{{apps}}} 1.0")),
            "{lines:#?}"
        );
        let count = format!("gotk_reconcile_duration_seconds_count{{{apps}}} 1");
        assert!(lines.contains(&count), "{lines:#?}");
        let buckets = lines
            .iter()
            .filter(|line| line.starts_with("gotk_reconcile_duration_seconds_bucket"));
        assert_eq!(buckets.count(), 11, "{lines:#?}");
    }

    #[test]
    fn another_node_speaks_of_itself_alone() {
        let lines = lines(false);
        assert!(
            !lines.iter().any(|line| line.contains("gotk_")),
            "{lines:#?}"
        );
        let root = r#"name="flux-system",namespace="flux-system""#;
        for line in [
            "windlass_leader 0.0".to_owned(),
            "windlass_split_view 1.0".to_owned(),
            "windlass_free_disk_bytes 1024.0".to_owned(),
            r#"windlass_node_info{version="0.1.0",roots="ab"} 1.0"#.to_owned(),
            format!("windlass_source_fetched_timestamp_seconds{{{root}}} 1800000000.0"),
            format!(r#"windlass_source_refused{{{root},reason="NotFastForward"}} 1.0"#),
            "# EOF".to_owned(),
        ] {
            assert!(lines.contains(&line), "{line} {lines:#?}");
        }
    }
}
