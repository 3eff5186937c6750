//! `status`: on one screen, who leads, how fresh the sources are, and what is not ready and why.

mod nodes;

use jiff::Timestamp;
use windlass_api::conditions::{FETCH_FAILED, READY, SOURCE_VERIFIED};
use windlass_api::names::FLUX_SYSTEM;
use windlass_api::node::NodeStatus;
use windlass_cluster::{RequestError, Scope};
use windlass_control::Observed;
use windlass_object::Object;

use crate::error::CommandError;
use crate::facts::{condition, flag, readiness, revision, short_revision, text};
use crate::kind::Kind;
use crate::lease::{Lead, lead, nodes};
use crate::observed;
use crate::screen::Screen;
use crate::session::now;
use crate::table;
use crate::view::View;
use crate::words::{age, shorten_digests};

/// The sources that no signed commits are in.
const OTHERS: [Kind; 4] = [
    Kind::OciRepository,
    Kind::Bucket,
    Kind::HelmRepository,
    Kind::HelmChart,
];

/// Everything the screen shows.
struct Facts {
    server: String,
    /// What the API server calls itself; `None` when it does not answer, and this is the word of a node.
    version: Option<String>,
    lead: Option<Lead>,
    nodes: Vec<(String, NodeStatus)>,
    sources: Vec<Object>,
    /// What is taken of registries, buckets and repositories of charts, kind by kind.
    others: Vec<(Kind, Vec<Object>)>,
    kustomizations: Vec<Object>,
    releases: Vec<Object>,
    /// What the agent of this node found, if it only observes.
    observed: Option<Observed>,
}

/// Runs the command.
pub(crate) async fn run(view: &View<'_>, screen: &mut Screen<'_>) -> Result<(), CommandError> {
    let (server, version, lead, nodes) = match view {
        View::Cluster(session) => (
            session.cluster.server(),
            Some(session.cluster.version().await?),
            lead(session).await?,
            nodes(session).await?,
        ),
        View::Node(sight) => (sight.server().to_owned(), None, None, vec![sight.node()]),
    };
    let mut others = Vec::new();
    for kind in OTHERS {
        others.push((kind, all(view, kind).await?));
    }
    let facts = Facts {
        server,
        version,
        lead,
        nodes,
        sources: all(view, Kind::GitRepository).await?,
        others,
        kustomizations: all(view, Kind::Kustomization).await?,
        releases: all(view, Kind::HelmRelease).await?,
        observed: observed::found(view).await,
    };
    Ok(screen.print(&render(&facts, now().timestamp()))?)
}

/// Every object of a kind; none when the cluster does not know the kind.
async fn all(view: &View<'_>, kind: Kind) -> Result<Vec<Object>, RequestError> {
    view.list_known(&kind.gvk(), &Scope::all()).await
}

// === impl Facts ===

impl Facts {
    /// All that can be ready, kind by kind.
    fn kinds(&self) -> Vec<(Kind, &[Object])> {
        let mut kinds = vec![(Kind::GitRepository, self.sources.as_slice())];
        let others = self.others.iter();
        kinds.extend(others.map(|(kind, objects)| (*kind, objects.as_slice())));
        kinds.push((Kind::Kustomization, &self.kustomizations));
        kinds.push((Kind::HelmRelease, &self.releases));
        kinds
    }
}

fn render(facts: &Facts, now: Timestamp) -> String {
    let kinds = facts.kinds();
    let objects = || {
        let kinds = kinds.iter();
        kinds.flat_map(|(kind, objects)| objects.iter().map(move |object| (*kind, object)))
    };
    let is_suspended = |object: &Object| flag(object, "/spec/suspend");
    let mut lines = vec![
        line("Cluster", cluster(facts)),
        line("Leader", leader(facts, now)),
        line("Root", root(facts, now)),
        line("Ready", counts(&kinds)),
    ];
    let found = facts.observed.as_ref().map(observed::summary);
    lines.extend(found.map(|found| line("Observed", found)));
    let mut text = table::aligned(&[], &lines);
    nodes::show(&mut text, &facts.nodes, facts.lead.as_ref(), now);
    let sources: Vec<Vec<String>> = facts
        .sources
        .iter()
        .map(|object| source_row(object, now))
        .collect();
    section(
        &mut text,
        &["Source", "Revision", "Since", "Signatures", "State"],
        &sources,
    );

    let waiting = objects().filter(|(_, object)| !is_ready(object) && !is_suspended(object));
    let waiting: Vec<Vec<String>> = waiting
        .map(|(kind, object)| not_ready_row(kind, object, now))
        .collect();
    section(
        &mut text,
        &["Not ready", "Reason", "For", "Message"],
        &waiting,
    );

    let suspended = objects().filter(|(_, object)| is_suspended(object));
    let suspended: Vec<Vec<String>> = suspended
        .map(|(_, object)| {
            let until = object
                .annotation(windlass_api::names::SUSPEND_UNTIL)
                .unwrap_or("resumed");
            vec![object.key().to_string(), format!("until {until}")]
        })
        .collect();
    section(&mut text, &["Suspended", ""], &suspended);
    text.push_str(
        &facts
            .observed
            .as_ref()
            .map(observed::render)
            .unwrap_or_default(),
    );
    text
}

fn is_ready(object: &Object) -> bool {
    readiness(object).0 == "True"
}

/// How many are ready, of all and of each kind that there is.
fn counts(kinds: &[(Kind, &[Object])]) -> String {
    let count = |objects: &[Object]| {
        let ready = objects.iter().filter(|object| is_ready(object)).count();
        (ready, objects.len())
    };
    let each = kinds.iter().filter(|(_, objects)| !objects.is_empty());
    let each = each.map(|(kind, objects)| (kind.name(), count(objects)));
    let each: Vec<(&str, (usize, usize))> = each.collect();
    let sum = |part: fn(&(usize, usize)) -> usize| -> usize {
        each.iter().map(|(_, counted)| part(counted)).sum()
    };
    let total = format!(
        "{} of {}",
        sum(|(ready, _)| *ready),
        sum(|(_, total)| *total)
    );
    let words = each
        .iter()
        .map(|(kind, (ready, total))| format!("{kind} {ready} of {total}"));
    match each.len() {
        0 | 1 => total,
        _ => format!("{total} ({})", words.collect::<Vec<_>>().join(", ")),
    }
}

fn line(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn section(text: &mut String, header: &[&str], rows: &[Vec<String>]) {
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table::aligned(header, rows));
    }
}

fn cluster(facts: &Facts) -> String {
    match &facts.version {
        Some(version) => format!("Kubernetes {version} at {}", facts.server),
        None => format!("not asked: {}", facts.server),
    }
}

fn leader(facts: &Facts, now: Timestamp) -> String {
    if facts.version.is_none() {
        return "unknown: only the API server knows".to_owned();
    }
    let Some(lead) = &facts.lead else {
        return "none: no node has ever led (is the agent running? see `windlass check`)"
            .to_owned();
    };
    let renewed = lead
        .age(now)
        .map_or("never".to_owned(), |age_of| format!("{} ago", age(age_of)));
    if !lead.is_held(now) {
        let last = if lead.node.is_empty() {
            "a node"
        } else {
            lead.node.as_str()
        };
        return format!("none: {last} led until {renewed}; nothing is written until a node leads");
    }
    let version = lead
        .status
        .version
        .as_deref()
        .unwrap_or("of unknown version");
    format!("{}, windlass {version}, renewed {renewed}", lead.node)
}

/// The root source as the leading node sees it, or this one where nobody else can be asked. The Lease says so at its next renewal only; where the
/// source's object has its usual name it is ahead.
fn root(facts: &Facts, now: Timestamp) -> String {
    let node = facts.nodes.first().map(|(_, status)| status);
    let node = node.filter(|_| facts.version.is_none());
    let Some(status) = facts.lead.as_ref().map(|lead| &lead.status).or(node) else {
        return "unknown".to_owned();
    };
    let object = facts.sources.iter().find(|source| {
        source.name() == FLUX_SYSTEM && source.namespace().unwrap_or_default() == FLUX_SYSTEM
    });
    let revision = object.map(|object| revision(Kind::GitRepository, object));
    let revision = revision.filter(|revision| !revision.is_empty());
    let revision = revision.or(status.revision.as_deref()).map(shorten_digests);
    let mut text = revision.map_or("nothing verified yet".to_owned(), |revision| {
        format!("{revision} verified")
    });
    let ago = |time: windlass_api::time::Time| {
        age(now.as_second().saturating_sub(time.timestamp().as_second()))
    };
    if let Some(fetched_at) = status.fetched_at {
        text.push_str(&format!(", checked {} ago", ago(fetched_at)));
    }
    let back = object.is_some_and(|object| {
        condition(object, FETCH_FAILED).is_none_or(|failed| failed.status != "True")
    });
    if let Some(offline_since) = status.offline_since.filter(|_| !back) {
        text.push_str(&format!(", offline for {}", ago(offline_since)));
    }
    text
}

fn source_row(object: &Object, now: Timestamp) -> Vec<String> {
    let since: Option<Timestamp> = text(object, "/status/artifact/lastUpdateTime").parse().ok();
    let since = since.map_or(String::new(), |since| since_age(since, now));
    let verified = match condition(object, SOURCE_VERIFIED) {
        Some(verified) if verified.status == "True" => "good".to_owned(),
        Some(verified) => verified.reason,
        None => "unknown".to_owned(),
    };
    let state = match condition(object, FETCH_FAILED).filter(|failed| failed.status == "True") {
        Some(failed) => {
            let for_ = failed
                .since
                .map_or(String::new(), |since| since_age(since, now));
            format!(
                "cannot be fetched for {for_}: {}",
                shorten_digests(&failed.message)
            )
        }
        None => readiness(object)
            .0
            .replace("True", "fresh")
            .replace("False", "not ready"),
    };
    let revision = short_revision(Kind::GitRepository, object);
    vec![object.key().to_string(), revision, since, verified, state]
}

fn not_ready_row(kind: Kind, object: &Object, now: Timestamp) -> Vec<String> {
    let name = format!(
        "{}/{}/{}",
        kind.name(),
        object.namespace().unwrap_or_default(),
        object.name()
    );
    match condition(object, READY) {
        Some(ready) => {
            let since = ready
                .since
                .map_or(String::new(), |since| since_age(since, now));
            vec![name, ready.reason, since, shorten_digests(&ready.message)]
        }
        None => vec![name, "-".to_owned(), String::new(), readiness(object).1],
    }
}

fn since_age(since: Timestamp, now: Timestamp) -> String {
    age(now.as_second().saturating_sub(since.as_second()))
}

#[cfg(test)]
mod tests;
