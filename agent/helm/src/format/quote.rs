//! Quoted text, as Go's `strconv.Quote` writes it.

use std::fmt::Write as _;

/// Quotes with `"`; what is not printable (or not ASCII, where that is asked) is escaped.
pub(crate) fn quote(bytes: &[u8], ascii: bool) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            escape(&mut quoted, character, '"', ascii);
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

/// Quotes one character with `'`.
pub(crate) fn quote_character(character: char, ascii: bool) -> String {
    let mut quoted = String::from("'");
    escape(&mut quoted, character, '\'', ascii);
    quoted.push('\'');
    quoted
}

fn escape(quoted: &mut String, character: char, quote: char, ascii: bool) {
    match character {
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        _ if character == quote => {
            quoted.push('\\');
            quoted.push(quote);
        }
        ' '..='~' => quoted.push(character),
        _ if !ascii && is_printable(character) => quoted.push(character),
        _ => {
            let code = u32::from(character);
            let _ = match code {
                0..0x20 | 0x7f => write!(quoted, "\\x{code:02x}"),
                0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
                _ => write!(quoted, "\\U{code:08x}"),
            };
        }
    }
}

/// Whether Go's `unicode.IsPrint` holds: a letter, mark, number, punctuation or symbol, or the blank.
pub(crate) fn is_printable(character: char) -> bool {
    if character == ' ' {
        return true;
    }
    if character.is_control() || character.is_whitespace() {
        return false;
    }
    // char's Debug escapes what is not printable, and combining marks, which Go prints.
    let mut escaped = character.escape_debug();
    escaped.len() == 1
        || matches!(character, '"' | '\'' | '\\')
        || is_mark(character) && {
            escaped.next();
            escaped.next() == Some('u')
        }
}

/// The blocks of combining marks, which Go counts as printable.
fn is_mark(character: char) -> bool {
    matches!(
        u32::from(character),
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f
        | 0x900..=0x903 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f | 0xe0100..=0xe01ef
    )
}
