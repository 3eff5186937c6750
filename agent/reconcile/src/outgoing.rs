//! What this node keeps of a source, to be carried elsewhere: read beside the running agent.

use windlass_host::config::Settings;
use windlass_state::{Inspection, Outgoing, StoreError};
use windlass_trust::{LoadError, Oid, ParseOidError, load};

/// The history of a source, as the objects of a bundle.
#[derive(Debug)]
pub struct Carried {
    /// The name of the reference, and what it names.
    pub reference: (String, [u8; 20]),
    /// Commits that whoever reads it has to have.
    pub builds_on: Vec<[u8; 20]>,
    objects: Vec<Oid>,
    kept: Inspection,
}

/// Why it cannot be carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The state cannot be read.
    #[error("{0}; only root and the agent's user may look: run it with sudo")]
    Store(#[from] StoreError),
    /// Nothing is kept of such a source.
    #[error("this node keeps nothing of {0}; `windlass trust show` says of what it does")]
    Nothing(String),
    /// It was kept by a version that did not note the reference.
    #[error("{0} was kept without its reference; it is noted with the next commit")]
    NoReference(String),
    /// What is to be left out is no commit.
    #[error("--since: {0}")]
    Since(#[from] ParseOidError),
    /// An object is not there, or damaged.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Carried {
    /// Everything that is kept of a source, the root unless one is named, and that `since` does not reach.
    ///
    /// # Errors
    /// There is nothing, or it cannot be read.
    pub fn of(
        settings: &Settings,
        source: Option<&str>,
        since: Option<&str>,
    ) -> Result<Self, CarryError> {
        let root = format!("{}/{}", settings.root.namespace, settings.root.name);
        let source = source.unwrap_or(&root);
        let kept = Inspection::open(&settings.state.dir)?;
        let mut lines = kept.kept_lines()?.into_iter();
        let found = lines.find(|(line, _)| line.source == source);
        let (_, head) = found.ok_or_else(|| CarryError::Nothing(source.to_owned()))?;
        let tip = head.tip;
        let tip = tip.ok_or_else(|| CarryError::NoReference(source.to_owned()))?;
        let since = since.map(str::parse).transpose()?;
        let outgoing = Outgoing::of(&kept, tip.target, since)?;
        let bytes = |oid: &Oid| *oid.as_bytes();
        Ok(Self {
            reference: (tip.reference, bytes(&tip.target)),
            builds_on: outgoing.builds_on.iter().map(bytes).collect(),
            objects: outgoing.objects,
            kept,
        })
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Each object: Git's code of its kind, and its bytes, hashed again.
    pub fn objects(&self) -> impl Iterator<Item = Result<(u8, Vec<u8>), CarryError>> + '_ {
        self.objects.iter().map(|oid| {
            let object = load(&self.kept, oid)?;
            Ok((object.kind.code(), object.bytes))
        })
    }
}
