//! How two commits stand to each other.

use std::collections::HashSet;

use crate::range::Range;
use crate::{ObjectReader, Oid};

/// Whether a commit is this older one, or goes on from it; not where that cannot be seen. What lies behind `begins`, the
/// introduction, is not looked at.
pub fn descends(
    reader: &dyn ObjectReader,
    (commit, older): (&Oid, &Oid),
    begins: Option<&Oid>,
) -> bool {
    let vouched: Vec<Oid> = begins.into_iter().chain([older]).copied().collect();
    Range::walk(reader, *commit, &vouched).is_ok_and(|range| range.reaches(older))
}

/// How many commits one has that an older one, from which it goes on, does not; `None` where it does not go on from it, or that
/// cannot be seen. What lies behind `begins`, the introduction, is not looked at.
pub fn commits_since(
    reader: &dyn ObjectReader,
    (commit, older): (&Oid, &Oid),
    begins: Option<&Oid>,
) -> Option<usize> {
    let vouched: Vec<Oid> = begins.into_iter().chain([older]).copied().collect();
    let mut range = Range::walk(reader, *commit, &vouched).ok()?;
    // The older one is met, too, and is not new.
    let reaches = range.reaches(older) && range.exhaust().is_ok();
    reaches.then(|| range.new_commits().len())
}

/// Where the ways to two commits part: the newest commit from which both go on. What lies behind `begins`, the introduction, is not
/// looked at.
pub fn fork_of(
    reader: &dyn ObjectReader,
    (one, other): (&Oid, &Oid),
    begins: Option<&Oid>,
) -> Option<Oid> {
    let vouched: Vec<Oid> = begins.into_iter().chain([other]).copied().collect();
    let range = Range::walk(reader, *one, &vouched).ok()?;
    let new = range.new_commits();
    let is_new: HashSet<_> = new.iter().collect();
    let parents: HashSet<_> = new.iter().flat_map(|id| range.parents(*id)).collect();
    // Where what is new ends: few, however much is new.
    let ends = parents.difference(&is_new);
    let ends = ends.filter_map(|id| range.oid(**id));
    let shared = ends.filter(|oid| descends(reader, (other, oid), begins));
    shared.max_by_key(|oid| range.time(oid))
}
