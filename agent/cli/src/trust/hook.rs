//! `trust hook install`: a pre-push hook that stops what nodes would refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::arguments::HookArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::init;
use super::pins::Pins;
use super::programs::Git;
use super::words::{quoted, shown};
use crate::screen::Screen;

/// Stands in each hook of ours, so that we know it again.
const MARK: &str = "# Written by `windlass trust hook install`";

pub(crate) fn install(
    screen: &mut Screen<'_>,
    arguments: &HookArguments,
) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let pins = Pins::of(&clone);
    pins.signers(&arguments.signers)?;
    let branch = init::branch(&clone, arguments.branch.as_deref())?;
    let git = Git::new(clone.work_dir());
    let folder = git.run(&["rev-parse", "--git-path", "hooks"])?;
    let folder = clone.work_dir().join(folder);
    let file = folder.join("pre-push");
    make_room(&file, arguments.force)?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("windlass"));
    let text = script(&program, &branch, arguments, pins.introduction()?.is_some());
    let failed = |source| TrustError::Write {
        path: file.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::write(&file, text).map_err(failed)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    screen.success(&format!("{} checks each push to {branch}", shown(&file)))?;
    Ok(screen.action(
        "`git push --no-verify` pushes past it; nodes still refuse what is not vouched for",
    )?)
}

/// Sees to it that no hook of somebody else is lost.
fn make_room(file: &Path, force: bool) -> Result<(), TrustError> {
    let Ok(old) = fs::read(file) else {
        return Ok(());
    };
    if String::from_utf8_lossy(&old).contains(MARK) {
        return Ok(());
    }
    if !force {
        return Err(TrustError::Wanted {
            what: format!("{} is there already, and is not ours", file.display()),
            next: "call `windlass trust verify --quiet` from it, or replace it with --force (it is kept as pre-push.old)"
                .to_owned(),
        });
    }
    let kept = file.with_extension("old");
    fs::rename(file, &kept).map_err(|source| TrustError::Write { path: kept, source })
}

/// The hook. Git gives it a line for each reference that is pushed (githooks(5), pre-push).
fn script(
    program: &Path,
    branch: &str,
    arguments: &HookArguments,
    has_introduction: bool,
) -> String {
    let mut options = format!("--quiet --mode {}", arguments.mode);
    for signers in &arguments.signers {
        let signers = std::path::absolute(signers).unwrap_or_else(|_| signers.clone());
        options.push_str(&format!(
            " --signers {}",
            quoted(&signers.display().to_string())
        ));
    }
    let range = if has_introduction {
        "\"$new\""
    } else {
        // Nothing is pinned: what the other side has counts as accepted, and a new branch is looked at whole.
        "\"${old#0000000000000000000000000000000000000000}..$new\""
    };
    format!(
        "#!/bin/sh\n\
         {MARK}: stops a push to {branch} that nodes would refuse.\n\
         # Without it: remove this file, or git push --no-verify.\n\
         while read -r _ new name old; do\n\
         \x20   [ \"$name\" = {reference} ] || continue\n\
         \x20   case $new in *[!0]*) ;; *) continue ;; esac # the branch is deleted\n\
         \x20   {program} trust verify {options} . {range} || exit 1\n\
         done\n",
        reference = quoted(&format!("refs/heads/{branch}")),
        program = quoted(&program.display().to_string()),
    )
}
