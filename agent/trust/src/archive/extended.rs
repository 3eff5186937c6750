//! Records about an entry (POSIX.1-2024, pax, "pax Extended Header").

use super::ArchiveError;
use super::header::{Header, text};

/// Bytes of all records about one entry; names are the longest of them.
pub(super) const LIMIT: u64 = 64 * 1024;

/// What records say that is of use here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Extended {
    pub(super) fn parse(header: &Header, mut rest: &[u8]) -> Result<Self, ArchiveError> {
        let bad = |why: &str| header.refused(why);
        let mut extended = Self::default();
        while !rest.is_empty() {
            let (record, after) = split(rest).ok_or_else(|| bad("holds no records"))?;
            rest = after;
            let at = record.iter().position(|byte| *byte == b'=');
            let (key, value) = record.split_at(at.unwrap_or(0));
            let value = value.get(1..).unwrap_or_default();
            if key.is_empty() || key.contains(&0) {
                return Err(bad("holds a record without a name"));
            }
            extended.take(header, key, value)?;
        }
        Ok(extended)
    }

    fn take(&mut self, header: &Header, key: &[u8], value: &[u8]) -> Result<(), ArchiveError> {
        let bad = |why: &str| Err(header.refused(why));
        let is_new = match key {
            b"path" if value.is_empty() || value.contains(&0) => {
                return bad("gives a name that is none");
            }
            b"path" => self.path.replace(value.to_vec()).is_none(),
            b"size" => match decimal(value) {
                Some(size) => self.size.replace(size).is_none(),
                None => return bad("gives a size that is no number"),
            },
            b"linkpath" => return bad("is about a link, which is never taken"),
            b"uname" | b"gname" if value.contains(&0) => {
                return bad("gives an owner that is none");
            }
            b"uid" | b"gid" if decimal(value).is_none() => {
                return bad("gives an owner that is no number");
            }
            b"mtime" | b"atime" | b"ctime" if !is_time(value) => {
                return bad("gives a time that is none");
            }
            key if key.starts_with(b"GNU.sparse.") => {
                return bad("is about a file with holes, which is never taken");
            }
            _ => true,
        };
        match is_new {
            true => Ok(()),
            false => bad("says the same thing twice"),
        }
    }
}

/// The name that GNU tar gives the next entry.
pub(super) fn long_name(header: &Header, content: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    match (text(content), content) {
        (b"", _) => Err(header.refused("gives a name that is none")),
        (name, content) if content.len() <= name.len() + 1 => Ok(name.to_vec()),
        _ => Err(header.refused("gives a name with more behind it")),
    }
}

/// The first record, `LENGTH KEY=VALUE` and a line's end, without length and end; and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(bytes.get(..space)?)?).ok()?;
    let (record, after) = bytes.split_at_checked(length)?;
    Some((record.strip_suffix(b"\n")?.get(space + 1..)?, after))
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?;
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    // As many as any number of seconds or bytes has.
    (are_digits && digits.len() <= 18).then(|| digits.parse().ok())?
}

/// Seconds, with or without a fraction.
fn is_time(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = parts.next().and_then(decimal);
    let is_fraction = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    seconds.is_some() && parts.next().is_none_or(is_fraction)
}
