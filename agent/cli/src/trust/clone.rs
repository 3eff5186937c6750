//! A clone read in place: its objects and references, and nothing of its configuration.
//!
//! Replacement refs, grafts and alternates play no part, no hook runs and nothing is written. What is read is hashed
//! again by `trust`.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::Find as _;
use gix_ref::Target;
use gix_ref::file::Store as References;
use windlass_trust::{LoadError, ObjectKind, ObjectReader, Oid, RawObject, ReadError, VerifyError};

use super::error::TrustError;

/// Largest object that is read: no commit, tree or tag comes near it, and files are never read here.
const MAX_OBJECT_BYTES: usize = 256 * 1024 * 1024;

/// Largest of Git's small files that is read (HEAD, commondir, config).
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A symbolic reference may point at another one; git follows five (refs.c, SYMREF_MAXDEPTH).
const SYMBOLIC_DEPTH: usize = 5;

const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

/// An open clone.
pub(crate) struct LocalClone {
    /// What the person named, for messages.
    path: PathBuf,
    /// Where git is to be started for this clone: its working tree, or the bare repository itself.
    work_dir: PathBuf,
    /// Shared by all working trees of the clone.
    common_dir: PathBuf,
    references: References,
    objects: gix_odb::Handle,
    buffer: RefCell<Vec<u8>>,
}

/// Where a clone keeps its files.
struct Layout {
    work_dir: PathBuf,
    git_dir: PathBuf,
    common_dir: PathBuf,
}

// === impl LocalClone ===

impl LocalClone {
    /// Opens the clone that `path` is in, as git would find it: a working tree, a linked one, or a bare repository.
    pub(crate) fn open(path: &Path) -> Result<Self, TrustError> {
        let layout = Layout::find(path)?;
        layout.check(path)?;
        let options = gix_odb::store::init::Options {
            alloc_limit_bytes: Some(MAX_OBJECT_BYTES),
            ..Default::default()
        };
        let objects = gix_odb::at_opts(layout.common_dir.join("objects"), HASH, None, options)
            .map_err(|error| unusable(path, format!("cannot be read: {error}")))?;
        let references = if layout.git_dir == layout.common_dir {
            References::at(layout.git_dir, HASH)
        } else {
            References::for_linked_worktree(layout.git_dir, layout.common_dir.clone(), HASH)
        };
        Ok(Self {
            path: path.to_owned(),
            work_dir: layout.work_dir,
            common_dir: layout.common_dir,
            references,
            objects,
            buffer: RefCell::default(),
        })
    }

    /// What the person named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where git is to be started for this clone.
    pub(crate) fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// The folder in which this clone keeps what it pins; all of its working trees share it.
    pub(crate) fn pins_dir(&self) -> PathBuf {
        self.common_dir.join("windlass")
    }

    /// Whether history was cut off when the clone was made.
    pub(crate) fn is_shallow(&self) -> bool {
        self.common_dir.join("shallow").exists()
    }

    /// The branch that is checked out, without `refs/heads/`; none when no branch is.
    pub(crate) fn branch(&self) -> Result<Option<String>, TrustError> {
        let head = self.find("HEAD")?;
        let target = head.and_then(|target| match target {
            Target::Symbolic(name) => Some(name.as_bstr().to_string()),
            Target::Object(_) => None,
        });
        Ok(target.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned)))
    }

    /// The object that a reference leads to, its name completed as git completes it; none when there is none.
    pub(crate) fn reference(&self, name: &str) -> Result<Option<Oid>, TrustError> {
        let mut name = name.to_owned();
        for _ in 0..=SYMBOLIC_DEPTH {
            match self.find(&name)? {
                None => return Ok(None),
                Some(Target::Object(oid)) => return Ok(Some(ours(&oid)?)),
                Some(Target::Symbolic(next)) => name = next.as_bstr().to_string(),
            }
        }
        Err(unusable(
            &self.path,
            format!("has a symbolic reference {name} that leads nowhere"),
        ))
    }

    /// The one object whose id begins with these digits; none when there is none, or when there are several.
    pub(crate) fn abbreviated(&self, digits: &str) -> Result<Option<Oid>, TrustError> {
        let Ok(prefix) = gix_hash::Prefix::from_hex(digits) else {
            return Ok(None);
        };
        let found = self
            .objects
            .lookup_prefix(prefix, None)
            .map_err(|error| unusable(&self.path, format!("cannot be read: {error}")))?;
        match found {
            Some(Ok(oid)) => Ok(Some(ours(&oid)?)),
            Some(Err(())) | None => Ok(None),
        }
    }

    /// Where history was cut off, what is missing is no damage.
    pub(crate) fn explain(&self, error: TrustError) -> TrustError {
        match error {
            TrustError::Load(LoadError::Missing { oid })
            | TrustError::Verify(VerifyError::Load {
                source: LoadError::Missing { oid },
                ..
            }) if self.is_shallow() => TrustError::Shallow { missing: oid },
            error => error,
        }
    }

    fn find(&self, name: &str) -> Result<Option<Target>, TrustError> {
        if gix_ref::PartialName::try_from(name.to_owned()).is_err() {
            return Ok(None);
        }
        let found = self.references.try_find(name).map_err(|error| {
            unusable(
                &self.path,
                format!("has references that cannot be read: {error}"),
            )
        })?;
        Ok(found.map(|reference| reference.target))
    }
}

impl ObjectReader for LocalClone {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        let mut buffer = self.buffer.borrow_mut();
        let id = ObjectId::Sha1(*oid.as_bytes());
        let found = self.objects.try_find(&id, &mut buffer)?;
        Ok(found.map(|found| RawObject {
            kind: match found.kind {
                gix_object::Kind::Commit => ObjectKind::Commit,
                gix_object::Kind::Tree => ObjectKind::Tree,
                gix_object::Kind::Blob => ObjectKind::Blob,
                gix_object::Kind::Tag => ObjectKind::Tag,
            },
            bytes: found.data.to_vec(),
        }))
    }
}

impl std::fmt::Debug for LocalClone {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LocalClone")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

// === impl Layout ===

impl Layout {
    /// Looks in `path` and in each folder above it, as git does.
    fn find(path: &Path) -> Result<Self, TrustError> {
        let start = fs::canonicalize(path).map_err(|source| TrustError::Read {
            path: path.to_owned(),
            source,
        })?;
        for folder in start.ancestors() {
            let dot_git = folder.join(".git");
            if dot_git.is_file() {
                return Self::linked(folder, &dot_git);
            }
            let candidates = [(dot_git, folder), (folder.to_owned(), folder)];
            let found = candidates
                .into_iter()
                .find(|(git_dir, _)| is_git_dir(git_dir));
            if let Some((git_dir, work_dir)) = found {
                return Ok(Self {
                    work_dir: work_dir.to_owned(),
                    common_dir: git_dir.clone(),
                    git_dir,
                });
            }
        }
        Err(unusable(path, "is in no Git repository".to_owned()))
    }

    /// Follows the `.git` file of a linked working tree or a submodule (gitrepository-layout(5)).
    fn linked(work_dir: &Path, dot_git: &Path) -> Result<Self, TrustError> {
        let text = small_file(dot_git)?;
        let target = text
            .trim_end()
            .strip_prefix("gitdir: ")
            .ok_or_else(|| unusable(work_dir, "has a .git file that names no folder".to_owned()))?;
        let git_dir = work_dir.join(target);
        let common_dir = match fs::exists(git_dir.join("commondir")) {
            Ok(true) => git_dir.join(small_file(&git_dir.join("commondir"))?.trim_end()),
            _ => git_dir.clone(),
        };
        if !is_git_dir(&common_dir) {
            let why = format!("points at {}, which is no repository", common_dir.display());
            return Err(unusable(dot_git, why));
        }
        Ok(Self {
            work_dir: work_dir.to_owned(),
            git_dir,
            common_dir,
        })
    }

    /// Refuses by name what is not read.
    fn check(&self, path: &Path) -> Result<(), TrustError> {
        let config = match fs::exists(self.common_dir.join("config")) {
            Ok(true) => small_file(&self.common_dir.join("config"))?.to_ascii_lowercase(),
            _ => String::new(),
        };
        let setting = |name: &str| {
            let lines = config.lines().filter_map(|line| line.split_once('='));
            let mut values = lines.filter(|(key, _)| key.trim() == name);
            values.next().map(|(_, value)| value.trim().to_owned())
        };
        if setting("objectformat").is_some_and(|format| format != "sha1") {
            let why = "uses SHA-256 object ids, which windlass does not read yet".to_owned();
            return Err(unusable(path, why));
        }
        if self.common_dir.join("reftable").exists() {
            let why = "keeps its references as a reftable, which is not read yet; \
                       `git refs migrate --ref-format=files` changes it"
                .to_owned();
            return Err(unusable(path, why));
        }
        let alternates = self.common_dir.join("objects/info/alternates");
        if fs::metadata(&alternates).is_ok_and(|file| file.len() > 0) {
            let why = format!(
                "borrows objects from another repository, which is not followed; \
                 `git repack -a -d`, then `rm {}`, makes it whole",
                alternates.display()
            );
            return Err(unusable(path, why));
        }
        Ok(())
    }
}

fn is_git_dir(candidate: &Path) -> bool {
    candidate.join("HEAD").exists()
        && candidate.join("objects").is_dir()
        && candidate.join("refs").is_dir()
}

fn small_file(path: &Path) -> Result<String, TrustError> {
    let read = fs::metadata(path).and_then(|file| {
        if file.len() > MAX_FILE_BYTES {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        fs::read_to_string(path)
    });
    read.map_err(|source| TrustError::Read {
        path: path.to_owned(),
        source,
    })
}

fn ours(oid: &ObjectId) -> Result<Oid, TrustError> {
    Oid::from_slice(oid.as_bytes()).ok_or_else(|| TrustError::Usage(format!("{oid} is no SHA-1")))
}

fn unusable(path: &Path, why: String) -> TrustError {
    TrustError::Unusable {
        path: path.to_owned(),
        why,
    }
}
