//! The ways by parents from a head back to the commit that vouches for everything behind it.

use std::collections::HashMap;

use crate::range::{Id, Range};

/// Marks a commit that lies on no way.
const NOWHERE: u32 = u32::MAX;

/// The new commits that descend from the base: those that lie on some way from the head to it.
pub(crate) struct Ways<'r, 'a> {
    range: &'r Range<'a>,
    base: Id,
    /// They themselves, parents before children.
    order: Vec<Id>,
    /// By id the place in `order`, counted from 1; the base has 0.
    places: Vec<u32>,
}

/// What a search for a way comes to.
pub(crate) enum Passage {
    /// The way from the head on; empty when the head is the base.
    Way(Vec<Id>),
    /// There is none: the commits up to which a good way leads and that may follow none of the commits there, each with one
    /// of those; the oldest first.
    Blocked(Vec<(Id, Id)>),
}

// === impl Ways ===

impl<'r, 'a> Ways<'r, 'a> {
    /// Finds every commit between the head and `base`.
    pub(crate) fn find(range: &'r Range<'a>, base: Id) -> Self {
        let mut ways = Self {
            range,
            base,
            order: Vec::new(),
            places: vec![NOWHERE; range.len()],
        };
        ways.set_place(base, 0);
        for id in range.new_commits() {
            let descends = range.parents(id).iter().any(|parent| ways.leads(*parent));
            if descends && let Ok(place) = u32::try_from(ways.order.len() + 1) {
                ways.set_place(id, place);
                ways.order.push(id);
            }
        }
        ways
    }

    /// Says whether a commit is the base or descends from it.
    pub(crate) fn leads(&self, id: Id) -> bool {
        self.place(id) != NOWHERE
    }

    /// Says by id which commits are the base or descend from it.
    pub(crate) fn descendants(&self) -> Vec<bool> {
        self.places.iter().map(|place| *place != NOWHERE).collect()
    }

    /// Gives the commits that lie on some way, parents before children.
    pub(crate) fn commits(&self) -> &[Id] {
        &self.order
    }

    /// Looks for a way on which every commit may follow the one before it: along first parents, and then along all. A step is
    /// asked for only where a good way leads up to it from the base: nothing is believed of what nobody vouched for, nor is
    /// any work done for it.
    ///
    /// # Errors
    /// Those of `follows`, which is asked about a child and one of its parents.
    pub(crate) fn passable<E>(
        &self,
        mut follows: impl FnMut(Id, Id) -> Result<bool, E>,
    ) -> Result<Passage, E> {
        let mut before = HashMap::new();
        let barred = self.along_first_parents(&mut before, &mut follows)?;
        if let Some(way) = self.back(&before) {
            return Ok(Passage::Way(way));
        }
        let mut follows = |child, parent| match barred == Some((child, parent)) {
            true => Ok(false),
            false => follows(child, parent),
        };
        let mut blocked = Vec::new();
        for id in &self.order {
            if before.contains_key(id) {
                continue;
            }
            let parents = self.range.parents(*id).iter().copied();
            let reached = parents.filter(|one| *one == self.base || before.contains_key(one));
            let reached: Vec<Id> = reached.collect();
            let Some(first) = reached.first().copied() else {
                continue;
            };
            match first_good(*id, &reached, &mut follows)? {
                Some(parent) => drop(before.insert(*id, parent)),
                None => blocked.push((*id, first)),
            }
        }
        Ok(match self.back(&before) {
            Some(way) => Passage::Way(way),
            None => Passage::Blocked(blocked),
        })
    }

    /// Takes first parents as far as they lead; gives the step that may not be taken.
    fn along_first_parents<E>(
        &self,
        before: &mut HashMap<Id, Id>,
        follows: &mut impl FnMut(Id, Id) -> Result<bool, E>,
    ) -> Result<Option<(Id, Id)>, E> {
        let mut parent = self.base;
        for id in self.first_parents().unwrap_or_default().iter().rev() {
            if !follows(*id, parent)? {
                return Ok(Some((*id, parent)));
            }
            before.insert(*id, parent);
            parent = *id;
        }
        Ok(None)
    }

    /// The way from the head back to the base over what each commit follows.
    fn back(&self, before: &HashMap<Id, Id>) -> Option<Vec<Id>> {
        let mut way = Vec::new();
        let mut at = self.range.head();
        while at != self.base {
            way.push(at);
            at = *before.get(&at)?;
        }
        Some(way)
    }

    /// Follows first parents from the head to the base.
    ///
    /// # Errors
    /// The oldest commit from which no first parent leads on: a merge that has the base on another side.
    pub(crate) fn first_parents(&self) -> Result<Vec<Id>, Id> {
        let mut way = Vec::new();
        let mut at = self.range.head();
        while at != self.base {
            match self.range.parents(at).first() {
                Some(parent) if self.leads(*parent) => {
                    way.push(at);
                    at = *parent;
                }
                _ => return Err(at),
            }
        }
        Ok(way)
    }

    /// Gives the commits that every way passes, the oldest first: exactly those over which no step from a child to a
    /// parent leaps in the order.
    pub(crate) fn unavoidable(&self) -> Vec<Id> {
        let mut found = Vec::new();
        let mut lowest = NOWHERE;
        for id in self.order.iter().rev() {
            if lowest >= self.place(*id) {
                found.push(*id);
            }
            for parent in self.range.parents(*id) {
                lowest = lowest.min(self.place(*parent));
            }
        }
        found.reverse();
        found
    }

    /// Gives the parents of a commit from which the base is reached.
    pub(crate) fn leading_parents(&self, id: Id) -> Vec<Id> {
        let parents = self.range.parents(id).iter().copied();
        parents.filter(|parent| self.leads(*parent)).collect()
    }

    fn place(&self, id: Id) -> u32 {
        self.places.get(id.index()).copied().unwrap_or(NOWHERE)
    }

    fn set_place(&mut self, id: Id, place: u32) {
        if let Some(slot) = self.places.get_mut(id.index()) {
            *slot = place;
        }
    }
}

/// The first of some parents that a commit may follow.
fn first_good<E>(
    id: Id,
    parents: &[Id],
    follows: &mut impl FnMut(Id, Id) -> Result<bool, E>,
) -> Result<Option<Id>, E> {
    for parent in parents {
        if follows(id, *parent)? {
            return Ok(Some(*parent));
        }
    }
    Ok(None)
}
