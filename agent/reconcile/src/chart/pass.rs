//! One pass of a HelmChart: looks at its source, packages what is new, and says so.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use windlass_api::helm_chart::{HelmChartSpec, ReconcileStrategy};
use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_cluster::Leadership;
use windlass_helm::with_metadata;
use windlass_release::chart::{BuildError, Built, Content, Wanted, find, package};
use windlass_state::{Store, StoreError};

use super::available::{Available, available};
use super::elsewhere::{Known, Repositories};
use super::pins::Pins;
use super::pull::{PullError, pick, pull};
use super::status::{conclude, problem};
use super::{ChartSnapshot, recall, registry, user};
use crate::artifact::{Outcome, Problem};
use crate::context::Context;
use crate::kept;
use crate::named::Named;
use crate::net::Net;
use crate::offer::Offer;
use crate::registry::Repository;
use crate::registry::verify::{Verification, VerifyError};
use crate::repository::IndexSnapshot;
use crate::repository::access::Access;
use crate::seen::SeenHelmChart;
use crate::source::spec::Unusable;

/// What one pass works with.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) name: Named,
    pub(crate) seen: SeenHelmChart,
    pub(crate) source: ChartSource,
    /// Only the leader writes.
    pub(crate) leadership: Option<Leadership>,
}

/// The source of a chart as the loop knows it.
#[derive(Debug)]
pub(crate) enum ChartSource {
    /// This revision is in use.
    Ready(Box<Offer>, Known),
    /// It has no revision yet.
    NoRevision,
    /// There is no such object.
    NotFound,
    /// This index is in use.
    Repository(Box<Indexed>),
    /// A registry: it has no index, and nothing is known of it before it is asked.
    Registry(Named, Box<HelmRepositorySpec>, Pins),
    /// Nobody vouches for the repository.
    Unvouched(Unusable),
}

/// A repository of charts with its index.
#[derive(Clone, Debug)]
pub(crate) struct Indexed {
    pub(crate) name: Named,
    pub(crate) spec: HelmRepositorySpec,
    pub(crate) index: IndexSnapshot,
    pub(crate) pins: Pins,
}

/// How many hex digits of a revision stand behind a version; Flux's number.
const SHORT_REVISION: usize = 12;

/// How soon a chart is looked at again that could not be packaged, though nothing of it is wrong for good.
const FAILED_INTERVAL: Duration = Duration::from_secs(60);

/// Why there is no chart of this pass.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassError {
    #[error("failed to get source: {kind} '{name}' not found")]
    NotFound { kind: &'static str, name: Named },
    #[error("no artifact available for {kind} source '{name}'")]
    NoArtifact { kind: &'static str, name: String },
    #[error(
        "spec.verify is for charts of registries: this HelmRepository is none (type: oci), and cosign signs nothing in it; \
         remove it"
    )]
    Verify,
    #[error(transparent)]
    Verification(#[from] VerifyError),
    #[error("{}", .0.message)]
    Unusable(Unusable),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Pull(#[from] PullError),
    #[error("the chart could not be packaged: {0}")]
    Package(std::io::Error),
    #[error("{0}")]
    View(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs one pass.
pub(crate) async fn run(context: &Arc<Context>, pass: Pass) -> Outcome<ChartSnapshot> {
    let (snapshot, problem) = match pass.seen.spec.clone() {
        Err(message) => (None, Some(Problem::malformed(&message))),
        Ok(spec) => {
            let (snapshot, error) = look(context, &pass, spec).await;
            (snapshot, error.as_ref().map(problem))
        }
    };
    let object = conclude(context, &pass, snapshot.as_ref(), problem.as_ref()).await;
    let interval = pass
        .seen
        .spec
        .as_ref()
        .map_or(FAILED_INTERVAL, |spec| spec.interval.0);
    let again = match &problem {
        Some(problem) if !problem.stalled => interval.min(FAILED_INTERVAL),
        _ => interval,
    };
    Outcome {
        kept: snapshot,
        problem: problem.map(|problem| (problem.reason, problem.message)),
        object,
        again: Some(again),
    }
}

/// The chart that is in use after this pass, and why it is not another one.
async fn look(
    context: &Arc<Context>,
    pass: &Pass,
    spec: HelmChartSpec,
) -> (Option<ChartSnapshot>, Option<PassError>) {
    let (context, name, meta) = (
        Arc::clone(context),
        pass.name.clone(),
        pass.seen.meta.clone(),
    );
    let source = available(context.as_ref(), pass, &spec).await;
    let work = tokio::task::spawn_blocking(move || {
        let store = &context.keep.store;
        let kept = match recall(store, &name, &meta.uid) {
            Ok(kept) => kept,
            Err(error) => return (None, Some(error.into())),
        };
        let renewed = source.and_then(|source| {
            let object = (&name, meta.uid.as_str(), meta.generation);
            match source {
                Available::Files(source, known) => {
                    let source = (&*source, &known);
                    renew(&context, object, &spec, source, kept.as_ref())
                }
                Available::Index(index, access, pins) => {
                    let world = (store, &*context.net);
                    let from = (&*index, &*access, &pins);
                    pull_anew(world, object, &spec, from, kept.as_ref())
                }
                Available::Registry(url, access, pins, verification) => {
                    let world = (store, &*context.net);
                    let repository = registry::repository(world, &access, (&url, &spec.chart));
                    let from = (&repository, &pins, verification.as_ref());
                    pull_from_registry(from, object, &spec, kept.as_ref())
                }
            }
        });
        match renewed {
            Ok(snapshot) => (Some(snapshot), None),
            Err(error) => (kept, Some(error)),
        }
    });
    work.await.unwrap_or_else(|panic| {
        let broke = std::io::Error::other(format!("the pass broke off: {panic}"));
        (None, Some(PassError::Package(broke)))
    })
}

/// Packages the chart of a revision, or stays with what is kept where nothing asks for a new package: the same name
/// and version for the same spec are the same chart, as in Flux.
fn renew(
    context: &Context,
    (name, uid, generation): (&Named, &str, i64),
    spec: &HelmChartSpec,
    (source, known): (&Offer, &Known),
    kept: Option<&ChartSnapshot>,
) -> Result<ChartSnapshot, PassError> {
    let store = &context.keep.store;
    let reader = store.reader()?;
    let view = source.view(store, &reader).map_err(PassError::View)?;
    let metadata = version_metadata(spec, source, generation);
    let wanted = Wanted {
        path: &spec.chart,
        values_files: &spec.values_files,
        ignore_missing: spec.ignore_missing_values_files,
        metadata: &metadata,
    };
    let found = find(&view, wanted)?;
    let (chart, version) = (found.name(), found.version());
    if let Some(kept) = kept.filter(|kept| kept.is(chart, version, generation)) {
        return stay(store, name, kept, source.revision());
    }
    let repositories = Repositories {
        context,
        chart: name,
        tree: &view,
        known,
        used: RefCell::default(),
    };
    let built = found.build(&repositories)?;
    let snapshot = keep(store, (name, uid, generation), built, source.revision())?;
    repositories.settle()?;
    Ok(snapshot)
}

/// The chart of a repository, pulled unless it is the one that is kept.
fn pull_anew(
    world: (&Store, &Net),
    (name, uid, generation): (&Named, &str, i64),
    spec: &HelmChartSpec,
    (index, access, pins): (&IndexSnapshot, &Access, &Pins),
    kept: Option<&ChartSnapshot>,
) -> Result<ChartSnapshot, PassError> {
    let store = world.0;
    let metadata = values_metadata(spec, generation);
    let picked = pick(store, index, spec, pins)?;
    let version = picked.version(&metadata)?;
    let kept = kept.filter(|kept| kept.is(&spec.chart, &version, generation));
    if let Some(kept) = kept.filter(|_| picked.is_in_use()) {
        return stay(store, name, kept, &index.digest);
    }
    let built = pull(world, access, spec, &picked, &metadata)?;
    keep(store, (name, uid, generation), built, &index.digest)
}

/// The chart of a registry, pulled unless it is the one that is kept: a registry is not asked for what is there.
fn pull_from_registry(
    (repository, pins, verification): (&Repository<'_>, &Pins, Option<&Verification>),
    (name, uid, generation): (&Named, &str, i64),
    spec: &HelmChartSpec,
    kept: Option<&ChartSnapshot>,
) -> Result<ChartSnapshot, PassError> {
    let metadata = values_metadata(spec, generation);
    let version = registry::choose(repository, spec.effective_version())?;
    let revision = match metadata.as_str() {
        "" => version.clone(),
        metadata => with_metadata(&version, metadata).map_err(PullError::Reference)?,
    };
    let what = (spec.chart.as_str(), version.as_str());
    let expected = pins.expected(repository.store, &repository.url, what)?;
    let chart = spec.chart.rsplit('/').next().unwrap_or_default();
    let verified = verification.map(|verification| verification.fingerprint.clone());
    let kept = kept.filter(|kept| kept.is(chart, &revision, generation));
    let kept = kept.filter(|kept| verified.is_none() || kept.verified == verified);
    if let Some(kept) = kept.filter(|_| expected.is_in_use()) {
        return Ok(kept.clone());
    }
    let what = (version.as_str(), metadata.as_str());
    let built = registry::pull(repository, spec, what, &expected, verification)?;
    let snapshot = ChartSnapshot {
        verified,
        ..keep(repository.store, (name, uid, generation), built, "")?
    };
    kept::remember(repository.store, &user(name), &snapshot)?;
    Ok(snapshot)
}

/// What stands behind the version of a chart out of a repository.
fn values_metadata(spec: &HelmChartSpec, generation: i64) -> String {
    match spec.values_files.as_slice() {
        [] => String::new(),
        _ => generation.to_string(),
    }
}

/// The chart that is kept, for another revision of its source.
fn stay(
    store: &Store,
    name: &Named,
    kept: &ChartSnapshot,
    revision: &str,
) -> Result<ChartSnapshot, PassError> {
    let now = ChartSnapshot {
        source_revision: revision.to_owned(),
        ..kept.clone()
    };
    if now != *kept {
        kept::remember(store, &user(name), &now)?;
    }
    Ok(now)
}

fn keep(
    store: &Store,
    (name, uid, generation): (&Named, &str, i64),
    built: Built,
    revision: &str,
) -> Result<ChartSnapshot, PassError> {
    let (bytes, packaged) = match built.content {
        Content::Archive(bytes) => (bytes, false),
        Content::Files(files) => {
            let bytes = package(&built.name, files).map_err(PassError::Package)?;
            (bytes, true)
        }
    };
    let digest = store.keep_blob(&user(name), &bytes)?.to_string();
    let snapshot = ChartSnapshot {
        name: built.name,
        version: built.version,
        digest,
        size: bytes.len() as u64,
        source_revision: revision.to_owned(),
        values_files: built.values_files,
        packaged,
        verified: None,
        generation,
        uid: uid.to_owned(),
    };
    kept::remember(store, &user(name), &snapshot)?;
    Ok(snapshot)
}

impl ChartSnapshot {
    fn is(&self, name: &str, version: &str, generation: i64) -> bool {
        (self.name.as_str(), self.version.as_str(), self.generation) == (name, version, generation)
    }
}

/// What Flux puts behind the version: the commit, or the digest of the revision of a Bucket, where each revision makes a
/// new chart, and the generation where the values are not the chart's own.
fn version_metadata(spec: &HelmChartSpec, source: &Offer, generation: i64) -> String {
    let mut parts = Vec::new();
    if spec.effective_strategy() == ReconcileStrategy::Revision {
        let revision = match source {
            Offer::Commit(snapshot) => snapshot.source.commit().to_string(),
            Offer::Archive(archive) => {
                let digest = archive.revision.split_once(':');
                let (_, digest) = digest.unwrap_or(("", &archive.revision));
                digest.to_owned()
            }
        };
        let short = revision.get(..SHORT_REVISION);
        parts.push(short.unwrap_or(&revision).to_owned());
    }
    if !spec.values_files.is_empty() {
        parts.push(generation.to_string());
    }
    parts.join(".")
}
