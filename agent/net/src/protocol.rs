//! What is said to an upload-pack service and what it answers: protocol version 2 (gitprotocol-v2(5)), and
//! version 0 and 1 (gitprotocol-pack(5)) for servers that do not know it, such as sshd without
//! `AcceptEnv GIT_PROTOCOL`.

use std::io::Read;

use gix_hash::ObjectId;
use gix_packetline::PacketLineRef;
use gix_packetline::blocking_io::encode;

use crate::failure::Failure;
use crate::packet::{DataBand, Lines};
use crate::reference::Selection;

/// What a server speaks, and what it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Two,
    Zero {
        /// The server hands out commits by id, not only tips.
        any_commit: bool,
        ofs_delta: bool,
        thin_pack: bool,
    },
}

/// Reads what a server says first. With version 0 that is every reference: they stream through `selection`.
pub(crate) fn read_greeting<R: Read>(
    lines: &mut Lines<R>,
    selection: &mut Selection<'_>,
    reference_limit: u64,
) -> Result<Version, Failure> {
    let mut first = owned(lines.next()?);
    if first
        .as_deref()
        .is_some_and(|text| text.starts_with(b"# service="))
    {
        lines.next()?;
        first = owned(lines.next()?);
    }
    match first.as_deref() {
        Some(b"version 2") => read_version_two(lines),
        Some(b"version 1") => {
            let first = owned(lines.next()?);
            read_references(lines, first, selection, reference_limit)
        }
        _ => read_references(lines, first, selection, reference_limit),
    }
}

fn owned(line: PacketLineRef<'_>) -> Option<Vec<u8>> {
    line.as_text().map(|text| text.as_slice().to_vec())
}

fn read_version_two<R: Read>(lines: &mut Lines<R>) -> Result<Version, Failure> {
    let (mut lists, mut fetches) = (false, false);
    while let Some(text) = lines.next_text()? {
        let name = text.split(|byte| *byte == b'=').next().unwrap_or_default();
        match name {
            b"ls-refs" => lists = true,
            b"fetch" => fetches = true,
            b"object-format" => check_object_format(text)?,
            _ => {}
        }
    }
    if lists && fetches {
        Ok(Version::Two)
    } else {
        Err(Failure::protocol(
            "the server speaks protocol version 2 without ls-refs or fetch",
        ))
    }
}

fn check_object_format(text: &[u8]) -> Result<(), Failure> {
    if text.ends_with(b"=sha1") {
        Ok(())
    } else {
        Err(Failure::protocol(
            "the repository uses another object format than SHA-1, which is not supported; \
             convert it, or push it to a SHA-1 repository",
        ))
    }
}

fn read_references<R: Read>(
    lines: &mut Lines<R>,
    first: Option<Vec<u8>>,
    selection: &mut Selection<'_>,
    limit: u64,
) -> Result<Version, Failure> {
    let first = first.ok_or_else(not_a_repository)?;
    let (line, capabilities) = split_once(&first, 0).ok_or_else(not_a_repository)?;
    let version = parse_capabilities(capabilities)?;
    let (target, name) = parse_reference(line)?;
    selection.offer(&name, target);
    let mut count = 1;
    while let Some(text) = lines.next_text()? {
        count += 1;
        if count > limit {
            return Err(Failure::refused(format!(
                "the server lists more than {limit} references"
            )));
        }
        if text.starts_with(b"shallow ") {
            continue;
        }
        let (target, name) = parse_reference(text)?;
        // What an annotated tag leads to is read from the tag itself.
        if !name.ends_with(b"^{}") {
            selection.offer(&name, target);
        }
    }
    Ok(version)
}

fn not_a_repository() -> Failure {
    Failure::protocol("the server does not answer as a Git server does; check the URL")
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|byte| *byte == separator)?;
    Some((bytes.get(..position)?, bytes.get(position + 1..)?))
}

fn parse_reference(text: &[u8]) -> Result<(ObjectId, Vec<u8>), Failure> {
    let (oid, name) = split_once(text, b' ').ok_or_else(not_a_repository)?;
    let oid = ObjectId::from_hex(oid).map_err(|_| not_a_repository())?;
    Ok((oid, name.to_vec()))
}

fn parse_capabilities(text: &[u8]) -> Result<Version, Failure> {
    let (mut any_commit, mut side_band, mut ofs_delta, mut thin_pack) = (false, false, false, true);
    for capability in text.split(|byte| *byte == b' ') {
        match capability {
            b"allow-reachable-sha1-in-want" | b"allow-any-sha1-in-want" => any_commit = true,
            b"side-band-64k" => side_band = true,
            b"ofs-delta" => ofs_delta = true,
            b"no-thin" => thin_pack = false,
            _ if capability.starts_with(b"object-format=") => check_object_format(capability)?,
            _ => {}
        }
    }
    // Known since Git 1.4 (2006); without it a failure in the middle of a pack could not be told.
    if !side_band {
        return Err(Failure::protocol(
            "the server does not know side-band-64k; upgrade it",
        ));
    }
    Ok(Version::Zero {
        any_commit,
        ofs_delta,
        thin_pack,
    })
}

/// The body of an `ls-refs` command with one prefix.
pub(crate) fn list_request(prefix: &str) -> Vec<u8> {
    let mut body = Body::default();
    body.text("command=ls-refs");
    body.delimiter();
    body.text(&format!("ref-prefix {prefix}"));
    body.flush();
    body.0
}

/// Reads the answer to `ls-refs`.
pub(crate) fn read_list<R: Read>(
    lines: &mut Lines<R>,
    selection: &mut Selection<'_>,
    limit: u64,
) -> Result<(), Failure> {
    let mut count = 0;
    while let Some(text) = lines.next_text()? {
        count += 1;
        if count > limit {
            return Err(Failure::refused(format!(
                "the server lists more than {limit} references"
            )));
        }
        let (oid, rest) = split_once(text, b' ').ok_or_else(not_a_repository)?;
        let oid = ObjectId::from_hex(oid).map_err(|_| not_a_repository())?;
        let name = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
        selection.offer(name, oid);
    }
    Ok(())
}

/// The body that asks for one commit without what is behind it (version 2 only).
pub(crate) fn single_request(commit: ObjectId) -> Vec<u8> {
    let mut body = Body::default();
    body.text("command=fetch");
    body.delimiter();
    body.text("no-progress");
    body.text("ofs-delta");
    body.text("deepen 1");
    body.each("want", &[commit]);
    body.text("done");
    body.flush();
    body.0
}

/// What a client has: commits, and those among what it has whose parents it does not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Haves {
    pub(crate) commits: Vec<ObjectId>,
    pub(crate) shallow: Vec<ObjectId>,
}

/// The body that asks for a pack with everything `wants` reach and `haves` do not. Everything is said at
/// once and ends with `done`, so one answer follows and nothing is negotiated.
pub(crate) fn pack_request(version: Version, wants: &[ObjectId], haves: &Haves) -> Vec<u8> {
    let mut body = Body::default();
    match version {
        Version::Two => {
            body.text("command=fetch");
            body.delimiter();
            body.text("thin-pack");
            body.text("no-progress");
            body.text("ofs-delta");
            body.each("shallow", &haves.shallow);
            body.each("want", wants);
        }
        Version::Zero {
            ofs_delta,
            thin_pack,
            ..
        } => {
            let ofs_delta = if ofs_delta { " ofs-delta" } else { "" };
            let thin_pack = if thin_pack { " thin-pack" } else { "" };
            if let Some((first, rest)) = wants.split_first() {
                let capabilities = format!("side-band-64k no-progress{ofs_delta}{thin_pack}");
                body.text(&format!("want {first} {capabilities}"));
                body.each("want", rest);
            }
            body.flush();
        }
    }
    body.each("have", &haves.commits);
    body.text("done");
    if version == Version::Two {
        body.flush();
    }
    body.0
}

/// The beginning of an answer that holds a pack.
pub(crate) struct PackAnswer<R> {
    pub(crate) pack: DataBand<R>,
    /// Commits whose parents the server leaves out.
    pub(crate) shallow: Vec<ObjectId>,
}

/// Skips to the pack in the answer to [`pack_request`] or [`single_request`].
pub(crate) fn read_pack_header<R: Read>(
    mut lines: Lines<R>,
    version: Version,
) -> Result<PackAnswer<R>, Failure> {
    let mut shallow = Vec::new();
    match version {
        Version::Two => loop {
            let line = lines.next()?;
            match line.as_text().map(|text| text.as_slice()) {
                Some(b"packfile") => break,
                None if line == PacketLineRef::Flush => {
                    return Err(Failure::protocol("the server's answer holds no pack"));
                }
                Some(text) if shallow.len() < SHALLOW => {
                    let oid = text.strip_prefix(b"shallow ");
                    shallow.extend(oid.and_then(|oid| ObjectId::from_hex(oid).ok()));
                }
                _ => {}
            }
        },
        Version::Zero { .. } => read_acknowledgements(&mut lines)?,
    }
    Ok(PackAnswer {
        pack: DataBand::new(lines),
        shallow,
    })
}

/// Commits without parents that are read from an answer; one was asked for.
const SHALLOW: usize = 16;

/// Without multi_ack the server says `NAK`, or `ACK` once or more for commits of ours it knows
/// (gitprotocol-pack(5), "Packfile Negotiation"; upload-pack.c, `get_common_commits`).
fn read_acknowledgements<R: Read>(lines: &mut Lines<R>) -> Result<(), Failure> {
    let is_acknowledgement = |text: &[u8]| text == b"NAK" || text.starts_with(b"ACK ");
    let first = lines.next_text()?.is_some_and(is_acknowledgement);
    if !first {
        let what = "the server answered the request for a pack with neither ACK nor NAK";
        return Err(Failure::protocol(what));
    }
    while lines.next_is(is_acknowledgement)? {
        lines.next()?;
    }
    Ok(())
}

#[derive(Default)]
struct Body(Vec<u8>);

/// Writing to memory does not fail, and no line is longer than a packet line may be.
const IN_MEMORY: &str = "a short line is written to memory";

impl Body {
    fn text(&mut self, text: &str) {
        encode::text_to_write(text.as_bytes(), &mut self.0).expect(IN_MEMORY);
    }

    fn each(&mut self, verb: &str, oids: &[ObjectId]) {
        for oid in oids {
            self.text(&format!("{verb} {oid}"));
        }
    }

    fn delimiter(&mut self) {
        encode::delim_to_write(&mut self.0).expect(IN_MEMORY);
    }

    fn flush(&mut self) {
        encode::flush_to_write(&mut self.0).expect(IN_MEMORY);
    }
}

#[cfg(test)]
mod tests;
