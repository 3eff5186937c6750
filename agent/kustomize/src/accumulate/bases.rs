//! Bases gathered side by side, for a command that has the machine to itself.
//!
//! What comes out is what gathering them in order gives, or nothing: a base that cannot be built, one
//! whose `openapi` holds for those behind it, and a build over its budget are left to the loop that
//! goes in order, so that its error is the same in every run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::accumulate::{Accumulated, Accumulator, Budget};
use crate::kustomization::Kustomization;
use crate::load::{is_remote, local};
use crate::provenance::Elsewhere;
use crate::tree::{EntryKind, Tree};
use crate::types::Types;

/// Does a piece of work on several threads at once, and returns when all have come back from it. A
/// thread that cannot be had is no loss: the others do what it would have done.
pub type Crew = dyn Fn(&(dyn Fn() + Sync));

/// A tree that several threads may read, and the threads.
#[derive(Clone, Copy)]
pub(crate) struct Workers<'a> {
    pub(crate) tree: &'a (dyn Tree + Sync),
    pub(crate) crew: &'a Crew,
}

/// The bases of one kustomization, what is common to those that gather them.
struct Round<'a> {
    tree: &'a (dyn Tree + Sync),
    records: bool,
    root: &'a str,
    budget: &'a Budget,
    types: Mutex<Types>,
    parent: &'a Kustomization,
    chain: &'a [String],
    /// Their places among the resources.
    bases: Vec<usize>,
    next: AtomicUsize,
    failed: AtomicBool,
    gathered: Mutex<Vec<(usize, Accumulated)>>,
}

// === impl Accumulator ===

impl Accumulator<'_> {
    /// What the bases among the resources gather, by their places there; none where they are to be
    /// gathered in order.
    pub(super) fn side_by_side(
        &self,
        parent: &Kustomization,
        chain: &[String],
    ) -> Option<Vec<(usize, Accumulated)>> {
        let workers = self.workers?;
        let bases: Vec<usize> = (0..parent.resources.len())
            .filter(|index| self.is_base(parent, *index))
            .collect();
        if bases.len() < 2 {
            return None;
        }
        let round = Round {
            tree: workers.tree,
            records: self.records,
            root: &self.root,
            budget: self.budget,
            types: Mutex::new(self.types.clone()),
            parent,
            chain,
            bases,
            next: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            gathered: Mutex::default(),
        };
        let before = self.budget.spent();
        (workers.crew)(&|| round.work());
        let gathered = round.gathered.into_inner().unwrap_or_default();
        if round.failed.into_inner() || gathered.len() < round.bases.len() {
            self.budget.reset(before);
            return None;
        }
        Some(gathered)
    }

    fn is_base(&self, parent: &Kustomization, index: usize) -> bool {
        let path = parent.resources.get(index).map(String::as_str);
        let path = path.unwrap_or_default();
        // What is in another place is entered in order, so that it is asked for in order.
        let path = (!is_remote(path)).then(|| local(self.tree, &parent.directory, path));
        path.and_then(Result::ok)
            .is_some_and(|path| matches!(self.tree.kind(&path), Ok(Some(EntryKind::Directory))))
    }
}

// === impl Round ===

impl Round<'_> {
    /// Gathers one base after the other until there is none left or one has failed.
    fn work(&self) {
        let types = self.types.lock().map(|types| types.clone());
        let types = types.unwrap_or_default();
        let said = types.said_anything();
        let accumulator = Accumulator {
            tree: self.tree,
            workers: None,
            records: self.records,
            root: self.root.to_owned(),
            elsewhere: Elsewhere::default(),
            budget: self.budget,
            types,
        };
        while !self.failed.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(index) = self.bases.get(next).copied() else {
                break;
            };
            let place = self.parent.place_of("resources", index);
            let path = self.parent.resources.get(index).map(String::as_str);
            let path = path.unwrap_or_default();
            let base = accumulator.gather_base(self.parent, path, &place, self.chain);
            match (base, self.gathered.lock()) {
                (Ok(base), Ok(mut gathered)) if accumulator.types.said_anything() == said => {
                    gathered.push((index, base));
                }
                _ => self.failed.store(true, Ordering::Relaxed),
            }
        }
    }
}
