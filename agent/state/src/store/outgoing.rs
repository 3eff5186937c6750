//! What of the kept objects goes into a bundle.

use std::collections::HashSet;

use windlass_trust::{LoadError, ObjectKind, ObjectReader, Oid, load};

use super::links;

/// The objects of a history, and where it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Every object, each once.
    pub objects: Vec<Oid>,
    /// Commits that are not among them and that some of them go on from: the reader has to have these.
    pub builds_on: Vec<Oid>,
}

impl Outgoing {
    /// Everything that `target`, a commit or a tag over it, reaches and `since` does not. What lies before the commits whose
    /// parents are not kept is left out.
    ///
    /// # Errors
    /// An object is missing or is not what its id says.
    pub fn of(
        reader: &dyn ObjectReader,
        target: Oid,
        since: Option<Oid>,
    ) -> Result<Self, LoadError> {
        let mut known = HashSet::new();
        if let Some(since) = since {
            passed(reader, since, &mut known)?;
        }
        let mut outgoing = Self {
            builds_on: since.into_iter().collect(),
            ..Self::default()
        };
        outgoing.walk(reader, target, &mut known)?;
        Ok(outgoing)
    }

    fn walk(
        &mut self,
        reader: &dyn ObjectReader,
        from: Oid,
        seen: &mut HashSet<Oid>,
    ) -> Result<(), LoadError> {
        let mut pending: Vec<Oid> = seen.insert(from).then_some(from).into_iter().collect();
        while let Some(oid) = pending.pop() {
            let object = load(reader, &oid)?;
            self.objects.push(oid);
            let links = links::links(object.kind, &object.bytes);
            // Of a commit the files come first, and then its parents.
            for (number, link) in links.into_iter().enumerate() {
                if !seen.insert(link.oid) {
                    continue;
                }
                let is_parent = object.kind == ObjectKind::Commit && number > 0;
                let contains = |oid| {
                    reader
                        .contains(oid)
                        .map_err(|source| LoadError::Read { oid: *oid, source })
                };
                if is_parent && !contains(&link.oid)? {
                    self.builds_on.push(link.oid);
                } else if link.is_leaf {
                    self.objects.push(link.oid);
                } else {
                    pending.push(link.oid);
                }
            }
        }
        Ok(())
    }
}

/// The commits behind `since`, and the files of that one: those of older commits are sent again where they come back.
fn passed(reader: &dyn ObjectReader, since: Oid, seen: &mut HashSet<Oid>) -> Result<(), LoadError> {
    let mut commits = vec![since];
    while let Some(oid) = commits.pop() {
        if !seen.insert(oid) {
            continue;
        }
        let missing = |source| LoadError::Read { oid, source };
        if oid != since && !reader.contains(&oid).map_err(missing)? {
            continue;
        }
        let commit = load(reader, &oid)?;
        let mut named = links::links(commit.kind, &commit.bytes).into_iter();
        let tree = named.next().filter(|_| oid == since);
        commits.extend(named.map(|link| link.oid));
        if let Some(tree) = tree {
            Outgoing::default().walk(reader, tree.oid, seen)?;
        }
    }
    Ok(())
}
