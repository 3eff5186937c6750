//! Bases gathered side by side, for a command that has the machine to itself.
//!
//! What comes out is what gathering them in order gives, or nothing: a base that cannot be built, one
//! whose `openapi` holds for those behind it, and a build over its budget are left to the loop that
//! goes in order, so that its error is the same in every run.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::accumulate::{Accumulated, Accumulator, Budget};
use crate::kustomization::Kustomization;
use crate::load::resolve;
use crate::tree::{EntryKind, Tree};
use crate::types::Types;

/// As much as a program's first thread has: what nests deep enough for one must for the other.
const STACK: usize = 8 << 20;

/// A tree that several threads may read, and how many.
#[derive(Clone, Copy)]
pub(crate) struct Workers<'a> {
    pub(crate) tree: &'a (dyn Tree + Sync),
    pub(crate) threads: NonZeroUsize,
}

/// The bases of one kustomization, what is common to those that gather them.
struct Round<'a> {
    parent: &'a Kustomization,
    chain: &'a [String],
    /// Their places among the resources.
    bases: Vec<usize>,
    next: AtomicUsize,
    failed: AtomicBool,
}

/// What a thread makes its own accumulator from.
#[derive(Clone, Copy)]
struct Shared<'a> {
    tree: &'a (dyn Tree + Sync),
    records: bool,
    root: &'a str,
    budget: &'a Budget,
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
        let threads = workers.threads.get().min(bases.len());
        if threads < 2 {
            return None;
        }
        let round = Round {
            parent,
            chain,
            bases,
            next: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        };
        let before = self.budget.spent();
        let gathered = self.run_round(&round, workers, threads);
        if round.failed.into_inner() {
            self.budget.reset(before);
            return None;
        }
        Some(gathered)
    }

    fn is_base(&self, parent: &Kustomization, index: usize) -> bool {
        let path = parent.resources.get(index).map(String::as_str);
        let path = resolve(&parent.directory, path.unwrap_or_default());
        path.is_ok_and(|path| matches!(self.tree.kind(&path), Ok(Some(EntryKind::Directory))))
    }

    /// This thread works, too.
    fn run_round(
        &self,
        round: &Round<'_>,
        workers: Workers<'_>,
        threads: usize,
    ) -> Vec<(usize, Accumulated)> {
        let shared = Shared {
            tree: workers.tree,
            records: self.records,
            root: &self.root,
            budget: self.budget,
        };
        thread::scope(|scope| {
            // A thread that cannot be had leaves its work to the others.
            let others: Vec<_> = (1..threads)
                .filter_map(|_| {
                    let types = self.types.clone();
                    let thread = thread::Builder::new().stack_size(STACK);
                    thread
                        .spawn_scoped(scope, move || round.work(&shared.accumulator(types)))
                        .ok()
                })
                .collect();
            let mut gathered = round.work(&shared.accumulator(self.types.clone()));
            for other in others {
                match other.join() {
                    Ok(more) => gathered.extend(more),
                    Err(_) => round.failed.store(true, Ordering::Relaxed),
                }
            }
            gathered
        })
    }
}

// === impl Shared ===

impl<'a> Shared<'a> {
    fn accumulator(self, types: Types) -> Accumulator<'a> {
        Accumulator {
            tree: self.tree,
            workers: None,
            records: self.records,
            root: self.root.to_owned(),
            budget: self.budget,
            types,
        }
    }
}

// === impl Round ===

impl Round<'_> {
    /// Gathers one base after the other until there is none left or one has failed.
    fn work(&self, accumulator: &Accumulator<'_>) -> Vec<(usize, Accumulated)> {
        let mut gathered = Vec::new();
        let said = accumulator.types.said_anything();
        while !self.failed.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(index) = self.bases.get(next).copied() else {
                break;
            };
            let place = self.parent.place_of("resources", index);
            let path = self.parent.resources.get(index).map(String::as_str);
            let path = path.unwrap_or_default();
            match accumulator.gather_base(self.parent, path, &place, self.chain) {
                Ok(base) if accumulator.types.said_anything() == said => {
                    gathered.push((index, base));
                }
                _ => self.failed.store(true, Ordering::Relaxed),
            }
        }
        gathered
    }
}
