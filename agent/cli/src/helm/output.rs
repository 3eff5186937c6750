//! `helm template --output-dir`: a file for each template, as Helm writes them (pkg/cmd/template.go, pkg/action).

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Component, Path};

use windlass_helm::{Parts, Rendered};

use crate::error::CommandError;
use crate::screen::Screen;

/// Writes what was rendered below a directory, and says of each piece where it is.
pub(super) fn write(
    screen: &mut Screen<'_>,
    rendered: &Rendered,
    parts: Parts,
    directory: &Path,
) -> Result<(), CommandError> {
    let mut written = BTreeSet::new();
    for piece in rendered.pieces(parts) {
        let file = directory.join(&piece.source);
        let failed = |error: io::Error| {
            CommandError::Usage(format!("--output-dir: {}: {error}", file.display()))
        };
        // A name in a package leads nowhere else.
        let mut names = Path::new(&piece.source).components();
        if !names.all(|name| matches!(name, Component::Normal(_))) {
            let message = format!("{:?} is no path of a file below it", piece.source);
            return Err(failed(io::Error::other(message)));
        }
        // Helm adds a hook to what an earlier run has left; here the file is this run's.
        let first = written.insert(file.clone());
        let mut options = OpenOptions::new();
        options
            .create(true)
            .write(true)
            .truncate(first)
            .append(!first);
        file.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| options.open(&file))
            .and_then(|mut file| file.write_all(piece.to_string().as_bytes()))
            .map_err(failed)?;
        screen.print(&format!("wrote {}\n", file.display()))?;
    }
    Ok(())
}
