//! What one rendering shares: its budget, its surroundings and its templates.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::{Rc, Weak};

use jiff::Timestamp;

use crate::fault::Fault;
use crate::template::node::Tree;
use crate::value::{Map, Text, Value};

/// What a template may ask the world for; the room itself has no clock, no randomness and no cluster.
pub trait Surroundings: Sync {
    /// The time, for `now` and for certificates.
    fn now(&self) -> Timestamp;

    /// Fills with randomness fit for keys.
    fn fill_random(&self, bytes: &mut [u8]);

    /// What `lookup` finds: an object, a list where the name is empty, an empty map where there is
    /// nothing (as always offline).
    ///
    /// # Errors
    /// The cluster could not be asked; the template fails with the message.
    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<serde_json::Value, String>;

    /// What `getHostByName` finds: an address of a host. Nothing unless somebody allows it, as in Helm.
    fn resolve(&self, _host: &str) -> String {
        String::new()
    }
}

/// Steps of one rendering, each a node or an element that is looked at: the largest charts known take under
/// a million, and this many take some seconds.
const MAX_STEPS: u64 = 50_000_000;

/// Bytes that all texts of one rendering may come to: what the largest charts need many times over, and a
/// bound for a template that doubles a text in a loop.
const MAX_BYTES: u64 = 512 << 20;

/// How deep templates may call each other (`include`, `template`, `tpl`): Helm's bound for one name, here
/// for all together.
pub(crate) const MAX_CALLS: usize = 1000;

/// What a map shares.
type Entries = RefCell<BTreeMap<Text, Value>>;

/// What is left of a rendering's steps and bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
}

/// What all templates of one rendering share.
pub(crate) struct Engine<'w> {
    pub(crate) surroundings: &'w dyn Surroundings,
    pub(crate) budget: Budget,
    calls: Cell<usize>,
    /// Maps that a template wrote to: only through them can a value hold itself.
    written: RefCell<Vec<Weak<Entries>>>,
    pub(crate) regexes: RefCell<HashMap<String, regex::bytes::Regex>>,
}

/// What a function of a template can reach.
#[derive(Clone)]
pub(crate) struct Context<'e> {
    pub(crate) engine: &'e Engine<'e>,
    pub(crate) templates: Rc<Templates>,
}

/// Templates by name; what `tpl` defines is seen inside it only.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    own: RefCell<HashMap<Rc<str>, Rc<Tree>>>,
    outer: Option<Rc<Templates>>,
}

// === impl Budget ===

impl Budget {
    fn new() -> Self {
        Self {
            steps: Cell::new(MAX_STEPS),
            bytes: Cell::new(MAX_BYTES),
        }
    }

    pub(crate) fn step(&self) -> Result<(), Fault> {
        self.steps(1)
    }

    /// Takes steps, before they are done.
    pub(crate) fn steps(&self, count: usize) -> Result<(), Fault> {
        take(&self.steps, count).ok_or_else(|| {
            Fault::new(format!(
                "the templates take more than {MAX_STEPS} steps; is there a loop without end?"
            ))
        })
    }

    /// Takes bytes, before they are written.
    pub(crate) fn bytes(&self, count: usize) -> Result<(), Fault> {
        take(&self.bytes, count).ok_or_else(|| {
            Fault::new(format!(
                "the templates make more than {MAX_BYTES} bytes of text; is a text doubled in a loop?"
            ))
        })
    }
}

fn take(cell: &Cell<u64>, count: usize) -> Option<()> {
    let count = u64::try_from(count).ok()?;
    let left = cell.get().checked_sub(count)?;
    cell.set(left);
    Some(())
}

// === impl Engine ===

impl<'w> Engine<'w> {
    pub(crate) fn new(surroundings: &'w dyn Surroundings) -> Self {
        Self {
            surroundings,
            budget: Budget::new(),
            calls: Cell::new(0),
            written: RefCell::new(Vec::new()),
            regexes: RefCell::new(HashMap::new()),
        }
    }

    /// Runs one template inside another, within the depth allowed.
    pub(crate) fn call<T>(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let depth = self.calls.get();
        if depth >= MAX_CALLS {
            return Err(Fault::new(format!(
                "rendering template has a nested reference name: {name}: unable to execute template"
            )));
        }
        self.calls.set(depth + 1);
        let result = run();
        self.calls.set(depth);
        result
    }

    /// Remembers a map that a template writes to.
    pub(crate) fn writes(&self, map: &Map) {
        let mut written = self.written.borrow_mut();
        written.push(Rc::downgrade(&map.entries));
    }
}

impl Drop for Engine<'_> {
    /// Takes apart values that hold themselves, which would never be freed.
    fn drop(&mut self) {
        for map in self.written.take() {
            if let Some(map) = map.upgrade() {
                map.take();
            }
        }
    }
}

// === impl Templates ===

impl Templates {
    /// Templates that see the others and stay unseen by them.
    pub(crate) fn inside(outer: &Rc<Self>) -> Self {
        Self {
            own: RefCell::default(),
            outer: Some(Rc::clone(outer)),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Rc<Tree>> {
        let mut templates = Some(self);
        while let Some(here) = templates {
            if let Some(tree) = here.own.borrow().get(name) {
                return Some(Rc::clone(tree));
            }
            templates = here.outer.as_deref();
        }
        None
    }

    /// Adds a template; a later one replaces an earlier one, except by blanks.
    pub(crate) fn add(&self, tree: &Rc<Tree>) {
        if tree.is_blank() && self.find(&tree.name).is_some() {
            return;
        }
        let mut own = self.own.borrow_mut();
        own.insert(Rc::clone(&tree.name), Rc::clone(tree));
    }
}
