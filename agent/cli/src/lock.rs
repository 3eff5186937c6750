//! `windlass lock`: writes into `windlass.lock` what the kustomizations, and where asked the sources, of a repository name of
//! other places.

mod artifacts;
mod file;
mod sources;
mod versions;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use windlass_trust::{LOCK_FILE, LockFile};

use self::file::{Pins, Sections};
use self::walk::{Ask, Walk};
use crate::elsewhere;
use crate::error::CommandError;
use crate::local_tree::as_seen_here;
use crate::screen::Screen;

/// Arguments of `lock`.
#[derive(Debug, Clone, Args)]
pub struct LockArguments {
    /// The root of the repository
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Write nothing; exit with 1 when something is not pinned, or a pin is not used
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Ask again for everything, also for what is pinned
    #[arg(long)]
    update: bool,
    /// Pin artifacts of registries and versions of charts too, for the sources, releases and charts in the repository
    #[arg(long)]
    sources: bool,
}

/// Looks through the repository, and writes or checks the file.
pub(crate) fn run(screen: &mut Screen<'_>, arguments: &LockArguments) -> Result<(), CommandError> {
    let shown = arguments.directory.display();
    let root = fs::canonicalize(&arguments.directory)
        .map_err(|error| usage(format!("{shown}: {error}")))?;
    let file = root.join(LOCK_FILE);
    let before = match file.exists() {
        true => {
            fs::read_to_string(&file).map_err(|error| usage(format!("{LOCK_FILE}: {error}")))?
        }
        false => String::new(),
    };
    let old = match before.as_str() {
        "" => LockFile::default(),
        _ => elsewhere::read(&file).map_err(usage)?,
    };
    let ask = match (arguments.check, arguments.update) {
        (true, _) => Ask::Never,
        (_, true) => Ask::ForAll,
        _ => Ask::ForNew,
    };
    let mut walk = Walk::new(&root, &old, ask).map_err(usage)?;
    walk.run().map_err(|message| build(&message))?;
    for warning in &walk.warnings {
        screen.action(&as_seen_here(warning))?;
    }
    let mut known = Pins::written_in(&before).map_err(usage)?;
    match arguments.sources {
        true => {
            let found =
                sources::look(&root, &known.artifacts, ask).map_err(|error| build(&error))?;
            for warning in &found.warnings {
                screen.action(&as_seen_here(warning))?;
            }
            walk.unpinned.extend(found.unpinned);
            walk.pins.artifacts = found.pins;
        }
        // They are somebody else's then.
        false => known.artifacts = std::mem::take(&mut walk.pins.artifacts),
    }
    match ask {
        Ask::Never => check(screen, &walk, &known),
        Ask::ForNew | Ask::ForAll => {
            let sections = match arguments.sources {
                true => Sections::All,
                false => Sections::Kustomizations,
            };
            write(screen, &file, (&before, &known), (&walk.pins, sections))
        }
    }
}

/// Lists what is not pinned and what is pinned for nothing.
fn check(screen: &mut Screen<'_>, walk: &Walk<'_>, known: &Pins) -> Result<(), CommandError> {
    let unused = known.without(&walk.pins);
    for reference in &walk.unpinned {
        screen.print(&as_seen_here(&format!("not pinned: {reference}\n")))?;
    }
    for pin in &unused {
        screen.print(&format!("not used: {pin}\n"))?;
    }
    match (walk.unpinned.len(), unused.len()) {
        (0, 0) => Ok(screen.action(&format!("{LOCK_FILE} pins everything"))?),
        _ => Err(CommandError::Build(format!(
            "{LOCK_FILE} is not up to date: run `windlass lock`, look at what changed, and commit it"
        ))),
    }
}

fn write(
    screen: &mut Screen<'_>,
    file: &Path,
    (before, known): (&str, &Pins),
    (pins, sections): (&Pins, Sections),
) -> Result<(), CommandError> {
    let after = pins.write_into(before, sections).map_err(usage)?;
    for pin in pins.without(known) {
        screen.print(&format!("+ {pin}\n"))?;
    }
    for pin in known.without(pins) {
        screen.print(&format!("- {pin}\n"))?;
    }
    if after == before {
        return Ok(screen.action(&format!("{LOCK_FILE} is up to date"))?);
    }
    let beside = file.with_extension("lock.new");
    fs::write(&beside, after)
        .and_then(|()| fs::rename(&beside, file))
        .map_err(|error| usage(format!("{}: {error}", file.display())))?;
    Ok(screen.action(&format!(
        "{LOCK_FILE} is written: look at what it pins, and commit it"
    ))?)
}

fn usage(message: String) -> CommandError {
    CommandError::Usage(message)
}

fn build(message: &str) -> CommandError {
    CommandError::Build(as_seen_here(message))
}
