//! One request from its first to its last answer.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix_hash::ObjectId;
use gix_object::Kind;
use sha2::{Digest as _, Sha256};
use windlass_wire::{Answer, FailureClass, FetchRequest, History, WireError, write_answer};

use crate::begin;
use crate::busy::Busy;
use crate::cache::{Cache, CacheError, create_directory, kind_code};
use crate::failure::{Deadline, Failure};
use crate::limits::{Limits, OFFERED_COMMITS};
use crate::memory::Memory;
use crate::origin::{Origin, Remote};
use crate::protocol::Haves;
use crate::reach::{self, Objects, ReachError, Receiver};
use crate::reference::{Resolved, Wanted};
use crate::repository::Repository;
use crate::session::Session;
use crate::unpack::unpack;

/// What requests share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) cache_dir: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) busy: Busy,
}

/// Answers one request. The error says why it ended early; [`ReachError::Gone`] means nobody listens.
pub(crate) fn answer(
    request: &FetchRequest,
    context: &Context,
    out: &mut dyn Write,
) -> Result<(), ReachError> {
    let deadline = Deadline::after(Duration::from_secs(request.timeout_seconds));
    let wanted = Wanted::parse(&request.reference)?;
    let mut answers = Answers::new(out);
    match Origin::parse(&request.url)? {
        Origin::Path(path) => on_the_node(&path, request, &wanted, context, &mut answers),
        Origin::Remote(remote) => {
            over_the_network(&remote, request, &wanted, context, deadline, &mut answers)
        }
    }
}

fn on_the_node(
    path: &Path,
    request: &FetchRequest,
    wanted: &Wanted,
    context: &Context,
    answers: &mut Answers<'_>,
) -> Result<(), ReachError> {
    let repository = Repository::open(path, &context.limits)?;
    let resolved = repository.resolve(wanted, &request.url)?;
    let have = parse_oids(&request.have);
    let result = hand_over(
        &repository,
        &resolved,
        request,
        &have,
        &context.limits,
        answers,
    );
    answers
        .named(result, &resolved)
        .map_err(|error| match error {
            ReachError::Damaged(reason) => Failure::protocol(format!(
                "the repository at {} is damaged: {reason}; check it with git fsck",
                path.display()
            ))
            .into(),
            other => other,
        })
}

fn over_the_network(
    remote: &Remote,
    request: &FetchRequest,
    wanted: &Wanted,
    context: &Context,
    deadline: Deadline,
    answers: &mut Answers<'_>,
) -> Result<(), ReachError> {
    let key = directory_name(&remote.cache_key());
    let directory = context.cache_dir.join(&key);
    create_directory(&directory)?;
    let memory = Memory::at(&directory);
    let open = || Session::open(remote.clone(), request, &context.limits, deadline);
    let mut session = open()?;
    let resolved = session.resolve(wanted, &memory)?;
    if let Some(known) = unchanged(&resolved, request) {
        return answers.write(&Answer::Unchanged { oid: known });
    }
    let _guard = context.busy.wait_for(&key, deadline)?;
    let mut cache = Cache::open(&directory, &context.limits)?;
    if request.history == History::All && !cache.shallow()?.is_empty() {
        cache = cache.discard()?;
    }
    if let Some(base) = begin::first_commit(&cache, &session, &resolved, request)?
        && let Err(error) = begin::begin_at(&mut cache, &mut session, base, &context.limits)
    {
        // Whatever keeps the server from it, the whole history can still be had.
        tracing::info!(%error, "the history cannot be fetched in part; fetching all of it");
        drop(session);
        cache = cache.discard()?;
        session = open()?;
        session.resolve(wanted, &memory)?;
    }
    let step = |cache: &mut Cache, session: &mut Session<'_>, answers: &mut Answers<'_>| {
        let result = receive(cache, session, &resolved, request, wanted, &context.limits);
        answers.wire_bytes += session.take_wire_bytes();
        result?;
        let have = parse_oids(&request.have);
        hand_over(&*cache, &resolved, request, &have, &context.limits, answers)
    };
    let result = match step(&mut cache, &mut session, answers) {
        Err(ReachError::Damaged(reason)) => {
            tracing::warn!(directory = %directory.display(), reason, "the cache is begun again");
            drop(session);
            cache = cache.discard()?;
            let mut session = open()?;
            session.resolve(wanted, &memory)?;
            step(&mut cache, &mut session, answers).map_err(incomplete)
        }
        result => result,
    };
    answers.named(result, &resolved)
}

/// What is missing from a pack that was asked for without haves is missing at the server.
fn incomplete(error: ReachError) -> ReachError {
    match error {
        ReachError::Damaged(reason) => Failure::protocol(format!(
            "the server's repository is incomplete: {reason}; check it with git fsck"
        ))
        .into(),
        other => other,
    }
}

fn unchanged(resolved: &Resolved, request: &FetchRequest) -> Option<String> {
    let target = resolved.target.to_string();
    let known = request.known.as_ref()?;
    (known.target == target && known.reference_name == resolved.name).then_some(target)
}

/// Makes sure that the cache holds what was resolved.
fn receive(
    cache: &mut Cache,
    session: &mut Session<'_>,
    resolved: &Resolved,
    request: &FetchRequest,
    wanted: &Wanted,
    limits: &Limits,
) -> Result<(), ReachError> {
    if cache.contains(&resolved.target)? {
        return Ok(());
    }
    let haves = Haves {
        commits: offered_commits(cache, &parse_oids(&request.have))?,
        shallow: cache.shallow()?,
    };
    if !haves.shallow.is_empty() && !session.speaks_version_two() {
        let why = "it lacks the past, and the server cannot be told so any more";
        return Err(ReachError::Damaged(why.to_owned()));
    }
    let pack = session.pack(resolved, &haves).map_err(|failure| {
        // upload-pack.c: "upload-pack: not our ref %s".
        let is_unknown =
            matches!(wanted, Wanted::Commit(_)) && failure.message.contains("not our ref");
        if is_unknown {
            wanted.missing(&request.url)
        } else {
            failure
        }
    })?;
    let mut receiving = cache.receive()?;
    unpack(pack, &mut receiving, limits)?;
    if receiving.row(&resolved.target)?.is_none() {
        return Err(wanted.missing(&request.url).into());
    }
    receiving.commit()?;
    let (head, _) = reach::peel(&*cache, resolved.target)?;
    let mut receiving = cache.receive()?;
    receiving.add_tip(&head)?;
    receiving.commit()?;
    Ok(())
}

/// Commits the server may build on: the tips that were fetched, what the agent has, and a few older ones
/// at doubling distances for a branch that was moved back.
fn offered_commits(cache: &Cache, have: &[ObjectId]) -> Result<Vec<ObjectId>, ReachError> {
    /// Lines of history that older commits are offered from, and how far back: each step reads and hashes a commit, with
    /// every push. The tips of earlier fetches reach further back.
    const LINES: usize = 4;
    const DISTANCE: u32 = 32;
    let mut offered = cache.tips()?;
    for oid in have {
        if cache.contains(oid)? {
            offered.push(*oid);
        }
    }
    let starts: Vec<ObjectId> = offered.iter().take(LINES).copied().collect();
    let _reading = cache.read_at_once()?;
    // Lines of history run together: what one has passed, the others need not walk again.
    let mut passed = HashSet::new();
    for start in starts {
        let mut oid = start;
        for distance in 1..=DISTANCE {
            if !passed.insert(oid) {
                break;
            }
            let Some(parent) = reach::first_parent(cache, &oid)? else {
                break;
            };
            oid = parent;
            if distance.is_power_of_two() {
                offered.push(oid);
            }
        }
    }
    let mut seen = HashSet::new();
    offered.retain(|oid| seen.insert(*oid));
    offered.truncate(OFFERED_COMMITS);
    Ok(offered)
}

/// Tells the head and sends everything the agent does not have.
fn hand_over(
    objects: &dyn Objects,
    resolved: &Resolved,
    request: &FetchRequest,
    have: &[ObjectId],
    limits: &Limits,
    answers: &mut Answers<'_>,
) -> Result<(), ReachError> {
    if let Some(known) = unchanged(resolved, request) {
        return answers.write(&Answer::Unchanged { oid: known });
    }
    let (head, tags) = reach::peel(objects, resolved.target)?;
    answers.head(head, resolved)?;
    let mut sent = HashSet::new();
    for (oid, bytes) in tags {
        answers.object(Kind::Tag, &oid, bytes)?;
        sent.insert(oid);
    }
    let result = reach::send(objects, head, have, &mut sent, limits.objects, answers);
    if result.is_err() {
        answers.already_told = sent;
    }
    result?;
    answers.done()
}

fn parse_oids(hex: &[String]) -> Vec<ObjectId> {
    hex.iter()
        .filter_map(|hex| ObjectId::from_hex(hex.as_bytes()).ok())
        .collect()
}

/// A URL becomes a directory name by its hash: nothing in it can lead anywhere else.
fn directory_name(key: &str) -> String {
    Sha256::digest(key)
        .iter()
        .take(20)
        .fold(String::new(), |mut name, byte| {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
            name
        })
}

impl Objects for Cache {
    fn read(&self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, ReachError> {
        Ok(Self::read(self, oid)?)
    }

    fn shallow(&self) -> Result<Vec<ObjectId>, ReachError> {
        Ok(Self::shallow(self)?)
    }
}

impl From<CacheError> for ReachError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Damaged(reason) => Self::Damaged(reason),
            CacheError::Failure(failure) => Self::Failure(failure),
        }
    }
}

/// Writes answers to the agent.
struct Answers<'a> {
    out: &'a mut dyn Write,
    objects: u64,
    wire_bytes: u64,
    head_is_told: bool,
    /// What a first attempt told before it met damage.
    already_told: HashSet<ObjectId>,
}

impl<'a> Answers<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        let already_told = HashSet::new();
        Self {
            out,
            objects: 0,
            wire_bytes: 0,
            head_is_told: false,
            already_told,
        }
    }

    fn write(&mut self, answer: &Answer) -> Result<(), ReachError> {
        write_answer(&mut self.out, answer).map_err(|error| match error {
            WireError::Io(_) | WireError::Closed => ReachError::Gone,
            other => Failure::refused(format!("an answer cannot be sent: {other}")).into(),
        })
    }

    fn head(&mut self, oid: ObjectId, resolved: &Resolved) -> Result<(), ReachError> {
        if self.head_is_told {
            return Ok(());
        }
        self.head_is_told = true;
        self.write(&Answer::Head {
            oid: oid.to_string(),
            reference_name: resolved.name.clone(),
            target: resolved.target.to_string(),
        })
    }

    /// Tells before an attack what the reference names: whoever reads of it has to know where it was met.
    fn named(
        &mut self,
        result: Result<(), ReachError>,
        resolved: &Resolved,
    ) -> Result<(), ReachError> {
        if let Err(ReachError::Failure(failure)) = &result
            && failure.class == FailureClass::HashCollision
        {
            self.head(resolved.target, resolved)?;
        }
        result
    }

    fn done(&mut self) -> Result<(), ReachError> {
        self.write(&Answer::Done {
            objects: self.objects,
            wire_bytes: self.wire_bytes,
        })
    }
}

impl Receiver for Answers<'_> {
    fn object(&mut self, kind: Kind, oid: &ObjectId, bytes: Vec<u8>) -> Result<(), ReachError> {
        if self.already_told.contains(oid) {
            return Ok(());
        }
        self.objects += 1;
        let oid = <[u8; 20]>::try_from(oid.as_slice())
            .map_err(|_| Failure::protocol(format!("{oid} is not a SHA-1 object id")))?;
        self.write(&Answer::Object {
            kind: kind_code(kind),
            oid,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests;
