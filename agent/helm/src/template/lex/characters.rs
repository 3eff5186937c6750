//! Which characters are which to Go's lexer.

pub(super) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

pub(super) fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

pub(super) fn has_left_marker(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('-') && characters.next().is_some_and(is_space)
}

pub(super) fn has_right_marker(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_space) && characters.next() == Some('-')
}

/// A character as Go's `%#U` prints it.
pub(super) fn code_point(character: char) -> String {
    format!("U+{:04X} '{character}'", u32::from(character))
}
