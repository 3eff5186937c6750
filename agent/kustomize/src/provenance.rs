//! Where resources come from, as `buildMetadata: [originAnnotations]` writes it.

use std::cell::RefCell;

use crate::remote::git_reference;
use crate::tree::is_within;

/// The other places that a build entered.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere(RefCell<Vec<Entered>>);

/// One of them.
#[derive(Debug)]
struct Entered {
    /// The file, or the root of the repository, in the tree.
    path: String,
    /// What it is in the words of the origin: the path up to it, and what stands behind.
    before: String,
    behind: String,
}

// === impl Elsewhere ===

impl Elsewhere {
    /// Notes which reference led to a path. As in kustomize the URL of a file is read as if it named a repository.
    pub(crate) fn note(&self, path: &str, reference: &str) {
        let mut entered = self.0.borrow_mut();
        if entered.iter().any(|known| known.path == path) {
            return;
        }
        let (before, behind) = match git_reference(reference) {
            None => (clean(reference), String::new()),
            Some(read) => {
                let mut behind = format!("repo: {}\n", read.repository);
                if !read.reference.is_empty() {
                    behind.push_str(&format!("ref: {}\n", read.reference));
                }
                (clean(&read.directory), behind)
            }
        };
        entered.push(Entered {
            path: path.to_owned(),
            before,
            behind,
        });
    }

    /// The origin of what is in a file, seen from a directory where it is in the tree's own place.
    pub(crate) fn origin(&self, root: &str, file: &str) -> String {
        let entered = self.0.borrow();
        let elsewhere = entered.iter().find(|known| is_within(file, &known.path));
        match elsewhere {
            None => format!("path: {}\n", relative(root, file)),
            Some(known) if known.path == file => {
                format!("path: {}\n{}", known.before, known.behind)
            }
            Some(known) => format!("path: {}\n{}", relative(&known.path, file), known.behind),
        }
    }
}

/// A path as Go's filepath.Join cleans it, which does not know a URL either.
fn clean(path: &str) -> String {
    let segments = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."));
    segments.collect::<Vec<_>>().join("/")
}

/// An origin as it is written of something that is configured there: the path stands behind the repository.
pub(crate) fn configured_in(origin: &str) -> String {
    let (path, place) = origin.split_once('\n').unwrap_or((origin, ""));
    let path = path.strip_prefix("path: ").unwrap_or(path);
    format!("{place}configuredIn: {path}\n")
}

/// A path as seen from a directory.
fn relative(directory: &str, path: &str) -> String {
    let mut own = directory
        .split('/')
        .filter(|segment| !segment.is_empty())
        .peekable();
    let mut other = path.split('/').peekable();
    while own.peek().is_some() && own.peek() == other.peek() {
        own.next();
        other.next();
    }
    own.map(|_| "..").chain(other).collect::<Vec<_>>().join("/")
}
