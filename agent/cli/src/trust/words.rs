//! Small texts of the `trust` commands.

use std::path::Path;

use windlass_trust::Oid;

/// How many digits of an id people read.
const SHORT: usize = 8;

/// The first digits of an id.
pub(crate) fn short(oid: &Oid) -> String {
    let mut digits = oid.to_string();
    digits.truncate(SHORT);
    digits
}

/// `1 commit`, `2 commits`.
pub(crate) fn counted(number: usize, word: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {word}{end}")
}

/// A word for the shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:@%+,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A path as a person would type it here.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let relative = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    quoted(&relative.unwrap_or(path).display().to_string())
}
