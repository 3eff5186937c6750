//! One pass of a HelmRepository: asks for the index, keeps it, and says so.

use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_cluster::Leadership;
use windlass_release::index::{self, IndexError};
use windlass_state::{BlobDigest, Store, StoreError};
use windlass_wire::FailureClass;

use super::access::{self, Access};
use super::status::{conclude, problem};
use super::{IndexSnapshot, recall, user};
use crate::artifact::{Outcome, Problem};
use crate::context::Context;
use crate::download::{DownloadError, Downloaded, download};
use crate::kept;
use crate::named::Named;
use crate::net::Net;
use crate::seen::SeenHelmRepository;
use crate::source::spec::Unusable;

/// Twice the largest public index; it is never in memory as a whole.
pub(crate) const INDEX_BYTES: u64 = 128 * 1024 * 1024;

/// How soon a repository is asked again that could not be reached.
const FAILED_INTERVAL: Duration = Duration::from_secs(60);

/// What one pass works with.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) name: Named,
    pub(crate) seen: SeenHelmRepository,
    /// Why nobody vouches for it, if nobody does.
    pub(crate) unvouched: Option<Unusable>,
    /// Whether what is kept was looked at; before, the network is not asked.
    pub(crate) loaded: bool,
    /// Only the leader writes.
    pub(crate) leadership: Option<Leadership>,
}

/// Why there is no index of this pass.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassError {
    #[error("{}", .0.message)]
    Unusable(Unusable),
    #[error("failed to fetch Helm repository index")]
    Download(#[from] DownloadError),
    #[error("failed to load Helm repository from index YAML")]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the pass broke off: {0}")]
    Broke(String),
}

impl PassError {
    /// Whether trying again soon may help.
    fn is_passing(&self) -> bool {
        match self {
            PassError::Download(DownloadError::Failed { class, .. }) => {
                !class.needs_a_person() || *class == FailureClass::NotFound
            }
            PassError::Unusable(unusable) => !unusable.stalled,
            _ => true,
        }
    }
}

/// Runs one pass: the first one takes what the node keeps, the others ask the network.
pub(crate) async fn run(context: &Arc<Context>, pass: Pass) -> Outcome<IndexSnapshot> {
    let interval = pass
        .seen
        .spec
        .as_ref()
        .map(HelmRepositorySpec::effective_interval);
    let interval = interval.unwrap_or(FAILED_INTERVAL);
    let (index, error) = match (&pass.seen.spec, &pass.unvouched) {
        (Err(message), _) => {
            let unusable = Problem::malformed(message);
            let object = conclude(context, &pass, None, Some(&unusable)).await;
            let problem = Some((unusable.reason, unusable.message));
            return Outcome {
                kept: None,
                problem,
                object,
                again: pass.loaded.then_some(interval),
            };
        }
        (Ok(_), Some(unusable)) => (None, Some(PassError::Unusable(unusable.clone()))),
        (Ok(spec), None) => look(context, &pass, spec.clone()).await,
    };
    let found = error.as_ref().map(problem);
    let object = match pass.loaded || index.is_some() {
        true => conclude(context, &pass, index.as_ref(), found.as_ref()).await,
        false => None,
    };
    let again = match &error {
        Some(error) if error.is_passing() => interval.min(FAILED_INTERVAL),
        _ => interval,
    };
    Outcome {
        kept: index,
        problem: found.map(|problem| (problem.reason, problem.message)),
        object,
        again: pass.loaded.then_some(again),
    }
}

/// The index in use after this pass, and why it is not another one.
async fn look(
    context: &Arc<Context>,
    pass: &Pass,
    spec: HelmRepositorySpec,
) -> (Option<IndexSnapshot>, Option<PassError>) {
    let kept = match recall(&context.keep.store, &pass.name, &spec.url) {
        Ok(kept) => kept,
        Err(error) => return (None, Some(error.into())),
    };
    if !pass.loaded {
        return (kept, None);
    }
    let access = match access::read(context, &pass.name, &spec).await {
        Ok(access) => access,
        Err(unusable) => return (kept, Some(PassError::Unusable(unusable))),
    };
    let (context, name, held) = (Arc::clone(context), pass.name.clone(), kept.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let world = (&context.keep.store, &*context.net);
        ask(world, &name, &spec.url, &access, held)
    });
    match asked.await {
        Ok(Ok(index)) => (Some(index), None),
        Ok(Err(error)) => (kept, Some(error)),
        Err(panic) => (kept, Some(PassError::Broke(panic.to_string()))),
    }
}

fn ask(
    (store, net): (&Store, &Net),
    name: &Named,
    url: &str,
    access: &Access,
    kept: Option<IndexSnapshot>,
) -> Result<IndexSnapshot, PassError> {
    let etag = kept.as_ref().and_then(|kept| kept.etag.clone());
    let (blob, etag) = match (
        download(store, net, &access.index(etag, INDEX_BYTES))?,
        kept,
    ) {
        (Downloaded::New { blob, etag }, _) => (blob, etag),
        (Downloaded::Unchanged, Some(kept)) => return Ok(kept),
        (Downloaded::Unchanged, None) => {
            let what = "that an index is as it was which was not named";
            return Err(DownloadError::Unexpected { what }.into());
        }
    };
    let size = blob.bytes();
    index::check(&mut BufReader::new(blob.reread()?))?;
    let digest = blob.keep(&user(name))?.to_string();
    let index = IndexSnapshot {
        url: url.to_owned(),
        digest,
        size,
        etag,
    };
    kept::remember(store, &user(name), &index)?;
    store.collect_blobs()?;
    Ok(index)
}

/// The versions of a chart that an index has.
pub(crate) fn versions(
    store: &Store,
    index: &IndexSnapshot,
    chart: &str,
) -> Result<Option<Vec<index::ChartVersion>>, IndexError> {
    let gone = || IndexError::Io(std::io::Error::other("it is not kept any more"));
    let digest: BlobDigest = index.digest.parse().map_err(|_| gone())?;
    let reader = store.blob_reader(&digest);
    let reader = reader.map_err(|error| IndexError::Io(std::io::Error::other(error)))?;
    index::versions(&mut BufReader::new(reader.ok_or_else(gone)?), chart)
}
