//! `trust policy edit`: the file in the person's editor, checked before it is written.

use std::fs;
use std::path::{Path, PathBuf};

use windlass_trust::POLICY_FILE;

use super::super::clone::LocalClone;
use super::super::error::TrustError;
use super::super::programs::Git;
use super::draft::{Draft, Finished};
use super::{RepositoryArguments, tell_what_next};
use crate::screen::Screen;

/// What a person who has no policy yet begins with.
const BEGINNING: &str = "\
# Who beside the keys that are pinned on the nodes may change what; docs/policy.md describes every field.
version = 1

#[[principal]]
#name = \"renovate\"
#role = \"bump\"
#paths = [\"apps/**\"]
#keys = [\"ssh-ed25519 AAAA... renovate\"]
";

pub(super) fn run(
    screen: &mut Screen<'_>,
    arguments: &RepositoryArguments,
) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let path = clone.work_dir().join(POLICY_FILE);
    let before = fs::read_to_string(&path).unwrap_or_else(|_| BEGINNING.to_owned());
    let sheet = clone.pins_dir().join("policy.edit.toml");
    write(&sheet, &before)?;
    let finished = edited(screen, &clone, &path, &sheet, &before)?;
    fs::remove_file(&sheet).map_err(|source| TrustError::Write {
        path: sheet,
        source,
    })?;
    let Some(finished) = finished else {
        return Ok(screen.success("nothing was changed")?);
    };
    finished.write()?;
    tell_what_next(screen, &finished.charter, "Change who may change what")
}

/// Edits until it can be used, or the person has enough; none when nothing changed.
fn edited(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    path: &Path,
    sheet: &PathBuf,
    before: &str,
) -> Result<Option<Finished>, TrustError> {
    let git = Git::new(clone.work_dir());
    loop {
        git.edit(sheet)?;
        let text = fs::read_to_string(sheet).map_err(|source| TrustError::Read {
            path: sheet.clone(),
            source,
        })?;
        if text == before {
            return Ok(None);
        }
        let finished = Draft::of(clone, path.to_owned(), &text).and_then(Draft::finish);
        let error = match finished {
            Ok(finished) => return Ok(Some(finished)),
            Err(error) => error,
        };
        screen.failure(&error.to_string())?;
        if screen.confirm("Edit it again?")? != Some(true) {
            return Err(TrustError::Wanted {
                what: format!("{POLICY_FILE} is as it was"),
                next: format!("what you wrote is in {}", sheet.display()),
            });
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), TrustError> {
    let failed = |source| TrustError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}
