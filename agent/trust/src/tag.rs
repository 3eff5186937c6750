//! Annotated tags read from their raw bytes, strictly.

use crate::headers::{
    Ambiguity, MEANINGFUL_KEYS, ambiguous, headers, object_id, single_line, take, time,
};
use crate::{ObjectKind, Oid, text};

/// Longest tag that is looked at; as for commits.
const MAX_TAG_BYTES: usize = 1024 * 1024;

/// The lines that begin a signature in a tag's message (gpg-interface.c, get_format_by_sig).
const SIGNATURE_STARTS: [&[u8]; 4] = [
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

/// A tag that can be read in one way only.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    /// What the tag points at.
    pub(crate) target: Oid,
    /// The kind of what it points at.
    pub(crate) kind: ObjectKind,
    /// Its name, without `refs/tags/`.
    pub(crate) name: &'a [u8],
    /// When the tagger says that it was made, in seconds since 1970.
    pub(crate) time: i64,
    /// The signature at the end of its message; `None` when unsigned.
    pub(crate) signature: Option<&'a [u8]>,
    /// What the signature covers: everything before it.
    pub(crate) payload: &'a [u8],
}

// === impl Tag ===

impl<'a> Tag<'a> {
    /// Reads a tag strictly.
    ///
    /// # Errors
    /// A header is missing, repeated, out of place or broken, there are two signatures, or there
    /// is a NUL byte.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Ambiguity> {
        if bytes.len() > MAX_TAG_BYTES {
            return ambiguous(format!("it is larger than {MAX_TAG_BYTES} bytes"));
        }
        if bytes.contains(&0) {
            return ambiguous("it holds a NUL byte");
        }
        let headers = headers(bytes)?;
        let mut rest = headers.as_slice();
        let target = object_id(take(&mut rest, b"object", "object")?, "object")?;
        let kind = single_line(take(&mut rest, b"type", "type")?)
            .and_then(|kind| ObjectKind::parse(std::str::from_utf8(kind).ok()?));
        let Some(kind) = kind else {
            return ambiguous("its type header holds no kind of object");
        };
        let Some(name) = single_line(take(&mut rest, b"tag", "tag")?) else {
            return ambiguous("its tag header holds no name");
        };
        let tagger = take(&mut rest, b"tagger", "tagger")?;
        let Some(time) = single_line(tagger).and_then(|_| time(tagger)) else {
            return ambiguous("its tagger header holds no date as Git writes it");
        };
        if let Some(header) = rest
            .iter()
            .find(|header| MEANINGFUL_KEYS.contains(&header.key))
        {
            let key = text::shown(header.key);
            return ambiguous(format!("its {key} header is repeated or not in its place"));
        }
        let (payload, signature) = split_signature(bytes)?;
        Ok(Self {
            target,
            kind,
            name,
            time,
            signature,
            payload,
        })
    }

    /// What the person wrote: everything between the headers and the signature.
    pub(crate) fn message(&self) -> &'a [u8] {
        let mut pairs = self.payload.windows(2);
        let begins = pairs.position(|pair| pair == b"\n\n");
        begins
            .and_then(|at| self.payload.get(at + 2..))
            .unwrap_or_default()
    }
}

/// Cuts the signature off. Git takes the last line that begins one, wherever it stands
/// (gpg-interface.c, parse_signed_buffer), so a second one is refused.
fn split_signature(bytes: &[u8]) -> Result<(&[u8], Option<&[u8]>), Ambiguity> {
    let mut starts = std::iter::once(0)
        .chain(
            bytes
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'\n')
                .map(|(at, _)| at + 1),
        )
        .filter(|at| {
            let line = bytes.get(*at..).unwrap_or_default();
            SIGNATURE_STARTS.iter().any(|start| line.starts_with(start))
        });
    let Some(at) = starts.next() else {
        return Ok((bytes, None));
    };
    if starts.next().is_some() {
        return ambiguous("two signatures begin in it");
    }
    let (payload, signature) = bytes.split_at(at);
    Ok((payload, Some(signature)))
}

#[cfg(test)]
mod tests;
