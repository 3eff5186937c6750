//! What a person calls a commit or a range of them, in Git's own notation (gitrevisions(7)).

use gix_object::{CommitRefIter, TagRefIter};
use windlass_trust::{ObjectKind, Oid, load};

use super::clone::LocalClone;
use super::error::TrustError;

/// A tag may name another tag; nobody nests them deeper.
const MAX_TAGS: usize = 10;

/// Most steps that `~N` may ask for: more than any walk takes.
const MAX_STEPS: usize = 1_000_000;

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// Vouched for already; none: the clone's introduction commit.
    pub(crate) from: Option<Oid>,
    /// The head.
    pub(crate) to: Oid,
}

/// Reads `FROM..TO`, `FROM..`, `..TO` or `TO`; what is left out is the introduction and `HEAD`.
pub(crate) fn range(clone: &LocalClone, text: &str) -> Result<Range, TrustError> {
    if text.contains("...") {
        let how = text.replacen("...", "..", 1);
        return Err(TrustError::Usage(format!(
            "{text}: a symmetric difference is no range of history; write {how}"
        )));
    }
    let (from, to) = match text.split_once("..") {
        None => ("", text),
        Some((from, to)) => (from, to),
    };
    let from = (!from.is_empty())
        .then(|| commit(clone, from))
        .transpose()?;
    let to = commit(clone, if to.is_empty() { "HEAD" } else { to })?;
    Ok(Range { from, to })
}

/// Reads the name of one commit: an id or the beginning of one, a branch, a tag, `HEAD`, with `~N` and `^N` behind it.
pub(crate) fn commit(clone: &LocalClone, text: &str) -> Result<Oid, TrustError> {
    let end = text.find(['~', '^']).unwrap_or(text.len());
    let (name, mut steps) = text.split_at(end);
    let mut oid = peeled(clone, named(clone, name)?)?;
    while let Some(kind) = steps.chars().next() {
        let rest = steps.get(1..).unwrap_or_default();
        let digits = rest.find(['~', '^']).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number = match number {
            "" => 1,
            number => number.parse().map_err(|_| unknown(clone, text))?,
        };
        oid = match kind {
            '~' => ancestor(clone, oid, number)?,
            _ if number == 0 => Some(oid),
            _ => parents(clone, &oid)?.into_iter().nth(number - 1),
        }
        .ok_or_else(|| unknown(clone, text))?;
        steps = after;
    }
    Ok(oid)
}

/// The parents of a commit.
pub(crate) fn parents(clone: &LocalClone, oid: &Oid) -> Result<Vec<Oid>, TrustError> {
    let object = load(clone, oid)?;
    let parents = CommitRefIter::from_bytes(&object.bytes, gix_hash::Kind::Sha1).parent_ids();
    let parents = parents.filter_map(|parent| Oid::from_slice(parent.as_bytes()));
    Ok(parents.collect())
}

fn named(clone: &LocalClone, name: &str) -> Result<Oid, TrustError> {
    if let Ok(oid) = name.parse() {
        return Ok(oid);
    }
    let name = if name == "@" { "HEAD" } else { name };
    if let Some(oid) = clone.reference(name)? {
        return Ok(oid);
    }
    clone.abbreviated(name)?.ok_or_else(|| unknown(clone, name))
}

fn ancestor(clone: &LocalClone, mut oid: Oid, steps: usize) -> Result<Option<Oid>, TrustError> {
    for _ in 0..steps.min(MAX_STEPS) {
        match parents(clone, &oid)?.first() {
            Some(parent) => oid = *parent,
            None => return Ok(None),
        }
    }
    Ok(Some(oid))
}

/// Follows tags to what they name.
fn peeled(clone: &LocalClone, mut oid: Oid) -> Result<Oid, TrustError> {
    for _ in 0..MAX_TAGS {
        let object = load(clone, &oid)?;
        if object.kind != ObjectKind::Tag {
            return Ok(oid);
        }
        let target = TagRefIter::from_bytes(&object.bytes, gix_hash::Kind::Sha1)
            .target_id()
            .ok()
            .and_then(|target| Oid::from_slice(target.as_bytes()));
        oid = target.ok_or_else(|| TrustError::Usage(format!("the tag {oid} cannot be read")))?;
    }
    Err(TrustError::Usage(format!(
        "{oid}: tags name tags without end"
    )))
}

fn unknown(clone: &LocalClone, name: &str) -> TrustError {
    TrustError::UnknownRevision {
        name: name.to_owned(),
        path: clone.path().to_owned(),
        is_shallow: clone.is_shallow(),
    }
}
