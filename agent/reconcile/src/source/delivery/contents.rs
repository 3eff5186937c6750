//! What a bundle holds, and of which source it is.

use std::io::BufReader;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use windlass_state::{Incoming, Line, Tip};
use windlass_trust::{Introduction, ObjectKind, ObjectReader, Oid, descends, fork_of, load};
use windlass_wire::{
    Answer, BundleRequest, FailureClass, Reference, WireError, parse_tag, read_answer,
    write_answer, write_bundle,
};

use crate::context::Context;
use crate::kustomization::pinned::base;
use crate::named::Named;
use crate::net::send_descriptor;
use crate::source::ask::{NET_PATIENCE, unexpected};
use crate::source::fetch::FetchError;
use crate::source::spec::selected;
use crate::witness::RootLine;

/// A bundle may come over a slow line.
const TIME: Duration = Duration::from_secs(1800);

/// Tags over tags; Git makes one.
const TAG_DEPTH: usize = 8;

/// What a bundle holds; nothing of it is trusted yet.
#[derive(Debug)]
pub(super) struct Contents {
    /// The references that it holds.
    pub(super) tips: Vec<Tip>,
    /// Commits that it builds on and that are not here.
    missing: Vec<Oid>,
    pub(super) incoming: Incoming,
}

/// Lets windlass-net read a bundle from a connection, and takes in what it holds. Blocks.
pub(super) fn receive(context: &Context, from: &UnixStream) -> Result<Contents, FetchError> {
    let mut stream = context.net.open()?;
    let patience = Some(TIME + NET_PATIENCE);
    stream.set_read_timeout(patience).map_err(WireError::Io)?;
    let timeout_seconds = TIME.as_secs();
    write_bundle(&mut stream, &BundleRequest { timeout_seconds })?;
    // Unbuffered: nothing is to be read ahead.
    match read_answer(&mut &stream)? {
        Answer::Ready => {}
        Answer::Failed { class, message } => return Err(FetchError::Failed { class, message }),
        _ => return Err(unexpected("no word that it waits for a bundle")),
    }
    send_descriptor(&stream, from.as_fd()).map_err(WireError::Io)?;
    let mut contents = Contents {
        tips: Vec::new(),
        missing: Vec::new(),
        incoming: context.keep.store.receive()?,
    };
    let mut answers = BufReader::with_capacity(64 * 1024, &stream);
    loop {
        match read_answer(&mut answers)? {
            Answer::Done { .. } => return Ok(contents),
            Answer::Failed { class, message } => return Err(FetchError::Failed { class, message }),
            Answer::Base { oid } => {
                let base = contents.base(Oid::from_bytes(oid))?;
                write_answer(&mut &stream, &base)?;
            }
            told => contents.note(told)?,
        }
    }
}

impl Contents {
    fn note(&mut self, told: Answer) -> Result<(), FetchError> {
        match told {
            Answer::Prerequisite { oid } => {
                let oid = Oid::from_bytes(oid);
                if !self.incoming.contains(&oid)? {
                    self.missing.push(oid);
                }
            }
            Answer::Reference { name, oid } => self.tips.push(Tip {
                reference: name,
                target: Oid::from_bytes(oid),
            }),
            Answer::Object { kind, oid, bytes } => {
                let kind = ObjectKind::from_code(kind).ok_or(unexpected("an unknown kind"))?;
                self.incoming.put(Oid::from_bytes(oid), kind, &bytes)?;
            }
            _ => return Err(unexpected("something else than what a bundle holds")),
        }
        Ok(())
    }

    /// What the pack builds on, if it is here.
    fn base(&self, oid: Oid) -> Result<Answer, FetchError> {
        Ok(match self.incoming.read(&oid)? {
            Some(object) => Answer::Object {
                kind: object.kind.code(),
                oid: *oid.as_bytes(),
                bytes: object.bytes,
            },
            None => Answer::Failed {
                class: FailureClass::NoSuchReference,
                message: format!(
                    "it builds on object {oid}, which is not here{}",
                    self.wants()
                ),
            },
        })
    }

    /// Which commits whoever reads it should have had.
    pub(super) fn wants(&self) -> String {
        let missing: Vec<String> = self.missing.iter().map(Oid::to_string).collect();
        match missing.as_slice() {
            [] => String::new(),
            missing => format!(
                ": it needs {}, which this node does not have; make it with more of the history",
                missing.join(", ")
            ),
        }
    }

    /// The reference that a source would take, and the commit that it leads to.
    pub(super) fn found(&self, reference: &Reference) -> Option<(Tip, Oid)> {
        let follows = |tip: &&Tip| match reference {
            Reference::Commit(oid) => tip.target.to_string() == *oid,
            reference => reference.allows(&tip.reference),
        };
        let version = |tip: &&Tip| tip.reference.strip_prefix("refs/tags/").and_then(parse_tag);
        let tip = self.tips.iter().filter(follows).max_by_key(version)?;
        let tip = Tip {
            target: tip.target,
            reference: match reference {
                Reference::Commit(oid) => oid.clone(),
                _ => tip.reference.clone(),
            },
        };
        let head = peeled(&self.incoming, tip.target)?;
        Some((tip, head))
    }

    /// The source that this is for: the one that is named, or the one whose history it is of.
    pub(super) fn belongs_to(
        &self,
        context: &Context,
        root: &RootLine,
        named: Option<&str>,
    ) -> Result<Named, String> {
        if let Some(named) = named {
            let parts = named.split_once('/');
            let parts = parts.ok_or_else(|| format!("{named} is not NAMESPACE/NAME"))?;
            return Ok(Named::new(parts.0, parts.1));
        }
        let kept = context.keep.store.kept_lines();
        let kept = kept.map_err(|error| error.to_string())?;
        let kept = kept.into_iter().map(|(line, _)| line);
        let kept = kept.filter(|line| *line != root.line && !line.source.starts_with(base::SOURCE));
        let mut lines = [root.line.clone()].into_iter().chain(kept);
        let found = lines.find(|line| self.is_of(context, line, root).unwrap_or(false));
        let source = found.and_then(|line| {
            let (namespace, name) = line.source.split_once('/')?;
            Some(Named::new(namespace, name))
        });
        source.ok_or_else(|| {
            let names = self.tips.iter().map(|tip| tip.reference.as_str()).take(5);
            let names: Vec<&str> = names.collect();
            format!(
                "it holds {} of a history that no source of this node has{}; name one with --source NAMESPACE/NAME to hear \
                 why it is not taken",
                names.join(", "),
                self.wants()
            )
        })
    }

    fn is_of(&self, context: &Context, line: &Line, root: &RootLine) -> Result<bool, FetchError> {
        let reference = selected(&line.selector);
        let Some((_, head)) = reference.and_then(|reference| self.found(&reference)) else {
            return Ok(false);
        };
        let objects = &self.incoming;
        Ok(match (context.keep.ratchet(line)?, root.begins) {
            (Some(ratchet), _) => {
                let (ways, begins) = ((&head, &ratchet.head), Some(&ratchet.introduction));
                descends(objects, ways, begins)
                    || descends(objects, (ways.1, ways.0), begins)
                    || fork_of(objects, ways, begins).is_some()
            }
            (None, Introduction::Commit(begins)) if *line == root.line => {
                descends(objects, (&head, &begins), None)
            }
            (None, Introduction::FirstSigned) => *line == root.line,
            (None, _) => false,
        })
    }
}

/// Follows tags to what they are over.
fn peeled(objects: &dyn ObjectReader, target: Oid) -> Option<Oid> {
    let mut oid = target;
    for _ in 0..=TAG_DEPTH {
        let object = load(objects, &oid).ok()?;
        match object.kind {
            ObjectKind::Commit => return Some(oid),
            ObjectKind::Tag => {
                let line = object.bytes.split(|byte| *byte == b'\n').next()?;
                let named = std::str::from_utf8(line.strip_prefix(b"object ")?).ok()?;
                oid = named.parse().ok()?;
            }
            _ => return None,
        }
    }
    None
}
