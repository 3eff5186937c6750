//! Commits read from their raw bytes, once strictly and once only for their parents.
//!
//! Git and go-git disagree on which of two `tree` headers counts (CVE-2026-45022,
//! CVE-2026-44309), so a commit that two readers could read differently is refused.

use crate::headers::{
    Ambiguity, Header, MEANINGFUL_KEYS, ambiguous, headers, object_id, single_line, take, time,
    unfold,
};
use crate::{Oid, text};

/// Longest commit that is looked at. The largest real ones (release merges that quote every tag)
/// stay under 200 KiB; a commit holds no file content.
pub(crate) const MAX_COMMIT_BYTES: usize = 1024 * 1024;

/// Most parents of a commit that is looked at: each is a way of its own that has to be judged. The largest merge of the Linux
/// kernel has 66.
const MAX_PARENTS: usize = 256;

/// A commit that can be read in one way only.
#[derive(Debug)]
pub(crate) struct Commit<'a> {
    /// The directory that the commit names.
    pub(crate) tree: Oid,
    /// The signature with its continuation lines joined; `None` when unsigned.
    pub(crate) signature: Option<Vec<u8>>,
    /// When the committer says that the commit was made, in seconds since 1970.
    pub(crate) time: i64,
    /// What the signature covers: the bytes before and after the `gpgsig` header.
    payload: (&'a [u8], &'a [u8]),
}

// === impl Commit ===

impl<'a> Commit<'a> {
    /// Reads a commit strictly.
    ///
    /// # Errors
    /// A header is missing, repeated, out of place or broken, or there is a NUL byte.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Ambiguity> {
        if bytes.len() > MAX_COMMIT_BYTES {
            return ambiguous(format!("it is larger than {MAX_COMMIT_BYTES} bytes"));
        }
        if bytes.contains(&0) {
            return ambiguous("it holds a NUL byte");
        }
        let headers = headers(bytes)?;
        let mut rest = headers.as_slice();
        let tree = object_id(take(&mut rest, b"tree", "tree")?, "tree")?;
        let mut parents = 0;
        while let Some((header, after)) = rest.split_first()
            && header.key == b"parent"
        {
            object_id(header, "parent")?;
            rest = after;
            parents += 1;
        }
        if parents > MAX_PARENTS {
            return ambiguous(format!("it has {parents} parents, more than {MAX_PARENTS}"));
        }
        let author = take(&mut rest, b"author", "author")?;
        let committer = take(&mut rest, b"committer", "committer")?;
        if single_line(author).is_none() || single_line(committer).is_none() {
            return ambiguous("its author or committer is empty or runs over several lines");
        }
        let Some(time) = time(committer) else {
            return ambiguous("its committer header holds no date as Git writes it");
        };
        let signature = trailing_headers(rest)?;
        let payload = match signature {
            None => (bytes, [].as_slice()),
            Some(header) => (
                bytes.get(..header.start).unwrap_or_default(),
                bytes.get(header.end..).unwrap_or_default(),
            ),
        };
        let signature = signature.map(|header| unfold(header.value));
        Ok(Self {
            tree,
            signature,
            time,
            payload,
        })
    }

    /// Gives the bytes that the signature covers: the commit minus exactly its `gpgsig` header.
    pub(crate) fn payload(&self) -> (&'a [u8], &'a [u8]) {
        self.payload
    }
}

/// Gives the parents and the committer's seconds without judging the rest. Every `parent` line of
/// the headers counts: in a commit that parses strictly these are its parents, and in any other
/// the walk goes on, so that the refusal names the broken commit and not a history cut off by it.
pub(crate) fn parents(bytes: &[u8]) -> (Vec<Oid>, i64) {
    let mut found = Vec::new();
    let mut time = 0;
    for line in bytes
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty())
    {
        if let Some(digits) = line.strip_prefix(b"parent ") {
            found.extend(Oid::from_hex(digits));
        } else if line.starts_with(b"committer ") {
            time = seconds(line);
        }
    }
    (found, time)
}

/// Gives the first line of a commit's message and its author, safe to print, of any bytes.
pub(crate) fn described(bytes: &[u8]) -> (String, String) {
    let bytes = bytes.get(..MAX_COMMIT_BYTES).unwrap_or(bytes);
    let end = bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .unwrap_or(bytes.len());
    let author = bytes
        .get(..end)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"author "))
        .unwrap_or_default();
    (
        text::shown(bytes.get(end + 2..).unwrap_or_default()),
        author_shown(author),
    )
}

/// Cuts the date from an author line and makes the rest safe to print.
pub(crate) fn author_shown(author: &[u8]) -> String {
    let end = author
        .iter()
        .rposition(|byte| *byte == b'>')
        .map_or(author.len(), |at| at + 1);
    text::shown(author.get(..end).unwrap_or(author))
}

/// The seconds in `committer Name <mail> 1700000000 +0000`; 0 when unreadable. Used as a hint for
/// the order of a walk only.
fn seconds(committer: &[u8]) -> i64 {
    let after_mail = committer
        .rsplit(|byte| *byte == b'>')
        .next()
        .unwrap_or_default();
    std::str::from_utf8(after_mail)
        .ok()
        .and_then(|text| text.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// Judges what follows the committer and gives the signature header. Git inserts it as the last
/// header (commit.c, sign_with_header).
fn trailing_headers<'h, 'a>(rest: &'h [Header<'a>]) -> Result<Option<&'h Header<'a>>, Ambiguity> {
    let mut encoding = 0;
    for (index, header) in rest.iter().enumerate() {
        match header.key {
            b"gpgsig" if index + 1 < rest.len() => {
                return ambiguous("a header follows its signature, or it has two signatures");
            }
            b"gpgsig" | b"mergetag" => {}
            b"encoding" => {
                encoding += 1;
                if encoding > 1 || single_line(header).is_none() {
                    return ambiguous("its encoding header is repeated or broken");
                }
            }
            b"gpgsig-sha256" => {
                return ambiguous("it has a gpgsig-sha256 header, a second signature");
            }
            key if MEANINGFUL_KEYS.contains(&key) => {
                let name = text::shown(key);
                return ambiguous(format!("its {name} header is repeated or not in its place"));
            }
            _ => {}
        }
    }
    Ok(rest.last().filter(|header| header.key == b"gpgsig"))
}

#[cfg(test)]
mod tests;
