//! What kustomizations name of other places, for builds on a laptop: pinned in `windlass.lock`, kept in the person's cache.

pub(crate) mod charts;
pub(crate) mod programs;
pub(crate) mod registry;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use windlass_kustomize::{GitReference, RemoteError, git_reference, is_http, looks_like_git};
use windlass_trust::{ContentDigest, LOCK_FILE, LockFile, Oid};

use self::programs::ProgramError;

/// As much as the agent takes.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The pins of a repository, and where what they pin is kept.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// Why there are none, where they cannot be read.
    pins: Result<LockFile, String>,
    cache: Cache,
}

/// The person's cache. What is in it is known by its content.
#[derive(Debug)]
pub(crate) struct Cache {
    /// None where this person has no place for it.
    directory: Option<PathBuf>,
    /// Held while something is fetched.
    fetching: Mutex<()>,
}

// === impl Elsewhere ===

impl Elsewhere {
    /// The pins that hold for a directory: those at the root of the repository that it is in.
    pub(crate) fn of(directory: &Path) -> Self {
        let file = lock_above(directory);
        Self {
            pins: file.map_or_else(|| Ok(LockFile::default()), |file| read(&file)),
            cache: Cache::of_this_person(),
        }
    }

    /// The path of what a reference leads to.
    pub(crate) fn path(&self, reference: &str) -> Result<PathBuf, RemoteError> {
        let pins = self.pins.as_ref().map_err(|message| RemoteError::Refused {
            message: format!("what pins it cannot be read: {message}"),
        })?;
        if let Some(digest) = pins.file(reference) {
            return self.cache.file(reference, &digest);
        }
        let git = git_reference(reference).ok_or(RemoteError::Unpinned)?;
        let commit = git.reference.parse().ok();
        let is_base = !is_http(reference) || looks_like_git(reference);
        let commit = commit
            .filter(|_| is_base)
            .or_else(|| pins.base(&git.repository, &git.reference))
            .ok_or(RemoteError::Unpinned)?;
        let root = self.cache.base(&git, commit)?;
        Ok(root.join(git.directory.trim_matches('/')))
    }

    /// The root of the repository that a path is in, if it is in one.
    pub(crate) fn root_of(&self, path: &Path) -> Option<PathBuf> {
        let bases = self.cache.bases()?;
        let commit = path.strip_prefix(&bases).ok()?.components().next()?;
        Some(bases.join(commit))
    }
}

// === impl Cache ===

impl Cache {
    pub(crate) fn of_this_person() -> Self {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let caches = named("XDG_CACHE_HOME").map(PathBuf::from);
        let caches = caches.or_else(|| Some(PathBuf::from(named("HOME")?).join(".cache")));
        Self {
            directory: caches.map(|caches| settled(&caches.join("windlass"))),
            fetching: Mutex::default(),
        }
    }

    /// The file with this digest, fetched from the URL unless it is here.
    pub(crate) fn file(&self, url: &str, digest: &ContentDigest) -> Result<PathBuf, RemoteError> {
        let path = self.place()?.join("files").join(digest.hex());
        if fs::read(&path).is_ok_and(|bytes| ContentDigest::of(&bytes) == *digest) {
            return Ok(path);
        }
        let (found, _) = self.fetch_file(url)?;
        if found != *digest {
            let message = format!(
                "{LOCK_FILE} pins {digest}, and it is {found} now; if that is meant, run `windlass lock --update`, look at \
                 what changed, and commit {LOCK_FILE}"
            );
            return Err(RemoteError::Changed { message });
        }
        Ok(path)
    }

    /// Fetches what is behind a URL now, and keeps it.
    pub(crate) fn fetch_file(&self, url: &str) -> Result<(ContentDigest, Vec<u8>), RemoteError> {
        self.fetch_up_to(url, FILE_BYTES)
    }

    /// As [`Cache::fetch_file`], with a bound of its own.
    pub(crate) fn fetch_up_to(
        &self,
        url: &str,
        byte_limit: u64,
    ) -> Result<(ContentDigest, Vec<u8>), RemoteError> {
        let _one_at_a_time = self.fetching.lock();
        let files = self.place()?.join("files");
        let failed = |error: io::Error| unavailable(&format!("{}: {error}", files.display()));
        fs::create_dir_all(&files).map_err(failed)?;
        let incoming = files.join(format!("incoming-{}", std::process::id()));
        let bytes = programs::download(url, &incoming, byte_limit)
            .map_err(|error| unavailable(&error))
            .and_then(|()| fs::read(&incoming).map_err(failed));
        let kept = bytes.and_then(|bytes| {
            let digest = ContentDigest::of(&bytes);
            fs::rename(&incoming, files.join(digest.hex())).map_err(failed)?;
            Ok((digest, bytes))
        });
        // Nothing stays of what did not come whole.
        drop(fs::remove_file(&incoming));
        kept
    }

    /// The files of a commit, fetched unless they are here.
    pub(crate) fn base(&self, git: &GitReference, commit: Oid) -> Result<PathBuf, RemoteError> {
        let root = self.place()?.join("bases").join(commit.to_string());
        if root.is_dir() {
            return Ok(root);
        }
        let by_id = self.fetch_base(git, &commit.to_string(), Some(commit));
        match by_id {
            // Not every server hands out commits by their ids; what the reference names may be it.
            Err(RemoteError::Unavailable { message }) if git.reference != commit.to_string() => {
                self.fetch_base(git, &git.reference, Some(commit))
                    .map_err(|_| RemoteError::Unavailable { message })?
            }
            by_id => by_id?,
        };
        Ok(root)
    }

    /// Fetches what a reference names now, and keeps its files.
    pub(crate) fn resolve(&self, git: &GitReference) -> Result<Oid, RemoteError> {
        self.fetch_base(git, &git.reference, None)
    }

    fn fetch_base(
        &self,
        git: &GitReference,
        what: &str,
        expected: Option<Oid>,
    ) -> Result<Oid, RemoteError> {
        let _one_at_a_time = self.fetching.lock();
        if git.wants_submodules {
            let message = "submodules are not fetched; write submodules=false".to_owned();
            return Err(RemoteError::Refused { message });
        }
        let (place, bases) = (self.place()?, self.place()?.join("bases"));
        let failed = |error: ProgramError| unavailable(&error);
        let bare = programs::Bare::open(&place.join("git")).map_err(failed)?;
        let found = bare.fetch(&git.repository, what).map_err(failed)?;
        let commit: Oid = found
            .parse()
            .map_err(|_| unavailable(&format!("git says {found:?}, which is no commit")))?;
        if let Some(expected) = expected.filter(|expected| *expected != commit) {
            return Err(unavailable(&format!(
                "it is {commit} now, and not {expected}"
            )));
        }
        let incoming = bases.join(format!("incoming-{}", std::process::id()));
        let failed_write = |error: io::Error| unavailable(&format!("{}: {error}", bases.display()));
        fs::create_dir_all(&incoming).map_err(failed_write)?;
        let kept = bare
            .check_out(&commit.to_string(), &incoming)
            .map_err(failed);
        let root = bases.join(commit.to_string());
        let kept = kept.and_then(|()| match fs::rename(&incoming, &root) {
            Err(error) if !root.is_dir() => Err(failed_write(error)),
            _ => Ok(commit),
        });
        // Nothing stays of what did not come whole.
        drop(fs::remove_dir_all(&incoming));
        kept
    }

    fn place(&self) -> Result<&Path, RemoteError> {
        self.directory
            .as_deref()
            .ok_or_else(|| unavailable("there is no place to keep it: set HOME or XDG_CACHE_HOME"))
    }

    fn bases(&self) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join("bases"))
    }
}

/// A path without links in the part of it that is there already: paths of a build have none either.
fn settled(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|ancestor| {
        let real = fs::canonicalize(ancestor).ok()?;
        Some(real.join(path.strip_prefix(ancestor).ok()?))
    });
    there.unwrap_or_else(|| path.to_owned())
}

/// Reads the pins of a file.
pub(crate) fn read(file: &Path) -> Result<LockFile, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    LockFile::parse(&bytes).map_err(|error| error.to_string())
}

/// The lock of the repository that a directory is in.
fn lock_above(directory: &Path) -> Option<PathBuf> {
    for directory in directory.ancestors() {
        let file = directory.join(LOCK_FILE);
        if file.is_file() {
            return Some(file);
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}

fn unavailable(error: &(impl std::fmt::Display + ?Sized)) -> RemoteError {
    RemoteError::Unavailable {
        message: error.to_string(),
    }
}
