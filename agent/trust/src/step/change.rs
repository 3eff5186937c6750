//! One changed path: whether its signer may change it so.

use crate::bump;
use crate::charter::{Charter, Grant};
use crate::diff::Changed;
use crate::object::load_kind;
use crate::tree::{EntryMode, TreeEntry};
use crate::{ObjectKind, ObjectReader, RefusalReason, Signer, text};

use super::Barred;

/// Whether a policy lets a signer change one path as it was changed.
pub(super) fn change_is_its(
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
