//! The way through all files of a view, which ends however little a tree is made of: a tree that holds the same directory
//! ten times, and that one again, twenty levels deep, has thirty objects and more paths than anybody can walk (0114).

use windlass_trust::Listed;

use super::ViewFailure;
use super::ignore::{Sparse, join};
use super::layers::Layers;

/// Most files, directories and links of a view: the largest public repositories of configuration have some ten
/// thousand, and Linux has ninety thousand.
pub(super) const ENTRY_LIMIT: usize = 200_000;

/// Directories may be nested this deep; Git itself has no bound, people stay far below.
pub(super) const DEPTH_LIMIT: usize = 64;

/// Longest path: `PATH_MAX` of Linux, so that nobody could check out a longer one.
pub(super) const PATH_LIMIT: usize = 4096;

/// Most bytes of all files that are taken: what a few seconds can hash on a small node.
pub(super) const CONTENT_LIMIT: u64 = 1024 * 1024 * 1024;

/// Most bytes of all `.sourceignore` files: each pattern is held against each path.
pub(super) const RULES_LIMIT: usize = 64 * 1024;

/// Most `.sourceignore` files: each of them is asked for each path.
pub(super) const RULE_FILES_LIMIT: usize = 1000;

/// What is done with each file or link.
pub(super) type Visit<'v> = &'v mut dyn FnMut(&str, Listed) -> Result<(), ViewFailure>;

struct Walk<'w, 'a> {
    tree: &'w Layers<'a>,
    sparse: &'w Sparse,
    /// How many entries may still come.
    left: usize,
}

/// Visits every file and link, sorted, but what is not checked out.
pub(super) fn walk(
    tree: &Layers<'_>,
    sparse: &Sparse,
    visit: Visit<'_>,
) -> Result<(), ViewFailure> {
    let left = ENTRY_LIMIT;
    Walk { tree, sparse, left }.below("", 0, visit)
}

impl Walk<'_, '_> {
    fn below(
        &mut self,
        directory: &str,
        depth: usize,
        visit: Visit<'_>,
    ) -> Result<(), ViewFailure> {
        let listed = self.tree.list(directory)?;
        let left = self.left.checked_sub(listed.len());
        self.left = left.ok_or(ViewFailure::TooManyEntries)?;
        for (name, listed) in listed {
            let path = join(directory, &name);
            if path.len() > PATH_LIMIT {
                let path = directory.to_owned();
                return Err(ViewFailure::TooLong { path });
            }
            match listed {
                Listed::Directory if self.sparse.excludes(&path, true) => {}
                Listed::Directory if depth == DEPTH_LIMIT => {
                    return Err(ViewFailure::TooDeep { path });
                }
                Listed::Directory => self.below(&path, depth + 1, visit)?,
                listed => visit(&path, listed)?,
            }
        }
        Ok(())
    }
}
