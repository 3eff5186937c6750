//! The ways by parents from a head back to the commit that vouches for everything behind it.

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

/// One commit on the way that is tried, and which of its parents is tried next.
struct Turn {
    at: Id,
    next_parent: usize,
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

    /// Looks for a way on which every commit passes, first parents first. Each commit is asked for once at most, and
    /// none that does not lie on a way of passing commits from the head. Gives the way from the head on; empty when the
    /// head is the base, `None` when there is no way.
    ///
    /// # Errors
    /// Those of `passes`.
    pub(crate) fn passable<E>(
        &self,
        mut passes: impl FnMut(Id) -> Result<bool, E>,
    ) -> Result<Option<Vec<Id>>, E> {
        let mut tried = vec![false; self.places.len()];
        let mut way: Vec<Turn> = Vec::new();
        let mut next = Some(self.range.head());
        loop {
            if let Some(id) = next.take() {
                if id == self.base {
                    return Ok(Some(way.into_iter().map(|turn| turn.at).collect()));
                }
                let is_first_try = tried
                    .get_mut(id.index())
                    .is_some_and(|tried| !std::mem::replace(tried, true));
                if is_first_try && self.leads(id) && passes(id)? {
                    way.push(Turn {
                        at: id,
                        next_parent: 0,
                    });
                }
            }
            let Some(turn) = way.last_mut() else {
                return Ok(None);
            };
            next = self.range.parents(turn.at).get(turn.next_parent).copied();
            turn.next_parent += 1;
            if next.is_none() {
                way.pop();
            }
        }
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

    /// Gives the oldest commit that does not pass though a way of passing commits leads up to it from the base.
    ///
    /// # Errors
    /// Those of `passes`.
    pub(crate) fn first_obstacle<E>(
        &self,
        mut passes: impl FnMut(Id) -> Result<bool, E>,
    ) -> Result<Option<Id>, E> {
        let mut reached = vec![false; self.places.len()];
        set(&mut reached, self.base);
        for id in &self.order {
            let parents = self.range.parents(*id);
            if !parents.iter().any(|parent| is_set(&reached, *parent)) {
                continue;
            }
            if !passes(*id)? {
                return Ok(Some(*id));
            }
            set(&mut reached, *id);
        }
        Ok(None)
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

fn set(marks: &mut [bool], id: Id) {
    if let Some(mark) = marks.get_mut(id.index()) {
        *mark = true;
    }
}

fn is_set(marks: &[bool], id: Id) -> bool {
    marks.get(id.index()).copied().unwrap_or(false)
}
