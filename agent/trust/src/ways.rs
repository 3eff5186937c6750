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

    /// Looks for a way on which every commit may follow the one before it, first parents first. Each step is asked for
    /// once at most, and none that does not begin where good steps lead from the head. Gives the way from the head on;
    /// empty when the head is the base, `None` when there is no way.
    ///
    /// # Errors
    /// Those of `follows`, which is asked about a child and one of its parents.
    pub(crate) fn passable<E>(
        &self,
        mut follows: impl FnMut(Id, Id) -> Result<bool, E>,
    ) -> Result<Option<Vec<Id>>, E> {
        let head = self.range.head();
        if head == self.base {
            return Ok(Some(Vec::new()));
        }
        let mut reached = vec![false; self.places.len()];
        let mut way = vec![Turn::at(head)];
        while let Some(turn) = way.last_mut() {
            let (child, next) = (turn.at, turn.next_parent);
            let Some(parent) = self.range.parents(child).get(next).copied() else {
                way.pop();
                continue;
            };
            turn.next_parent += 1;
            if !self.leads(parent) || is_set(&reached, parent) || !follows(child, parent)? {
                continue;
            }
            if parent == self.base {
                return Ok(Some(way.into_iter().map(|turn| turn.at).collect()));
            }
            set(&mut reached, parent);
            way.push(Turn::at(parent));
        }
        Ok(None)
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

    /// Gives the oldest commit that may follow none of its parents though a good way leads up to one from the base, and
    /// that parent.
    ///
    /// # Errors
    /// Those of `follows`.
    pub(crate) fn first_obstacle<E>(
        &self,
        mut follows: impl FnMut(Id, Id) -> Result<bool, E>,
    ) -> Result<Option<(Id, Id)>, E> {
        let mut reached = vec![false; self.places.len()];
        set(&mut reached, self.base);
        for id in &self.order {
            let parents = self.range.parents(*id).iter().copied();
            let ways_up: Vec<Id> = parents.filter(|parent| is_set(&reached, *parent)).collect();
            let Some(first) = ways_up.first().copied() else {
                continue;
            };
            let mut good = false;
            for parent in ways_up {
                good = good || follows(*id, parent)?;
            }
            if !good {
                return Ok(Some((*id, first)));
            }
            set(&mut reached, *id);
        }
        Ok(None)
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

// === impl Turn ===

impl Turn {
    fn at(id: Id) -> Self {
        Self {
            at: id,
            next_parent: 0,
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
