//! The line of a node's configuration that says whether it writes.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, value};

use crate::error::CommandError;
use crate::identity::Rights;
use crate::trust::Change;

pub(super) const ACTIVE: &str = "active";
pub(super) const OBSERVE: &str = "observe";

/// The drop-in that is written where no file says it.
const DROP_IN: &str = "config.d/mode.toml";
/// What `install.sh` told the service that mints.
const MINTING: &str = "identity";
/// How that begins.
const ARGUMENTS: &str = "ARGUMENTS=";

/// Sets the mode in the file that has the last word on it; the rest of that file stays as it is. Gives the file.
pub(super) fn set(files: &[PathBuf], mode: &str) -> Result<PathBuf, CommandError> {
    for file in files.iter().rev() {
        let mut document = read(file)?;
        let node = document
            .get_mut("node")
            .and_then(|node| node.get_mut("mode"));
        if let Some(said) = node {
            *said = value(mode);
            write(file, document.to_string(), file)?;
            return Ok(file.clone());
        }
    }
    let main = files
        .first()
        .ok_or_else(|| CommandError::Usage("the node's configuration has no file".to_owned()))?;
    let file = main.with_file_name(DROP_IN);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    write(&file, format!("[node]\nmode = \"{mode}\"\n"), main)?;
    Ok(file)
}

/// Has a new identity, when one is minted on this server, be given these rights (`windlass-identity.service`).
pub(super) fn remember(files: &[PathBuf], rights: Rights) -> Result<(), CommandError> {
    let file = files.first().map(|main| main.with_file_name(MINTING));
    let Some(file) = file.filter(|file| file.exists()) else {
        return Ok(());
    };
    let text = fs::read_to_string(&file)?;
    if !text.starts_with(ARGUMENTS) {
        return Ok(());
    }
    let mut words: Vec<&str> = text.trim_end().split(' ').collect();
    let said = words.iter().position(|word| *word == "--rights");
    match said.and_then(|at| words.get_mut(at + 1)) {
        Some(word) => *word = rights.word(),
        None => words.extend(["--rights", rights.word()]),
    }
    let text = format!("{}\n", words.join(" "));
    write(&file, text, &file)
}

fn read(file: &Path) -> Result<DocumentMut, CommandError> {
    let text = fs::read_to_string(file)?;
    text.parse().map_err(|error: toml_edit::TomlError| {
        CommandError::Usage(format!("{}: {error}", file.display()))
    })
}

fn write(path: &Path, text: String, like: &Path) -> Result<(), CommandError> {
    let path = path.to_owned();
    Ok(Change { path, text }.write(Some(like))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_has_the_last_word_is_changed_and_nothing_else_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("config.toml");
        let more = folder.path().join("config.d/a.toml");
        fs::create_dir(folder.path().join("config.d")).unwrap();
        fs::write(
            &main,
            "# mine\n[node]\nmode = \"observe\" # for now\nname = \"a\"\n",
        )
        .unwrap();
        fs::write(&more, "[log]\nlevel = \"info\"\n").unwrap();
        let files = [main.clone(), more.clone()];
        assert_eq!(set(&files, ACTIVE).unwrap(), main);
        let text = fs::read_to_string(&main).unwrap();
        assert!(
            text.starts_with("# mine\n[node]\nmode = \"active\""),
            "{text}"
        );
        assert!(text.ends_with("name = \"a\"\n"), "{text}");

        fs::write(&main, "[root]\n").unwrap();
        let drop_in = folder.path().join(DROP_IN);
        assert_eq!(set(&files, OBSERVE).unwrap(), drop_in);
        assert_eq!(
            fs::read_to_string(&drop_in).unwrap(),
            "[node]\nmode = \"observe\"\n"
        );
        assert_eq!(fs::read_to_string(&main).unwrap(), "[root]\n");
        let minting = folder.path().join(MINTING);
        fs::write(&minting, "ARGUMENTS=a --rights observe --server x\n").unwrap();
        remember(&files, Rights::Full).unwrap();
        assert_eq!(
            fs::read_to_string(&minting).unwrap(),
            "ARGUMENTS=a --rights full --server x\n"
        );
        let files = [main, more, drop_in.clone()];
        assert_eq!(set(&files, ACTIVE).unwrap(), drop_in);
    }
}
