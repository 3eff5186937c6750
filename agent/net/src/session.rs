//! One conversation with one server, whatever carries it.

use std::io::{self, BufRead, BufReader, Read};

use gix_hash::ObjectId;
use windlass_wire::{FailureClass, FetchRequest};

use crate::failure::{Deadline, Failure};
use crate::http::{Ask, HttpSession};
use crate::limits::Limits;
use crate::memory::Memory;
use crate::origin::Remote;
use crate::packet::Lines;
use crate::protocol::{self, Haves, PackAnswer, Version};
use crate::reference::{Resolved, Selection, Wanted};
use crate::ssh::SshSession;

/// Asks one server for one reference and then for a pack.
pub(crate) struct Session<'a> {
    carrier: Carrier,
    limits: &'a Limits,
    deadline: Deadline,
    url: &'a str,
    wire_bytes: u64,
    version: Version,
    /// Branch tips to look behind when the server does not hand out a commit by id.
    tips: Vec<ObjectId>,
}

enum Carrier {
    Http(Box<HttpSession>),
    Ssh(Box<SshSession>),
}

impl<'a> Session<'a> {
    /// Prepares a conversation; over SSH it also connects and authenticates.
    pub(crate) fn open(
        remote: Remote,
        request: &'a FetchRequest,
        limits: &'a Limits,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let carrier = match remote {
            Remote::Http(http) => {
                Carrier::Http(Box::new(HttpSession::new(http, request, deadline)?))
            }
            Remote::Ssh(ssh) => Carrier::Ssh(Box::new(SshSession::open(&ssh, request, deadline)?)),
        };
        let version = Version::Two;
        let (url, tips) = (request.url.as_str(), Vec::new());
        Ok(Self {
            carrier,
            limits,
            deadline,
            url,
            wire_bytes: 0,
            version,
            tips,
        })
    }

    /// Bytes received since this was last asked, HTTP headers not counted.
    pub(crate) fn take_wire_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.wire_bytes)
    }

    /// Asks what the reference points at. A server known to speak version 2 over HTTP is asked directly, in
    /// one request; everything else begins with a handshake.
    pub(crate) fn resolve(
        &mut self,
        wanted: &Wanted,
        memory: &Memory,
    ) -> Result<Resolved, Failure> {
        let is_known = matches!(self.carrier, Carrier::Http(_)) && memory.speaks_version_two();
        if is_known {
            match self.list(wanted) {
                Err(failure) if is_worth_a_handshake(&failure) => memory.forget(),
                result => return result,
            }
        }
        let mut selection = Selection::new(wanted);
        let limit = self.limits.references;
        let mut lines = Lines::new(self.greeting()?);
        let version = protocol::read_greeting(&mut lines, &mut selection, limit)?;
        drop(lines);
        self.version = version;
        if version == Version::Two {
            let resolved = self.list(wanted)?;
            if let Carrier::Http(http) = &self.carrier
                && !http.was_redirected()
            {
                memory.remember_version_two();
            }
            return Ok(resolved);
        }
        self.tips = selection.tips().to_vec();
        selection.finish(self.url)
    }

    fn list(&mut self, wanted: &Wanted) -> Result<Resolved, Failure> {
        let mut selection = Selection::new(wanted);
        let limit = self.limits.references;
        let body = protocol::list_request(wanted.prefix());
        let is_http = matches!(self.carrier, Carrier::Http(_));
        let mut lines = Lines::new(self.command(&body)?);
        protocol::read_list(&mut lines, &mut selection, limit)?;
        if is_http {
            // The connection can be used again only when its answer was read to the end.
            io::copy(&mut lines.into_inner().take(1024), &mut io::sink())
                .map_err(|error| Failure::from_io(error, "reading the server's answer"))?;
        } else {
            drop(lines);
        }
        selection.finish(self.url)
    }

    /// Whether the server can be asked for a commit without what is behind it. Over HTTP it need not have been met in this
    /// conversation.
    pub(crate) fn speaks_version_two(&self) -> bool {
        self.version == Version::Two
    }

    /// Asks for one commit without what is behind it.
    pub(crate) fn single(&mut self, commit: ObjectId) -> Result<PackAnswer<impl Read>, Failure> {
        let body = protocol::single_request(commit);
        protocol::read_pack_header(Lines::new(self.command(&body)?), Version::Two)
    }

    /// Asks for everything `resolved` reaches and `haves` do not.
    pub(crate) fn pack(
        &mut self,
        resolved: &Resolved,
        haves: &Haves,
    ) -> Result<impl BufRead, Failure> {
        let version = self.version;
        let mut wants = vec![resolved.target];
        if let Version::Zero {
            any_commit: false, ..
        } = version
            && !self.tips.is_empty()
        {
            wants = self.tips.clone();
            wants.sort_unstable();
            wants.dedup();
        }
        let body = protocol::pack_request(version, &wants, haves);
        let answer = protocol::read_pack_header(Lines::new(self.command(&body)?), version)?;
        Ok(answer.pack)
    }

    fn greeting(&mut self) -> Result<Counted<'_>, Failure> {
        let Self {
            carrier,
            limits,
            deadline,
            wire_bytes,
            ..
        } = self;
        let inner: Box<dyn Read> = match carrier {
            Carrier::Http(http) => Box::new(http.greeting()?),
            Carrier::Ssh(ssh) => Box::new(ssh),
        };
        Ok(Counted::new(inner, wire_bytes, limits, *deadline))
    }

    fn command(&mut self, body: &[u8]) -> Result<Counted<'_>, Failure> {
        let Self {
            carrier,
            limits,
            deadline,
            wire_bytes,
            version,
            ..
        } = self;
        let inner: Box<dyn Read> = match carrier {
            Carrier::Http(http) => {
                let ask = match version {
                    Version::Two => Ask::VersionTwo,
                    Version::Zero { .. } => Ask::WhateverItSpeaks,
                };
                Box::new(http.command(body, ask)?)
            }
            Carrier::Ssh(ssh) => {
                ssh.send(body)?;
                Box::new(ssh)
            }
        };
        Ok(Counted::new(inner, wire_bytes, limits, *deadline))
    }
}

/// A server that changed since it was met answers the direct question strangely; what is plainly about
/// credentials, time or the reference itself would not get better by asking again.
fn is_worth_a_handshake(failure: &Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::Protocol | FailureClass::NotFound
    )
}

/// Counts what arrives, and ends the fetch at the byte and time limits.
struct Counted<'a> {
    inner: BufReader<Box<dyn Read + 'a>>,
    count: &'a mut u64,
    limit: u64,
    deadline: Deadline,
}

impl<'a> Counted<'a> {
    fn new(
        inner: Box<dyn Read + 'a>,
        count: &'a mut u64,
        limits: &Limits,
        deadline: Deadline,
    ) -> Self {
        let inner = BufReader::with_capacity(64 * 1024, inner);
        Self {
            inner,
            count,
            limit: limits.wire_bytes,
            deadline,
        }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.deadline.remaining().map_err(Failure::into_io)?;
        let read = self.inner.read(into)?;
        *self.count += read as u64;
        if *self.count > self.limit {
            let limit = self.limit / (1024 * 1024);
            return Err(Failure::refused(format!(
                "the server sent more than {limit} MiB; split the repository, or shorten its history"
            ))
            .into_io());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
