//! Who vouches for the sources and Kustomizations in the cluster.

use std::sync::Arc;

use windlass_api::inventory;
use windlass_api::kustomization::SourceKind;
use windlass_api::{names, reasons};
use windlass_host::config::Unpinned;
use windlass_object::ObjectKey;
use windlass_state::BlobDigest;
use windlass_trust::{Memory, Origin};

use super::Controller;
use super::fetched::{Fetched, Slot};
use super::kustomizations::source_name;
use super::sources::SourceSlot;
use crate::archive;
use crate::named::Named;
use crate::seen::{Meta, SeenGitRepository};
use crate::source::basis::{Basis, NOBODY};
use crate::source::listed::How;
use crate::source::lost::Remembered;
use crate::source::spec::Unusable;
use crate::trust::NodeTrust;
use crate::vouch::builds_the_same;
use crate::witness::Witnessed;

impl Controller {
    /// Why a source is there, as far as this node knows now.
    pub(super) fn basis_of(&self, name: &Named, slot: &SourceSlot) -> Basis {
        if *name == self.root.name {
            return Basis::Node;
        }
        let Some(seen) = &slot.seen else {
            return Basis::Nobody;
        };
        // A spec that cannot be read is reported as such before anything rests on this.
        let Ok(spec) = &seen.spec else {
            return Basis::Nobody;
        };
        let made = self.context.vouchers.source(name);
        let how = self.trust.list.find(&spec.url);
        if let Some(made) = made.as_ref().filter(|made| made.is(spec)) {
            let (pin, how) = (made.pin, how.cloned());
            return Basis::Commit { pin, how };
        }
        if let Some(how) = how {
            return Basis::Listed(how.clone());
        }
        if made.is_some() {
            return Basis::NotYet {
                message: "this object is not as the verified commit has it: somebody changed it in the cluster, and \
                          its Kustomization will put it back; until then the revision in use stays"
                    .to_owned(),
            };
        }
        self.basis_by_owner(seen)
    }

    /// What the cluster says of an object that no build known to this node holds.
    fn basis_by_owner(&self, seen: &SeenGitRepository) -> Basis {
        let label = |name: &str| seen.meta.labels.get(name).map(String::as_str);
        let (Some(owner), Some(namespace)) =
            (label(names::OWNER_NAME), label(names::OWNER_NAMESPACE))
        else {
            return Basis::Nobody;
        };
        let owner = Named::new(namespace, owner);
        if self.context.vouchers.knows(&owner) {
            return Basis::Nobody;
        }
        let id = inventory::id(&ObjectKey {
            group: "source.toolkit.fluxcd.io".to_owned(),
            kind: names::GIT_REPOSITORY.to_owned(),
            namespace: seen.meta.name.namespace.clone(),
            name: seen.meta.name.name.clone(),
        });
        let slot = self.kustomizations.get(&owner);
        // What it holds in another cluster says nothing of this one.
        let slot = slot.filter(|slot| {
            let spec = slot.seen.spec.as_ref();
            spec.is_ok_and(|spec| spec.kube_config.is_none())
        });
        let inventory = slot.and_then(|slot| slot.seen.status.inventory.as_ref());
        let holds =
            inventory.is_some_and(|inventory| inventory.entries.iter().any(|entry| entry.id == id));
        if holds {
            return Basis::Inventory;
        }
        if self.kustomizations.contains_key(&owner) || !self.standing.kustomizations_listed {
            return Basis::NotYet {
                message: format!(
                    "waiting until Kustomization '{owner}', which this object names as its owner, is built"
                ),
            };
        }
        Basis::Nobody
    }

    /// Why a source without commits may not be used, if it may not. `made`: whether a verified commit made it as it is;
    /// none where no build that is known made it at all.
    pub(super) fn not_vouched_for(
        &self,
        meta: &Meta,
        url: &str,
        made: Option<bool>,
    ) -> Option<Unusable> {
        let how = self.trust.list.find(url);
        if made == Some(true) || how == Some(&How::Unverified) {
            return None;
        }
        let (message, stalled) = match (how, made, self.owner_is_unbuilt(meta)) {
            (Some(_), ..) => (SIGNED, true),
            (None, Some(_), _) => (CHANGED, false),
            (None, None, true) => (UNBUILT, false),
            (None, None, false) => (NOBODY, true),
        };
        Some(Unusable {
            reason: reasons::NOT_VOUCHED_FOR,
            message: message.to_owned(),
            stalled,
        })
    }

    /// Why an archive may be used, or why not; `made` as for [`Controller::not_vouched_for`], `pin` by the same commit.
    pub(super) fn basis_of_archive(
        &self,
        meta: &Meta,
        url: &str,
        made: Option<bool>,
        pin: Option<BlobDigest>,
    ) -> Result<archive::Basis, Unusable> {
        if let Some(unusable) = self.not_vouched_for(meta, url, made) {
            return Err(unusable);
        }
        let is_made = made == Some(true);
        Ok(archive::Basis {
            pin: pin.filter(|_| is_made),
            free: self.trust.list.find(url) == Some(&How::Unverified),
            made: is_made,
            only_pinned: self.policy.remote.unpinned_artifacts == Unpinned::Refuse,
        })
    }

    /// A pass of a source whose content is kept as an archive.
    pub(super) fn archive_pass<K: Fetched>(
        &self,
        slot: &Slot<K>,
        basis: Result<archive::Basis, Unusable>,
        suspended: fn(&K::Spec) -> bool,
    ) -> archive::pass::Pass<K::Spec, K::Status> {
        archive::pass::Pass {
            basis,
            leadership: self.writes_of(&slot.seen, suspended),
            seen: slot.seen.clone(),
            loaded: slot.loaded,
        }
    }

    fn owner_is_unbuilt(&self, meta: &Meta) -> bool {
        let label = |name: &str| meta.labels.get(name).map(String::as_str);
        let owner = label(names::OWNER_NAME).zip(label(names::OWNER_NAMESPACE));
        owner.is_some_and(|(owner, namespace)| {
            let owner = Named::new(namespace, owner);
            let there = self.kustomizations.contains_key(&owner);
            (there || !self.standing.kustomizations_listed) && !self.context.vouchers.knows(&owner)
        })
    }

    /// What the cluster remembers of where a source stood.
    pub(super) fn remembered(&self, name: &Named, slot: &SourceSlot) -> Remembered {
        let mut memories = Vec::new();
        if let Some(artifact) = slot
            .seen
            .as_ref()
            .and_then(|seen| seen.status.artifact.as_ref())
        {
            memories.extend(memory(format!("GitRepository {name}"), &artifact.revision));
        }
        for (user, slot) in &self.kustomizations {
            let of_this = (SourceKind::GitRepository, name.clone());
            if source_name(user, &slot.seen) == Some(of_this)
                && let Some(revision) = &slot.seen.status.last_applied_revision
            {
                memories.extend(memory(format!("Kustomization {user}"), revision));
            }
        }
        let standing = &self.standing;
        Remembered {
            complete: slot.seen.is_some()
                && standing.sources_listed
                && standing.kustomizations_listed
                && self.witnessed.is_some(),
            memories,
            witnessed: self.witnessed.clone().unwrap_or_default(),
        }
    }

    /// Whether what a Kustomization builds was made by a verified commit: the Kustomization itself must be.
    pub(super) fn vouches(&self, name: &Named) -> bool {
        let Some(slot) = self.kustomizations.get(name) else {
            return false;
        };
        let Ok(live) = &slot.seen.spec else {
            return false;
        };
        if *name == self.root.name {
            let live = self.overruled(name, live.clone());
            return self
                .root
                .kustomization
                .as_ref()
                .is_some_and(|made| builds_the_same(made, &live));
        }
        self.context.vouchers.made_kustomization(name, live)
    }

    /// What this node once told is known. If what it keeps is older, nothing of it is used before it is made out where it stood.
    pub(super) fn own_word_read(&mut self, is_behind: bool) {
        self.standing.own_word_read = true;
        if is_behind {
            self.distrust_sources();
        }
    }

    /// The nodes said what they remember: a source that waits for it is looked at again.
    pub(super) fn witnessed(&mut self, witnessed: Vec<Witnessed>) {
        self.witnessed = Some(Arc::new(witnessed));
        let names: Vec<Named> = self.sources.keys().cloned().collect();
        names.iter().for_each(|name| self.source_queue.wake(name));
    }

    /// A build holds other sources, or holds them otherwise: they are looked at again. One that is about to be made
    /// as the build has it is looked at when it is.
    pub(super) fn sources_vouched_for(&mut self, names: &[Named]) {
        self.repositories_vouched_for(names);
        self.oci.wake(names);
        self.buckets.wake(names);
        for name in names {
            let made = self.context.vouchers.source(name);
            if let Some(slot) = self.sources.get_mut(name) {
                let live = slot.seen.as_ref().and_then(|seen| seen.spec.as_ref().ok());
                if made.zip(live).is_some_and(|(made, live)| !made.is(live)) {
                    continue;
                }
                slot.look_again();
                self.source_queue.wake(name);
            }
        }
    }

    /// The trust files say something else now, or cannot be read any more.
    pub(super) fn trust_changed(&mut self, read: Result<Arc<NodeTrust>, String>) {
        match read {
            Ok(trust) => {
                tracing::info!("the trust files changed; every source is judged by them again");
                self.root.spec.trust.policy = Arc::clone(&trust.root);
                self.trust = trust;
                self.trust_problem = None;
                self.context.keep.begin_epoch();
                self.sources.values_mut().for_each(SourceSlot::look_again);
            }
            Err(problem) => {
                tracing::error!(
                    "{problem}; what the trust files said before counts until this is corrected"
                );
                self.trust_problem = Some(problem);
            }
        }
        self.wake_all_sources();
    }
}

/// What a source without commits is told that the node lists as one whose commits are signed.
const SIGNED: &str = "trust.d/sources on the nodes lists this URL as signed, which only a Git repository can be; list it \
     as unverified, or put this object into the repository, where a Kustomization of a verified source applies it";

/// What such a source is told that somebody changed.
const CHANGED: &str = "this object is not as the verified commit has it: somebody changed it in the cluster, and its \
     Kustomization will put it back; until then nothing is taken from it";

/// What such a source is told whose owner has yet to say what it makes.
const UNBUILT: &str =
    "waiting until the Kustomization that this object names as its owner is built";

/// Reads a revision as a memory of the commit, and of the version where a tag stands before it.
fn memory(who: String, revision: &str) -> Option<Memory> {
    let (before, commit) = revision.rsplit_once("sha1:")?;
    let tag = before.strip_suffix('@').filter(|tag| !tag.is_empty());
    Some(Memory {
        origin: Origin::Inventory(who),
        head: commit.parse().ok()?,
        version: tag.map(str::to_owned),
        counter: 0,
        found: None,
    })
}
