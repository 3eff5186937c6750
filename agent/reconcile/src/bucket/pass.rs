//! One pass of a Bucket: lists it, fetches what is new if somebody vouches for it, keeps it, and says so.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use windlass_api::bucket::{BucketSpec, BucketStatus};
use windlass_state::{BlobDigest, IncomingBlob, StoreError};
use windlass_wire::FailureClass;

use super::access::{self, Access};
use super::contents::Contents;
use super::fetch::{Asked, FetchError};
use super::status::{conclude, trouble};
use super::{BucketSnapshot, Refused, Selection, recall, user};
use crate::archive::{self, ArchiveSnapshot, Basis, First, OpenError, Taken};
use crate::artifact::Outcome;
use crate::context::Context;
use crate::kept;
use crate::named::Named;
use crate::source::spec::Unusable;

/// Under which name the digest is remembered that a bucket had first.
const FIRST: &str = "first-bucket/";

/// What one pass works with.
pub(crate) type Pass = archive::pass::Pass<BucketSpec, BucketStatus>;

/// Why what is in use is not what the bucket holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassError {
    #[error("{}", .0.message)]
    Unusable(Unusable),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("what the bucket holds cannot be used")]
    Open(#[from] OpenError),
    #[error(
        "{address} held {first} when this node used it first, and holds {} now; the first stays in use. To take the \
         other, pin it with a [[bucket]] entry in windlass.lock", .refused.found
    )]
    Changed {
        address: String,
        first: BlobDigest,
        refused: Refused,
    },
    #[error(
        "windlass.lock pins {address} to {pinned}, and it holds {} now; what is in use stays. If the change is meant, look \
         at it and change the pin", .refused.found
    )]
    NotAsPinned {
        address: String,
        pinned: BlobDigest,
        refused: Refused,
    },
    #[error(
        "nothing pins {address}, and the node's config takes only what is pinned ([remote] unpinned_artifacts); add a \
         [[bucket]] entry to windlass.lock"
    )]
    NotPinned { address: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the pass broke off: {0}")]
    Broke(String),
}

impl PassError {
    /// Whether trying again soon may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            PassError::Fetch(FetchError::Contents(_)) => false,
            PassError::Fetch(error) => error
                .class()
                .is_none_or(|class| !class.needs_a_person() || class == FailureClass::NotFound),
            PassError::Unusable(unusable) => !unusable.stalled,
            PassError::Store(_) | PassError::Broke(_) => true,
            _ => false,
        }
    }

    /// What is not taken, if it was looked at.
    fn refused(&self) -> Option<&Refused> {
        match self {
            PassError::Changed { refused, .. } | PassError::NotAsPinned { refused, .. } => {
                Some(refused)
            }
            _ => None,
        }
    }
}

/// Runs one pass: the first one takes what the node keeps, the others ask the network.
pub(crate) async fn run(context: &Arc<Context>, pass: Pass) -> Outcome<BucketSnapshot> {
    let (snapshot, error) = match &pass.seen.spec {
        Err(_) => (None, None),
        Ok(spec) => look(context, &pass, spec.clone()).await,
    };
    let trouble = pass.trouble(error.as_ref().map(trouble));
    let object = match pass.speaks(trouble.as_ref()) {
        true => conclude(context, &pass, snapshot.as_ref(), trouble.as_ref()).await,
        false => None,
    };
    pass.outcome(|spec| spec.interval.0, (snapshot, trouble, object))
}

/// What is in use after this pass, and why it is not something else.
async fn look(
    context: &Arc<Context>,
    pass: &Pass,
    spec: BucketSpec,
) -> (Option<BucketSnapshot>, Option<PassError>) {
    let meta = &pass.seen.meta;
    let kept = match recall(&context.keep.store, &meta.name, &meta.uid) {
        Ok(kept) => kept,
        Err(error) => return (None, Some(error.into())),
    };
    if !pass.loaded {
        return (kept, None);
    }
    let ready = async {
        let basis = pass.basis.clone()?;
        let access = access::read(context, &meta.name, &spec).await?;
        Ok((basis, access))
    };
    let (basis, access) = match ready.await {
        Ok(ready) => ready,
        Err(unusable) => return (kept, Some(PassError::Unusable(unusable))),
    };
    let renewal = Renewal {
        context: Arc::clone(context),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        basis,
        access,
        selection: Selection::of(&spec),
        spec,
        kept: kept.clone(),
    };
    match tokio::task::spawn_blocking(move || renewal.run()).await {
        Ok((snapshot, error)) => (snapshot, error),
        Err(panic) => (kept, Some(PassError::Broke(panic.to_string()))),
    }
}

/// What finding the present content takes.
struct Renewal {
    context: Arc<Context>,
    name: Named,
    uid: String,
    spec: BucketSpec,
    basis: Basis,
    access: Access,
    selection: Selection,
    kept: Option<BucketSnapshot>,
}

impl Renewal {
    /// What is in use from here on, and why it is not what the bucket holds.
    fn run(self) -> (Option<BucketSnapshot>, Option<PassError>) {
        let error = match self.renew() {
            Ok(snapshot) => return (Some(snapshot), None),
            Err(error) => error,
        };
        let Some((kept, refused)) = self.kept.as_ref().zip(error.refused()) else {
            return (self.kept, Some(error));
        };
        let kept = BucketSnapshot {
            refused: Some(refused.clone()),
            ..kept.clone()
        };
        let failed = self.remember(&kept).err().map(PassError::from);
        (Some(kept), Some(failed.unwrap_or(error)))
    }

    fn renew(&self) -> Result<BucketSnapshot, PassError> {
        let store = &self.context.keep.store;
        if self.basis.only_pinned && self.basis.pin.is_none() && !self.basis.free {
            let address = self.selection.address.clone();
            return Err(PassError::NotPinned { address });
        }
        // Nobody has to be asked what is behind a digest.
        if let Some(kept) = self.present().filter(|kept| self.is_pinned(kept)) {
            return self.stay(kept);
        }
        let asked = Asked {
            store,
            net: &self.context.net,
            access: &self.access,
            bucket: &self.spec.bucket_name,
            prefix: &self.selection.prefix,
            ignore: self.selection.ignore.as_deref(),
        };
        let found = asked.list()?;
        let revision = found.contents.revision();
        let first = self.first()?;
        if let Some(kept) = self.present() {
            let refused = kept.refused.as_ref();
            if let Some(refused) = refused.filter(|refused| refused.revision == revision) {
                self.check(&first, refused)?;
            } else if kept.archive.revision == revision && self.basis.pin.is_none() {
                return self.stay(kept);
            }
        }
        let (blob, contents) = asked.objects(found)?;
        let found = Refused {
            revision: contents.revision(),
            found: blob.digest(),
        };
        self.check(&first, &found)?;
        self.keep(blob, &contents, &first)
    }

    /// Whether what is kept is what `windlass.lock` names.
    fn is_pinned(&self, kept: &BucketSnapshot) -> bool {
        self.basis.pin == Some(kept.archive.blob)
    }

    /// What is kept, if it is for the same spec.
    fn present(&self) -> Option<&BucketSnapshot> {
        let kept = self.kept.as_ref();
        kept.filter(|kept| kept.selection == self.selection)
    }

    /// Whether whatever is there is taken because the node says so, and for no better reason.
    fn takes_anything(&self) -> bool {
        self.basis.free && self.basis.pin.is_none()
    }

    fn first(&self) -> Result<First, StoreError> {
        let Selection {
            address,
            prefix,
            ignore,
        } = &self.selection;
        let ignore = ignore.as_deref().unwrap_or_default();
        let key = format!("{FIRST}{address}\n{prefix}\n{ignore}");
        First::of(&self.context.keep.store, key)
    }

    /// Refuses other bytes than those that are pinned, or that were there first.
    fn check(&self, first: &First, there: &Refused) -> Result<(), PassError> {
        let address = self.selection.address.clone();
        match (self.basis.pin, first.contradicts(there.found)) {
            (Some(pinned), _) if pinned != there.found => Err(PassError::NotAsPinned {
                address,
                pinned,
                refused: there.clone(),
            }),
            (None, Some(first)) if !self.basis.free => Err(PassError::Changed {
                address,
                first,
                refused: there.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn vouched(&self) -> bool {
        self.basis.made && !self.takes_anything()
    }

    fn remember(&self, snapshot: &BucketSnapshot) -> Result<(), StoreError> {
        if self.kept.as_ref() == Some(snapshot) {
            return Ok(());
        }
        kept::remember(&self.context.keep.store, &user(&self.name), snapshot)
    }

    /// What is kept stays in use.
    fn stay(&self, kept: &BucketSnapshot) -> Result<BucketSnapshot, PassError> {
        let mut snapshot = kept.clone();
        snapshot.archive.vouched = self.vouched();
        snapshot.refused = None;
        self.remember(&snapshot)?;
        Ok(snapshot)
    }

    fn keep(
        &self,
        blob: IncomingBlob,
        contents: &Contents,
        first: &First,
    ) -> Result<BucketSnapshot, PassError> {
        let store = &self.context.keep.store;
        let mut bytes = Vec::new();
        let mut reader = blob.reread()?;
        reader.read_to_end(&mut bytes).map_err(FetchError::from)?;
        // Whatever cannot be opened again is not kept.
        let artifact = Taken::Whole.artifact(&bytes, &blob.digest())?;
        let blob = blob.keep(&user(&self.name))?;
        let snapshot = BucketSnapshot {
            archive: ArchiveSnapshot {
                revision: contents.revision(),
                blob,
                artifact,
                taken: Taken::Whole,
                annotations: BTreeMap::new(),
                vouched: self.vouched(),
            },
            selection: self.selection.clone(),
            files: contents.0.len(),
            refused: None,
            uid: self.uid.clone(),
        };
        self.remember(&snapshot)?;
        if !self.basis.free && self.basis.pin.is_none() {
            first.keep(store, blob)?;
        }
        store.collect_blobs()?;
        Ok(snapshot)
    }
}
