//! Two texts line by line: where one word of a line took the place of another, and which lines a bot may have.

use super::value::{commit_changes, digest_changes, image_rises, version_rises};

/// What Flux's image automation writes behind what it may set (fluxcd.io, image update automations).
const FLUX_MARKER: &str = "{\"$imagepolicy\":";

/// What stands in the line before one that Renovate may set (docs.renovatebot.com, custom managers).
const RENOVATE_MARKER: &str = "# renovate:";

/// Takes over what changed in lines that are marked for a bot; gives the old text with these lines as they are now.
///
/// # Errors
/// A line came or went, or more of a line changed than one version, digest or image; says which line.
pub(super) fn take_marked(old: &str, new: &str) -> Result<String, String> {
    let old: Vec<&str> = old.split('\n').collect();
    let new: Vec<&str> = new.split('\n').collect();
    if old.len() != new.len() {
        return Err(format!("it had {} lines and has {}", old.len(), new.len()));
    }
    let mut taken = Vec::with_capacity(old.len());
    let mut before = "";
    for (number, (old, new)) in old.iter().zip(&new).enumerate() {
        if old != new {
            one_word_rises(old, new).map_err(|why| format!("line {}: {why}", number + 1))?;
        }
        let marked = is_marked(old, before) && is_marked(new, before);
        taken.push(if marked { *new } else { *old });
        before = old;
    }
    Ok(taken.join("\n"))
}

fn is_marked(line: &str, before: &str) -> bool {
    let comment = line
        .split_once(" #")
        .map(|(_, comment)| comment.trim_start());
    comment.is_some_and(|comment| comment.starts_with(FLUX_MARKER))
        || before.trim_start().starts_with(RENOVATE_MARKER)
}

fn one_word_rises(old: &str, new: &str) -> Result<(), String> {
    let (old, new) = differing_words(old, new);
    let kinds = [version_rises, digest_changes, commit_changes];
    if kinds.iter().any(|kind| kind(old, new).is_ok()) {
        return Ok(());
    }
    // What people write in one word with a colon or an at sign is an image; its objection says most.
    match image_rises(old, new) {
        Ok(()) => Ok(()),
        Err(why) if old.contains([':', '@', '/']) => Err(why),
        Err(_) => version_rises(old, new),
    }
}

/// Gives the words around the first and the last difference; all of the line when more than one word differs.
fn differing_words<'t>(old: &'t str, new: &'t str) -> (&'t str, &'t str) {
    let same = |pairs: &mut dyn Iterator<Item = (u8, u8)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let shorter = old.len().min(new.len());
    let start = same(&mut old.bytes().zip(new.bytes()));
    let end = same(&mut old.bytes().rev().zip(new.bytes().rev())).min(shorter - start);
    let word = |line: &'t str| {
        let bytes = line.as_bytes();
        let ahead = bytes.get(..start).unwrap_or_default();
        let behind = bytes.get(line.len() - end..).unwrap_or_default();
        let from = start
            - ahead
                .iter()
                .rev()
                .take_while(|byte| in_word(**byte))
                .count();
        let to = line.len() - end + behind.iter().take_while(|byte| in_word(**byte)).count();
        // Both ends are beside ASCII, or where both lines are the same.
        line.get(from..to).unwrap_or(line)
    };
    (word(old), word(new))
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+:@/-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{differing_words, take_marked};

    #[test]
    fn the_words_that_differ_are_found_whole() {
        for (old, new, words) in [
            ("tag: 1.2.3", "tag: 1.2.4", ("1.2.3", "1.2.4")),
            ("tag: \"1.9\" # x", "tag: \"1.10\" # x", ("1.9", "1.10")),
            ("a: 11", "a: 111", ("11", "111")),
            ("a: x:1 y", "a: x:2 y", ("x:1", "x:2")),
            ("é: 1.0 é", "é: 1.1 é", ("1.0", "1.1")),
            ("1 a 1", "2 a 2", ("1 a 1", "2 a 2")),
        ] {
            assert_eq!(differing_words(old, new), words);
        }
    }

    #[test]
    fn only_marked_lines_are_taken_over() {
        let old = "a: 1.0 # {\"$imagepolicy\": \"x:y:tag\"}\n# renovate: datasource=docker\nb: 1.0\nc: 1.0\n";
        let new = old.replace("1.0", "1.1");
        let taken = take_marked(old, &new).unwrap();
        assert_eq!(taken, new.replace("c: 1.1", "c: 1.0"));
        for smuggled in [
            new.replace("b: 1.1", "b: 1.1 # more"),
            new.replace("b: 1.1", "b: 0.9"),
            new.replace("b: 1.1", "b: [1.1]"),
            new.replace("b: 1.1", "b: 1.1+/../../../evil/1.1"),
            new.replace("b: 1.1", "b: 1.1\n"),
            new.replace("imagepolicy", "other"),
            new.replace("renovate:", "renovate"),
        ] {
            assert!(take_marked(old, &smuggled).is_err(), "{smuggled}");
        }
    }
}
