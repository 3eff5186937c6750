//! A repository on the node, read in place: no server, no program, no cache.

use std::cell::RefCell;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::{Exists as _, Find as _, Kind};
use gix_ref::Target;
use gix_ref::file::Store as References;
use windlass_wire::FailureClass;

use crate::failure::Failure;
use crate::limits::Limits;
use crate::reach::{Objects, ReachError};
use crate::reference::{Resolved, Selection, Wanted};
use crate::unpack::not_hashed;

/// An open repository.
pub(crate) struct Repository {
    path: PathBuf,
    references: References,
    objects: gix_odb::Handle,
    object_bytes: usize,
    buffer: RefCell<Vec<u8>>,
}

/// A symbolic reference may point at another one; git follows five (refs.c, SYMREF_MAXDEPTH).
const SYMBOLIC_DEPTH: usize = 5;

const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

impl Repository {
    /// Opens the bare repository at `path`, or the one in its `.git`. No configuration is read, nothing is
    /// replaced, and nothing is written.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, Failure> {
        let git_dir = git_directory(path)?;
        if git_dir.join("reftable").exists() {
            return Err(unusable(
                path,
                "keeps its references as a reftable, which is not read yet",
            ));
        }
        refuse_what_leads_elsewhere(path, &git_dir)?;
        check_object_format(path, &git_dir)?;
        let options = gix_odb::store::init::Options {
            alloc_limit_bytes: Some(limits.object_bytes),
            ..Default::default()
        };
        let objects = gix_odb::at_opts(git_dir.join("objects"), HASH, None, options)
            .map_err(|error| unusable(path, &format!("cannot be read: {error}")))?;
        Ok(Self {
            path: path.to_owned(),
            references: References::at(git_dir, HASH),
            objects,
            object_bytes: limits.object_bytes,
            buffer: RefCell::default(),
        })
    }

    /// Looks a reference up.
    pub(crate) fn resolve(&self, wanted: &Wanted, url: &str) -> Result<Resolved, Failure> {
        let mut selection = Selection::new(wanted);
        match wanted {
            Wanted::Name(name) => {
                if let Some(target) = self.lookup(name)? {
                    selection.offer(name.as_bytes(), target);
                }
            }
            Wanted::Tags { .. } => self.offer_tags(&mut selection)?,
            Wanted::Commit(oid) => {
                let found = self.objects.exists(oid);
                if !found {
                    return Err(wanted.missing(url));
                }
            }
        }
        selection.finish(url)
    }

    fn lookup(&self, name: &str) -> Result<Option<ObjectId>, Failure> {
        let mut name = name.to_owned();
        for _ in 0..=SYMBOLIC_DEPTH {
            let found = self.references.try_find(name.as_str()).map_err(|error| {
                unusable(
                    &self.path,
                    &format!("has references that cannot be read: {error}"),
                )
            })?;
            // A short name may be found elsewhere too; only the full one counts.
            let Some(found) = found.filter(|found| found.name.as_bstr() == name.as_str()) else {
                return Ok(None);
            };
            match found.target {
                Target::Object(oid) => return Ok(Some(oid)),
                Target::Symbolic(next) => name = next.as_bstr().to_string(),
            }
        }
        Err(unusable(
            &self.path,
            "has a symbolic reference that leads nowhere",
        ))
    }

    fn offer_tags(&self, selection: &mut Selection<'_>) -> Result<(), Failure> {
        let unreadable = |error: &dyn std::fmt::Display| {
            unusable(
                &self.path,
                &format!("has tags that cannot be read: {error}"),
            )
        };
        let platform = self.references.iter().map_err(|error| unreadable(&error))?;
        let prefix = <&gix_path::RelativePath>::try_from("refs/tags/")
            .map_err(|error| unreadable(&error))?;
        for reference in platform
            .prefixed(prefix)
            .map_err(|error| unreadable(&error))?
        {
            let reference = reference.map_err(|error| unreadable(&error))?;
            if let Target::Object(oid) = reference.target {
                selection.offer(reference.name.as_bstr(), oid);
            }
        }
        Ok(())
    }
}

impl Objects for Repository {
    fn read(&self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, ReachError> {
        let mut buffer = self.buffer.borrow_mut();
        let damaged =
            |what: String| ReachError::Damaged(format!("{oid} in {} {what}", self.path.display()));
        let found = self
            .objects
            .try_find(oid, &mut buffer)
            .map_err(|error| damaged(format!("cannot be read: {error}")))?;
        let Some(found) = found else { return Ok(None) };
        if found.data.len() > self.object_bytes {
            return Err(damaged("is larger than the limit".to_owned()));
        }
        match gix_object::compute_hash(HASH, found.kind, found.data) {
            Ok(actual) if actual == *oid => Ok(Some((found.kind, found.data.to_vec()))),
            Ok(actual) => Err(damaged(format!("has the content of {actual}"))),
            Err(error) => Err(not_hashed(&error).into()),
        }
    }
}

fn git_directory(path: &Path) -> Result<PathBuf, Failure> {
    let found = [path.join(".git"), path.to_owned()]
        .into_iter()
        .find(|candidate| candidate.join("HEAD").exists() && candidate.join("objects").is_dir());
    match found {
        // The walls of this process hide what is in a folder, not that it is there.
        Some(git_dir) => match fs::read_dir(git_dir.join("objects")) {
            Ok(_) => Ok(git_dir),
            Err(error) => Err(unusable(
                path,
                &format!(
                    "cannot be read: {error}; windlass-net's user needs the right to, and its unit \
                     --read {} (systemctl edit windlass-net)",
                    path.display()
                ),
            )),
        },
        None if path.join(".git").is_file() => Err(unusable(
            path,
            "is a linked worktree or submodule; name the repository it belongs to",
        )),
        None => Err(match fs::metadata(path) {
            Ok(_) => unusable(
                path,
                "is no Git repository, or not readable for windlass-net's user",
            ),
            Err(error) => unusable(path, &format!("cannot be read: {error}")),
        }),
    }
}

/// Alternates name other folders, and a shallow history ends where somebody wrote down that it does.
fn refuse_what_leads_elsewhere(path: &Path, git_dir: &Path) -> Result<(), Failure> {
    let holds = |name: &str| fs::metadata(git_dir.join(name)).is_ok_and(|found| found.len() > 0);
    if holds("objects/info/alternates") {
        return Err(unusable(
            path,
            "borrows objects from another one (objects/info/alternates), which is not followed; make it whole \
             with git repack -a -d, then delete that file",
        ));
    }
    if holds("shallow") {
        return Err(unusable(
            path,
            "is a shallow clone; make it whole with git fetch --unshallow",
        ));
    }
    Ok(())
}

/// The one thing that configuration is looked at for; a file too large to be one is nobody's.
fn check_object_format(path: &Path, git_dir: &Path) -> Result<(), Failure> {
    const CONFIG_BYTES: u64 = 1024 * 1024;
    let mut text = String::new();
    if let Ok(file) = fs::File::open(git_dir.join("config")) {
        let read = file.take(CONFIG_BYTES).read_to_string(&mut text);
        read.map_err(|error| {
            unusable(path, &format!("has a config that cannot be read: {error}"))
        })?;
    }
    let format = text.lines().filter_map(|line| line.split_once('='));
    let mut format = format.filter(|(name, _)| name.trim().eq_ignore_ascii_case("objectformat"));
    if format.any(|(_, value)| value.trim() != "sha1") {
        return Err(unusable(
            path,
            "uses another object format than SHA-1, which is not supported; convert it, or push it to a \
             SHA-1 repository",
        ));
    }
    Ok(())
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(
        FailureClass::NotFound,
        format!("the repository at {} {why}", path.display()),
    )
}
