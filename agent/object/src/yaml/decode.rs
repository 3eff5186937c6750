//! Bytes to text: byte order marks, UTF-16, and where a wrong byte is.

use std::borrow::Cow;

use crate::yaml::{Position, YamlError};

const UTF8_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
const UTF16_LITTLE_MARK: &[u8] = &[0xFF, 0xFE];
const UTF16_BIG_MARK: &[u8] = &[0xFE, 0xFF];

/// Decodes UTF-8, or UTF-16 with a byte order mark, and drops the mark (YAML 1.1, chapter 5.2).
pub(super) fn to_utf8(bytes: &[u8]) -> Result<Cow<'_, str>, YamlError> {
    if let Some(rest) = bytes.strip_prefix(UTF16_LITTLE_MARK) {
        return from_utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(UTF16_BIG_MARK) {
        return from_utf16(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            let (good, bad) = bytes.split_at(error.valid_up_to());
            let before = String::from_utf8_lossy(good);
            let byte = bad.first().copied().unwrap_or_default();
            Err(YamlError::new(
                end_of(&before),
                format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"),
            ))
        }
    }
}

/// The position just after a text.
pub(super) fn end_of(text: &str) -> Position {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position {
        line,
        column: last.chars().count() + 1,
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, YamlError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(character) => text.push(character),
            Err(_) => return Err(broken_utf16(&text)),
        }
    }
    if rest.is_empty() {
        Ok(Cow::Owned(text))
    } else {
        Err(broken_utf16(&text))
    }
}

fn broken_utf16(before: &str) -> YamlError {
    YamlError::new(
        end_of(before),
        "the UTF-16 text is broken here; save the file as UTF-8",
    )
}
