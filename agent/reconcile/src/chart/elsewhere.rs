//! The charts that a chart in a source needs of repositories and registries: held to their pins or to what they were at their
//! first use, and kept, so that a new revision of the source asks nobody for what is here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::BufReader;

use serde_json::json;
use tokio::runtime::Handle;
use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_helm::is_version;
use windlass_kustomize::Tree;
use windlass_release::chart::Elsewhere;
use windlass_release::index::{self, ChartVersion, IndexError};
use windlass_state::{BlobDigest, StoreError};

use super::pins::{Expected, Pins};
use super::pull::{Picked, PullError, choose, package};
use super::{registry, user};
use crate::context::Context;
use crate::download::{DownloadError, Downloaded, download};
use crate::named::Named;
use crate::registry::access as registry_access;
use crate::repository::pass::INDEX_BYTES;
use crate::repository::{IndexSnapshot, access, pass};
use crate::source::spec::Unusable;
use crate::source::status::chain;
use crate::vouch::lock;

/// What is known of the repositories that charts of a source may name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Those of the chart's namespace that somebody vouches for: their Secrets are used.
    pub(crate) repositories: Vec<KnownRepository>,
    /// Nothing is used that is not pinned.
    pub(crate) only_pinned: bool,
}

/// A HelmRepository.
#[derive(Clone, Debug)]
pub(crate) struct KnownRepository {
    pub(crate) name: Named,
    pub(crate) spec: HelmRepositorySpec,
    pub(crate) index: Option<IndexSnapshot>,
}

/// The repositories, for one chart.
pub(super) struct Repositories<'a> {
    pub(super) context: &'a Context,
    /// The HelmChart.
    pub(super) chart: &'a Named,
    /// The files of its source.
    pub(super) tree: &'a dyn Tree,
    pub(super) known: &'a Known,
    /// What was used, to be kept.
    pub(super) used: RefCell<BTreeSet<BlobDigest>>,
}

/// Why a chart that is needed cannot be had.
#[derive(Debug, thiserror::Error)]
enum NeedError {
    #[error("{}", .0.message)]
    Unusable(Unusable),
    #[error("{0}")]
    Lock(String),
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl Elsewhere for Repositories<'_> {
    fn chart(
        &self,
        repository: &str,
        name: &str,
        range: &str,
    ) -> Result<(String, Vec<u8>), String> {
        let found = self.find(repository, (name, range));
        let (version, bytes) = found.map_err(|error| chain(&error))?;
        let digest = BlobDigest::of(&bytes);
        let user = format!("{}/{}", user(self.chart), digest.hex());
        let kept = self.context.keep.store.keep_blob(&user, &bytes);
        kept.map_err(|error| chain(&error))?;
        self.used.borrow_mut().insert(digest);
        Ok((version, bytes))
    }
}

impl Repositories<'_> {
    /// Lets go of what this build did not use.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let (store, used) = (&self.context.keep.store, self.used.borrow());
        let prefix = format!("{}/", user(self.chart));
        for user in store.blob_users(&prefix)? {
            let name = user.strip_prefix(&prefix).unwrap_or_default();
            if !used.iter().any(|digest| digest.hex() == name) {
                store.leave_blob(&user)?;
            }
        }
        Ok(())
    }

    fn find(&self, url: &str, (name, range): (&str, &str)) -> Result<(String, Vec<u8>), NeedError> {
        let lock = lock::read(self.tree).map_err(NeedError::Lock)?;
        let pins = Pins {
            pins: lock.charts(url),
            only: self.known.only_pinned,
        };
        if is_version(range) {
            let store = &self.context.keep.store;
            let expected = pins.expected(store, url, (name, range))?;
            if let Some(bytes) = self.held(&expected)? {
                return Ok((range.to_owned(), bytes));
            }
        }
        match url.starts_with("oci://") {
            true => self.of_registry(url, (name, range), &pins),
            false => self.of_repository(url, (name, range), &pins),
        }
    }

    /// What is kept of a version, which nobody has to be asked for then.
    fn held(&self, expected: &Expected) -> Result<Option<Vec<u8>>, NeedError> {
        let Some(digest) = expected.digest() else {
            return Ok(None);
        };
        let store = &self.context.keep.store;
        let bytes = store.blob(&digest).map_err(PullError::from)?;
        if bytes.is_some() {
            expected.keep(store, digest).map_err(PullError::from)?;
        }
        Ok(bytes)
    }

    fn of_registry(
        &self,
        url: &str,
        (name, range): (&str, &str),
        pins: &Pins,
    ) -> Result<(String, Vec<u8>), NeedError> {
        let (object, spec) = self.repository(url);
        let access = registry_access::of_helm_repository(self.context, &object, &spec);
        let access = Handle::current().block_on(access);
        let access = access.map_err(NeedError::Unusable)?;
        let world = (&self.context.keep.store, &*self.context.net);
        let repository = registry::repository(world, &access, (url, name));
        let version = registry::choose(&repository, range)?;
        let expected = pins.expected(world.0, url, (name, &version))?;
        let bytes = registry::package(&repository, (name, &version), &expected, None)?;
        expected
            .keep(world.0, BlobDigest::of(&bytes))
            .map_err(PullError::from)?;
        Ok((version, bytes))
    }

    fn of_repository(
        &self,
        url: &str,
        (name, range): (&str, &str),
        pins: &Pins,
    ) -> Result<(String, Vec<u8>), NeedError> {
        let (object, spec) = self.repository(url);
        let access = Handle::current().block_on(access::read(self.context, &object, &spec));
        let access = access.map_err(NeedError::Unusable)?;
        let versions = self.versions(url, name, &access)?;
        let store = &self.context.keep.store;
        let picked: Picked = choose(store, versions, (name, range), (url, pins))?;
        let bytes = package((store, &self.context.net), &access, name, &picked)?;
        Ok((picked.written().to_owned(), bytes))
    }

    /// What the index that is kept says, or else the one that is there now.
    fn versions(
        &self,
        url: &str,
        name: &str,
        access: &access::Access,
    ) -> Result<Vec<ChartVersion>, PullError> {
        let store = &self.context.keep.store;
        let index = self.known_as(url).and_then(|known| known.index.as_ref());
        let versions = match index {
            Some(index) => pass::versions(store, index, name)?,
            None => {
                let request = access.index(None, INDEX_BYTES);
                let Downloaded::New { blob, .. } = download(store, &self.context.net, &request)?
                else {
                    let what = "that an index is as it was which was not named";
                    return Err(DownloadError::Unexpected { what }.into());
                };
                let reader = blob.reread()?;
                index::versions(&mut BufReader::new(reader), name)?
            }
        };
        let none = || PullError::Reference(format!("{url} has no chart of this name"));
        versions.ok_or_else(none)
    }

    fn known_as(&self, url: &str) -> Option<&KnownRepository> {
        let plain = |url: &str| url.trim_end_matches('/').to_owned();
        let mut known = self.known.repositories.iter();
        known.find(|one| plain(&one.spec.url) == plain(url))
    }

    /// The HelmRepository of this URL; one without Secrets where there is none, as in Flux.
    fn repository(&self, url: &str) -> (Named, HelmRepositorySpec) {
        match self.known_as(url) {
            Some(known) => (known.name.clone(), known.spec.clone()),
            None => (self.chart.clone(), plain_spec(url)),
        }
    }
}

fn plain_spec(url: &str) -> HelmRepositorySpec {
    serde_json::from_value(json!({ "url": url })).expect("all required fields stand above")
}

impl From<IndexError> for NeedError {
    fn from(error: IndexError) -> Self {
        NeedError::Pull(error.into())
    }
}
