//! The lines in front of a bundle's pack.

use std::io::{BufRead, Read as _};

use gix_hash::ObjectId;
use windlass_wire::limits::NAME_BYTES;

use crate::failure::Failure;

/// What a bundle says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Commits that it builds on.
    pub(super) prerequisites: Vec<ObjectId>,
    /// What it holds, by full names.
    pub(super) references: Vec<(String, ObjectId)>,
}

/// Bytes of a line: behind the id of a commit may stand the whole first line of its message.
const LINE_BYTES: u64 = 64 * 1024;

/// Lines: a bundle of everything names each reference of a repository.
const LINES: usize = 10_000;

const READING: &str = "reading the bundle";

/// Reads up to the pack. Version 3 is read where it says no more than version 2.
pub(super) fn read(reader: &mut impl BufRead) -> Result<Header, Failure> {
    let version = match line(reader)?.as_slice() {
        b"# v2 git bundle" => 2,
        b"# v3 git bundle" => 3,
        _ => return Err(Failure::protocol("it is no Git bundle of version 2 or 3")),
    };
    let mut header = Header::default();
    for _ in 0..LINES {
        let line = line(reader)?;
        match line.split_first() {
            None => return Ok(header),
            Some((b'@', capability)) if version == 3 => check(capability)?,
            Some((b'-', named)) => header.prerequisites.push(split(named)?.0),
            Some(_) => {
                let (oid, name) = split(&line)?;
                header
                    .references
                    .extend(usable(name).map(|name| (name, oid)));
            }
        }
    }
    Err(Failure::refused(format!(
        "its header has more than {LINES} lines; make it of one branch"
    )))
}

fn line(reader: &mut impl BufRead) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    let mut bounded = reader.take(LINE_BYTES);
    bounded
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::from_io(error, READING))?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(Failure::protocol("it is no Git bundle: a line has no end")),
    }
}

/// An id, and what stands behind it.
fn split(line: &[u8]) -> Result<(ObjectId, &[u8]), Failure> {
    let mut parts = line.splitn(2, |byte| *byte == b' ');
    let oid = parts.next().and_then(|hex| ObjectId::from_hex(hex).ok());
    let oid = oid.filter(|oid| oid.kind() == gix_hash::Kind::Sha1);
    let oid = oid.ok_or_else(|| Failure::protocol("a line of its header names no commit"))?;
    Ok((oid, parts.next().unwrap_or_default()))
}

/// A name that nobody could ask for is left out.
fn usable(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let is_name = name.len() <= NAME_BYTES && gix_validate::reference::name(name.into()).is_ok();
    is_name.then(|| name.to_owned())
}

fn check(capability: &[u8]) -> Result<(), Failure> {
    match capability {
        b"object-format=sha1" => Ok(()),
        other => Err(Failure::refused(format!(
            "it needs {:?}, which windlass does not read; make it with `git bundle create --version=2`",
            String::from_utf8_lossy(other)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: &str) -> ObjectId {
        ObjectId::from_hex(digit.repeat(40).as_bytes()).unwrap()
    }

    #[test]
    fn commits_references_and_the_end_are_read_and_nothing_behind_it() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let text = format!(
            "# v3 git bundle\n@object-format=sha1\n-{one} A commit\n-{two} \n{two} refs/heads/main\n{one} HEAD\n{one} a..b\n\nPACK"
        );
        let mut rest = text.as_bytes();
        let header = read(&mut rest).unwrap();
        assert_eq!(header.prerequisites, [oid("1"), oid("2")]);
        let named = [("refs/heads/main", oid("2")), ("HEAD", oid("1"))];
        assert_eq!(
            header.references,
            named.map(|(name, oid)| (name.to_owned(), oid))
        );
        assert_eq!(rest, b"PACK");
    }

    #[test]
    fn what_is_no_bundle_is_refused_before_its_pack() {
        let one = "1".repeat(40);
        for text in [
            "",
            "PACK",
            "# v4 git bundle\n\n",
            "# v2 git bundle\n@object-format=sha1\n\n",
            "# v3 git bundle\n@filter=blob:none\n\n",
            "# v2 git bundle\nmain\n\n",
            "# v2 git bundle\n-12 A commit\n\n",
            &format!("# v2 git bundle\n{one} refs/heads/main"),
            &format!("# v2 git bundle\n{}", format!("{one} HEAD\n").repeat(LINES)),
            &format!("# v2 git bundle\n{}\n\n", "1".repeat(1 << 17)),
        ] {
            assert!(read(&mut text.as_bytes()).is_err(), "{text:.60}");
        }
    }
}
