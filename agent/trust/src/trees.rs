//! Trees that are read strictly, the last ones kept for whoever asks again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::object::load_kind;
use crate::tree::{self, InvalidTree, TreeEntry};
use crate::{LoadError, ObjectKind, ObjectReader, Oid};

/// Most entries that are kept: some megabytes of them.
const MAX_ENTRIES: usize = 32 * 1024;

/// Why a tree could not be read.
#[derive(Debug)]
pub(crate) enum TreeError {
    Load(LoadError),
    Invalid(InvalidTree),
}

/// Reads trees out of a store, each of them hashed again when it is loaded.
pub(crate) struct Trees<'a> {
    reader: &'a dyn ObjectReader,
    kept: RefCell<Kept>,
    /// The tree loaded last, as it lies in the store: looked into first and parsed afterwards, it is loaded once.
    last: RefCell<Option<(Oid, Rc<Vec<u8>>)>>,
}

/// The trees parsed last, dropped all at once when there are too many.
#[derive(Default)]
struct Kept {
    trees: HashMap<Oid, Rc<Vec<TreeEntry>>>,
    entries: usize,
}

// === impl Trees ===

impl<'a> Trees<'a> {
    pub(crate) fn new(reader: &'a dyn ObjectReader) -> Self {
        Self {
            reader,
            kept: RefCell::default(),
            last: RefCell::default(),
        }
    }

    /// Gives the bytes of a tree.
    ///
    /// # Errors
    /// It could not be loaded.
    pub(crate) fn bytes(&self, oid: &Oid) -> Result<Rc<Vec<u8>>, LoadError> {
        if let Some((last, bytes)) = &*self.last.borrow()
            && last == oid
        {
            return Ok(Rc::clone(bytes));
        }
        let bytes = Rc::new(load_kind(self.reader, oid, ObjectKind::Tree)?);
        *self.last.borrow_mut() = Some((*oid, Rc::clone(&bytes)));
        Ok(bytes)
    }

    /// Gives the entries of a tree.
    ///
    /// # Errors
    /// It could not be loaded, or is none that Git would have written.
    pub(crate) fn read(&self, oid: &Oid) -> Result<Rc<Vec<TreeEntry>>, TreeError> {
        if let Some(tree) = self.kept.borrow().trees.get(oid) {
            return Ok(Rc::clone(tree));
        }
        let bytes = self.bytes(oid).map_err(TreeError::Load)?;
        let entries = tree::parse(oid, &bytes).map_err(TreeError::Invalid)?;
        let entries = Rc::new(entries);
        self.kept.borrow_mut().keep(*oid, &entries);
        Ok(entries)
    }
}

// === impl Kept ===

impl Kept {
    fn keep(&mut self, oid: Oid, tree: &Rc<Vec<TreeEntry>>) {
        if self.entries + tree.len() > MAX_ENTRIES {
            self.trees.clear();
            self.entries = 0;
        }
        self.entries += tree.len();
        self.trees.insert(oid, Rc::clone(tree));
    }
}
