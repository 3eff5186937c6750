//! What a pass that came to its end leaves behind, so that the next one does not build the same again.

use std::collections::BTreeSet;

use windlass_api::inventory::Inventory;
use windlass_object::GroupVersionKind;

use super::Progress;
use super::build::Doubts;
use super::pass::Pass;
use crate::work;
use crate::work::apply::Report;
use crate::work::error::StageError;
use crate::work::wait::Target;

/// What was built from which inputs, by names only: the objects themselves are not kept.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The digest of the inputs.
    made_from: [u8; 32],
    digest: Option<String>,
    doubts: Option<Doubts>,
    inventory: Option<Inventory>,
    /// What was applied, but for what is left alone.
    targets: Vec<Target>,
    /// Those of them that are only created: they are asked for, because nobody watches what becomes of them.
    only_created: Vec<Target>,
}

// === impl Settled ===

impl Settled {
    /// None where the ledger does not hear of every object: what cannot be watched, and what is in another cluster, is
    /// known in one pass only. Nor for a build of nothing, which no object could ever contradict.
    pub(super) fn of(
        pass: &Pass,
        made_from: [u8; 32],
        progress: &Progress,
        report: &Report,
    ) -> Option<Self> {
        let blind = report.unwatched || pass.spec.kube_config.is_some();
        let known = !blind && !report.targets.is_empty();
        known.then(|| Settled {
            made_from,
            digest: progress.digest.clone(),
            doubts: progress.doubts.clone(),
            inventory: progress.inventory.clone(),
            targets: report.targets.clone(),
            only_created: report.only_created.clone(),
        })
    }

    /// Whether a build would give the same, and every object is known to be as it was left.
    pub(super) async fn holds(&self, pass: &Pass, made_from: [u8; 32]) -> Result<bool, StageError> {
        if self.made_from != made_from || self.inventory != pass.status.inventory {
            return Ok(false);
        }
        let mut watched = self
            .targets
            .iter()
            .map(|target| &target.key)
            .filter(|key| !self.only_created.iter().any(|only| only.key == **key));
        Ok(watched.all(|key| pass.ledger.is_as_left(&pass.name, key))
            && self.scopes_hold(pass).await
            && work::are_there(&pass.work(), &self.only_created).await?)
    }

    /// Whether every kind still has namespaces, or none, as it had: another definition may have come in its place.
    async fn scopes_hold(&self, pass: &Pass) -> bool {
        let kinds: BTreeSet<_> = self.targets.iter().map(kind_and_scope).collect();
        for (group, version, kind, namespaced) in kinds {
            let (group, version, kind) = (group.to_owned(), version.to_owned(), kind.to_owned());
            let kind = GroupVersionKind {
                group,
                version,
                kind,
            };
            let resource = pass.client.resolve(&kind).await;
            if !resource.is_ok_and(|resource| resource.namespaced == namespaced) {
                return false;
            }
        }
        true
    }

    /// Says again what the build said; gives the objects whose health may count.
    pub(super) fn recall(&self, progress: &mut Progress) -> Vec<Target> {
        progress.digest.clone_from(&self.digest);
        progress.doubts.clone_from(&self.doubts);
        self.targets.clone()
    }
}

fn kind_and_scope(target: &Target) -> (&str, &str, &str, bool) {
    let key = &target.key;
    let namespaced = !key.namespace.is_empty();
    (&key.group, &target.version, &key.kind, namespaced)
}
