//! The headers of commits and tags, cut strictly from their raw bytes.
//!
//! Git and go-git disagree on which of two equal headers counts (CVE-2026-45022, CVE-2026-44309),
//! so an object that two readers could read differently is refused.

use crate::{Oid, text};

/// Header keys with a meaning for trust: they may appear only where Git writes them.
pub(crate) const MEANINGFUL_KEYS: [&[u8]; 11] = [
    b"tree",
    b"object",
    b"type",
    b"tag",
    b"tagger",
    b"parent",
    b"author",
    b"committer",
    b"encoding",
    b"gpgsig",
    b"gpgsig-sha256",
];

/// Length of an object id in a repository of the SHA-256 format.
const SHA256_DIGITS: usize = 64;

/// Why an object could be read in more than one way, in a person's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ambiguity(pub(crate) String);

/// One header with its continuation lines.
pub(crate) struct Header<'a> {
    pub(crate) key: &'a [u8],
    /// The value; continuation lines still begin with their space.
    pub(crate) value: &'a [u8],
    /// Where the header begins and ends in the object, the last line feed included.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Cuts the headers off a commit or tag.
pub(crate) fn headers(bytes: &[u8]) -> Result<Vec<Header<'_>>, Ambiguity> {
    let mut headers: Vec<Header<'_>> = Vec::new();
    let mut start = 0;
    loop {
        let rest = bytes.get(start..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return ambiguous("its headers do not end with an empty line");
        };
        let line = rest.get(..length).unwrap_or_default();
        let end = start + length + 1;
        if line.is_empty() {
            return Ok(headers);
        }
        if line.starts_with(b" ") {
            let Some(previous) = headers.last_mut() else {
                return ambiguous("it begins with a continuation line");
            };
            previous.end = end;
            let value_start = previous.start + previous.key.len() + 1;
            previous.value = bytes.get(value_start..end - 1).unwrap_or_default();
        } else {
            headers.push(header(line, start, end)?);
        }
        start = end;
    }
}

/// Cuts one line into key and value.
fn header(line: &[u8], start: usize, end: usize) -> Result<Header<'_>, Ambiguity> {
    let Some(space) = line.iter().position(|byte| *byte == b' ') else {
        return ambiguous(format!(
            "the header line {:?} has no value",
            text::shown(line)
        ));
    };
    let (key, value) = line.split_at(space);
    let proper = key.first().is_some_and(u8::is_ascii_alphabetic)
        && key
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(byte));
    if !proper {
        return ambiguous(format!("{:?} is not a header name", text::shown(key)));
    }
    let disguised = MEANINGFUL_KEYS
        .iter()
        .any(|known| key.eq_ignore_ascii_case(known) && key != *known);
    if disguised {
        return ambiguous(format!(
            "the header {:?} is written in other case",
            text::shown(key)
        ));
    }
    Ok(Header {
        key,
        value: value.get(1..).unwrap_or_default(),
        start,
        end,
    })
}

/// Takes the next header, which must have this key.
pub(crate) fn take<'h, 'a>(
    rest: &mut &'h [Header<'a>],
    key: &[u8],
    name: &str,
) -> Result<&'h Header<'a>, Ambiguity> {
    match rest.split_first() {
        Some((header, after)) if header.key == key => {
            *rest = after;
            Ok(header)
        }
        _ => ambiguous(format!("its {name} header is missing or not in its place")),
    }
}

/// Reads the object id that a header holds.
pub(crate) fn object_id(header: &Header<'_>, name: &str) -> Result<Oid, Ambiguity> {
    let value = single_line(header).unwrap_or_default();
    if value.len() == SHA256_DIGITS && value.iter().all(u8::is_ascii_hexdigit) {
        return ambiguous("it comes from a SHA-256 repository, which is not supported");
    }
    Oid::from_hex(value).ok_or_else(|| Ambiguity(format!("its {name} header holds no object id")))
}

/// The value of a header without continuation lines and not empty.
pub(crate) fn single_line<'a>(header: &Header<'a>) -> Option<&'a [u8]> {
    (!header.value.is_empty() && !header.value.contains(&b'\n')).then_some(header.value)
}

/// Removes the space that begins each continuation line.
pub(crate) fn unfold(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for (index, line) in value.split(|byte| *byte == b'\n').enumerate() {
        if index == 0 {
            out.extend_from_slice(line);
        } else {
            out.push(b'\n');
            out.extend_from_slice(line.get(1..).unwrap_or_default());
        }
    }
    out
}

pub(crate) fn ambiguous<T>(why: impl Into<String>) -> Result<T, Ambiguity> {
    Err(Ambiguity(why.into()))
}

/// The seconds in `Name <mail> 1700000000 +0000`, read as Git writes them and in no other way;
/// `None` otherwise.
pub(crate) fn time(header: &Header<'_>) -> Option<i64> {
    let end_of_mail = header.value.iter().rposition(|byte| *byte == b'>')?;
    let date = header.value.get(end_of_mail + 1..)?.strip_prefix(b" ")?;
    let space = date.iter().position(|byte| *byte == b' ')?;
    let (seconds, zone) = date.split_at_checked(space)?;
    let zone_is_proper = matches!(zone, [b' ', b'+' | b'-', digits @ ..]
        if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit));
    let is_number = !seconds.is_empty() && seconds.iter().all(u8::is_ascii_digit);
    if !zone_is_proper || !is_number {
        return None;
    }
    std::str::from_utf8(seconds).ok()?.parse().ok()
}
