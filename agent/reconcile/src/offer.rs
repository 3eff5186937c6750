//! What a source offers to whatever is built from it: a revision of a repository, or an archive.

use std::sync::Arc;

use windlass_state::Store;
use windlass_trust::ObjectReader;

use crate::archive::ArchiveSnapshot;
use crate::source::access::SourceAccess;
use crate::source::fetch::Snapshot;
use crate::source::status::chain;
use crate::view::View;

/// Something that may be rendered.
#[derive(Clone, Debug)]
pub(crate) enum Offer {
    /// A commit of a GitRepository.
    Commit(Box<Snapshot>),
    /// The archive of any other source.
    Archive(ArchiveSnapshot),
}

// === impl Offer ===

impl Offer {
    /// As in `status.artifact`.
    pub(crate) fn revision(&self) -> &str {
        match self {
            Offer::Commit(snapshot) => &snapshot.revision,
            Offer::Archive(archive) => &archive.revision,
        }
    }

    /// Whether somebody vouches for all of it, so that what it makes is vouched for too.
    pub(crate) fn is_vouched_for(&self) -> bool {
        match self {
            Offer::Commit(snapshot) => snapshot.is_vouched_for(),
            Offer::Archive(archive) => archive.vouched,
        }
    }

    /// With what the source is reached, for what its files name on the same host.
    pub(crate) fn access(&self) -> Arc<SourceAccess> {
        match self {
            Offer::Commit(snapshot) => Arc::clone(&snapshot.access),
            Offer::Archive(_) => Arc::new(SourceAccess::nothing()),
        }
    }

    /// Opens the files. The error is a sentence for the condition.
    pub(crate) fn view<'r>(
        &self,
        store: &Store,
        reader: &'r dyn ObjectReader,
    ) -> Result<View<'r>, String> {
        match self {
            Offer::Commit(snapshot) => View::of(snapshot, reader).map_err(|error| chain(&error)),
            Offer::Archive(archive) => archive.view(store).map_err(|error| chain(&error)),
        }
    }
}
