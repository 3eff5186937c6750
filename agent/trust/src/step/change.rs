//! Changed paths: whether their signer may change them so.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::bump;
use crate::charter::{Charter, Grant};
use crate::diff::{Changed, Hear};
use crate::object::load_kind;
use crate::tree::{EntryMode, TreeEntry};
use crate::{ObjectKind, ObjectReader, RefusalReason, Signer, text};

use super::barred::Barred;

/// The changes of one signer before the policies that have to let each of them.
pub(super) struct Changes<'c> {
    reader: &'c dyn ObjectReader,
    charters: &'c [Arc<Charter>],
    signer: &'c Signer,
    /// The first that one of them does not let.
    pub(super) barred: Option<Barred>,
}

// === impl Changes ===

impl<'c> Changes<'c> {
    pub(super) fn new(
        reader: &'c dyn ObjectReader,
        charters: &'c [Arc<Charter>],
        signer: &'c Signer,
    ) -> Self {
        Self {
            reader,
            charters,
            signer,
            barred: None,
        }
    }
}

impl Hear for Changes<'_> {
    fn may_skip(&self, directory: &[u8]) -> bool {
        let key = &self.signer.key;
        let all = |charter: &Arc<Charter>| charter.grants_all_below(key, directory);
        self.charters.iter().all(all)
    }

    fn tell(&mut self, changed: Changed<'_>) -> ControlFlow<()> {
        let (reader, signer) = (self.reader, self.signer);
        let one = |charter: &Arc<Charter>| change_is_its(reader, charter, signer, &changed);
        match self.charters.iter().try_for_each(one) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                self.barred = Some(why);
                ControlFlow::Break(())
            }
        }
    }
}

/// Whether a policy lets a signer change one path as it was changed.
fn change_is_its(
    reader: &dyn ObjectReader,
    charter: &Charter,
    signer: &Signer,
    changed: &Changed<'_>,
) -> Result<(), Barred> {
    let principal = || signer.principal.clone();
    let path = || text::shown(changed.path);
    let barred = match charter.grant(&signer.key, changed.path) {
        Grant::Anything => return Ok(()),
        Grant::Nothing => RefusalReason::PathNotAllowed {
            principal: principal(),
            path: path(),
        },
        Grant::Bump => match bumped(reader, changed)? {
            Ok(()) => return Ok(()),
            Err(detail) => RefusalReason::NotABump {
                principal: principal(),
                path: path(),
                detail: text::shown(detail.as_bytes()),
            },
        },
    };
    Err(Barred::Refused(barred))
}

/// Whether a file differs from each one before it in versions that rose; says why it does not.
fn bumped(reader: &dyn ObjectReader, changed: &Changed<'_>) -> Result<Result<(), String>, Barred> {
    let file = |entry: Option<&TreeEntry>| {
        entry
            .filter(|entry| entry.mode == EntryMode::File)
            .map(|entry| entry.oid)
    };
    let Some(now) = file(changed.now) else {
        return Ok(Err("it is no plain file any more".to_owned()));
    };
    let now = load_kind(reader, &now, ObjectKind::Blob)?;
    for before in changed.before {
        let Some(before) = file(*before) else {
            return Ok(Err("it was no plain file before".to_owned()));
        };
        let before = load_kind(reader, &before, ObjectKind::Blob)?;
        if let Err(detail) = bump::raises_only(changed.path, &before, &now) {
            return Ok(Err(detail));
        }
    }
    Ok(Ok(()))
}
