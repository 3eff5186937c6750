//! The files of a revision together with what it names of other places: pinned in `windlass.lock`, fetched once, kept.

mod names;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::rc::Rc;
use std::time::Duration;

use windlass_host::config::Unpinned;
use windlass_kustomize::{Entry, EntryKind, RemoteError, Tree, TreeError, git_reference, is_http};
use windlass_state::{BlobDigest, IncomingBlob, Store};
use windlass_trust::LockFile;
use windlass_wire::{Credentials, DownloadRequest};

use self::names::Names;
use crate::download::{DownloadError, Downloaded, download};
use crate::named::Named;
use crate::net::Net;
use crate::source::status::chain;
use crate::view::View;
use crate::vouch::lock;

/// How the blobs of a Kustomization are called.
const USER: &str = "remote";

/// Under which name the digest is remembered that a file had when it was met first.
const FIRST: &str = "first-file/";

/// Ten times the largest set of definitions in use.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// As long as Flux gives a source by default.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a build waits to hear whether something that it has is still the same.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What fetching takes.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) store: &'a Store,
    pub(super) net: &'a Net,
    /// The Kustomization that is built.
    pub(super) owner: &'a Named,
    pub(super) unpinned: Unpinned,
}

/// A revision and what it names elsewhere.
pub(super) struct Pinned<'a> {
    view: &'a View<'a>,
    world: World<'a>,
    lock: OnceCell<Result<LockFile, String>>,
    names: RefCell<Names>,
    files: RefCell<BTreeMap<String, Rc<[u8]>>>,
    /// The blobs that this build used.
    used: RefCell<Vec<BlobDigest>>,
    /// What is not any more what it was when it was met first.
    changed: RefCell<Vec<String>>,
}

/// What is known of a file from when it was met first.
struct Met {
    digest: BlobDigest,
    etag: Option<String>,
}

// === impl Pinned ===

impl<'a> Pinned<'a> {
    pub(super) fn new(view: &'a View<'a>, world: World<'a>) -> Self {
        Pinned {
            view,
            world,
            lock: OnceCell::new(),
            names: RefCell::default(),
            files: RefCell::default(),
            used: RefCell::default(),
            changed: RefCell::default(),
        }
    }

    /// What the revision pins.
    pub(super) fn lock(&self) -> Result<&LockFile, String> {
        let read = self.lock.get_or_init(|| lock::read(self.view));
        read.as_ref().map_err(Clone::clone)
    }

    /// What changed elsewhere since it was met first, as sentences.
    pub(super) fn changed(&self) -> Vec<String> {
        self.changed.borrow().clone()
    }

    /// Lets go of what earlier builds of the Kustomization used and this one did not.
    pub(super) fn forget_the_rest(&self) {
        let used = self.used.borrow();
        let hexes: Vec<String> = used.iter().map(BlobDigest::hex).collect();
        if let Err(error) = forget_all_but(self.world.store, self.world.owner, &hexes) {
            tracing::warn!(%error, "remote content that is not used any more could not be dropped; the next build tries again");
        }
    }

    fn file(&self, url: &str) -> Result<Vec<u8>, RemoteError> {
        let lock = self.lock().map_err(|message| RemoteError::Refused {
            message: format!("what pins it cannot be read: {message}"),
        })?;
        if let Some(digest) = lock.file(url) {
            return self.pinned_file(url, &digest);
        }
        match self.world.unpinned {
            Unpinned::Refuse => Err(RemoteError::Unpinned),
            Unpinned::FirstSeen => self.first_seen_file(url),
        }
    }

    fn pinned_file(&self, url: &str, digest: &BlobDigest) -> Result<Vec<u8>, RemoteError> {
        if let Some(bytes) = self.kept(digest)? {
            return Ok(bytes);
        }
        let (blob, _) = self.fetch(url, None, TIMEOUT)?.ok_or_else(unasked)?;
        let found = blob.digest();
        if found != *digest {
            let message = format!(
                "windlass.lock pins {digest}, and it is {found} now; if that is meant, run `windlass lock`, look at what \
                 changed, and commit windlass.lock"
            );
            return Err(RemoteError::Changed { message });
        }
        self.keep(blob)
    }

    /// What was met first, whatever is there now; what is there now is looked at, so that a change is told.
    fn first_seen_file(&self, url: &str) -> Result<Vec<u8>, RemoteError> {
        let Some(met) = self.met(url)? else {
            let (blob, etag) = self.fetch(url, None, TIMEOUT)?.ok_or_else(unasked)?;
            let digest = blob.digest();
            let bytes = self.keep(blob)?;
            self.meet(url, Met { digest, etag })?;
            return Ok(bytes);
        };
        let kept = self.kept(&met.digest)?;
        let etag = met.etag.clone().filter(|_| kept.is_some());
        let timeout = if kept.is_some() {
            LOOK_TIMEOUT
        } else {
            TIMEOUT
        };
        match (self.fetch(url, etag, timeout), kept) {
            (Ok(Some((blob, etag))), kept) => {
                let found = blob.digest();
                if found == met.digest {
                    let digest = found;
                    self.meet(url, Met { digest, etag })?;
                    return kept.map_or_else(|| self.keep(blob), Ok);
                }
                let message = format!(
                    "{url} was {} when this node met it first, and is {found} now; what was met first stays in use; to \
                     take the other, pin it with `windlass lock`",
                    met.digest
                );
                kept.map_or(
                    Err(RemoteError::Changed {
                        message: message.clone(),
                    }),
                    |bytes| {
                        self.changed.borrow_mut().push(message);
                        Ok(bytes)
                    },
                )
            }
            // The same as before, or nobody can say.
            (Ok(None) | Err(_), Some(bytes)) => Ok(bytes),
            (Ok(None), None) => Err(unasked()),
            (Err(error), None) => Err(error),
        }
    }

    fn met(&self, url: &str) -> Result<Option<Met>, RemoteError> {
        let known = self.world.store.recall(&format!("{FIRST}{url}"));
        let known = known.map_err(|error| unavailable(&error))?;
        let text = known.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| {
            let (digest, etag) = text.split_once('\n').unwrap_or((&text, ""));
            let etag = Some(etag.to_owned()).filter(|etag| !etag.is_empty());
            let digest = digest.parse().ok()?;
            Some(Met { digest, etag })
        }))
    }

    fn meet(&self, url: &str, met: Met) -> Result<(), RemoteError> {
        let text = format!("{}\n{}", met.digest, met.etag.unwrap_or_default());
        let store = self.world.store;
        let remembered = store.remember(&format!("{FIRST}{url}"), text.as_bytes());
        remembered.map_err(|error| unavailable(&error))
    }

    /// What is on the disk, used by this Kustomization from now on.
    fn kept(&self, digest: &BlobDigest) -> Result<Option<Vec<u8>>, RemoteError> {
        let World { store, owner, .. } = self.world;
        let load = || {
            let Some(bytes) = store.blob(digest)? else {
                return Ok(None);
            };
            let user = user(owner, digest);
            if store.used_blob(&user)? != Some(*digest) {
                store.use_blob(&user, digest)?;
            }
            Ok(Some(bytes))
        };
        let kept = load().map_err(|error: windlass_state::StoreError| unavailable(&error))?;
        if kept.is_some() {
            self.used.borrow_mut().push(*digest);
        }
        Ok(kept)
    }

    fn keep(&self, blob: IncomingBlob) -> Result<Vec<u8>, RemoteError> {
        let digest = blob.digest();
        let mut bytes = Vec::new();
        let read = blob.reread().map_err(|error| unavailable(&error))?;
        let read = read.take(FILE_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| unavailable(&error))?;
        let kept = blob.keep(&user(self.world.owner, &digest));
        kept.map_err(|error| unavailable(&error))?;
        self.used.borrow_mut().push(digest);
        Ok(bytes)
    }

    /// The bytes behind a URL; none while they are those of the tag.
    fn fetch(
        &self,
        url: &str,
        etag: Option<String>,
        timeout: Duration,
    ) -> Result<Option<(IncomingBlob, Option<String>)>, RemoteError> {
        let request = DownloadRequest {
            url: url.to_owned(),
            accept: "*/*".to_owned(),
            credentials: Credentials::None,
            ca_bundle: None,
            identity: None,
            proxy: None,
            etag,
            byte_limit: FILE_BYTES,
            timeout_seconds: timeout.as_secs(),
        };
        match download(self.world.store, self.world.net, &request) {
            Ok(Downloaded::New { blob, etag }) => Ok(Some((blob, etag))),
            Ok(Downloaded::Unchanged) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

impl Tree for Pinned<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match self.files.borrow().get(path) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.view.read(path),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        self.view.list(directory)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        match self.files.borrow().contains_key(path) {
            true => Ok(Some(EntryKind::File)),
            false => self.view.kind(path),
        }
    }

    fn remote(&self, reference: &str) -> Result<String, RemoteError> {
        if let Some(known) = self.names.borrow().known(reference) {
            return Ok(known);
        }
        if !is_http(reference) {
            return Err(RemoteError::Refused {
                message: not_yet(reference),
            });
        }
        let bytes = self.file(reference)?;
        let name = self.names.borrow_mut().of_file(reference);
        self.files.borrow_mut().insert(name.clone(), bytes.into());
        Ok(name)
    }
}

/// Lets go of everything that builds of a Kustomization used but for blobs with these names.
pub(crate) fn forget_all_but(
    store: &Store,
    owner: &Named,
    hexes: &[String],
) -> Result<(), windlass_state::StoreError> {
    let prefix = format!("{USER}/{owner}/");
    let mut left = false;
    for user in store.blob_users(&prefix)? {
        let hex = user.strip_prefix(&prefix).unwrap_or_default();
        if !hexes.iter().any(|used| used == hex) {
            store.leave_blob(&user)?;
            left = true;
        }
    }
    match left {
        true => store.collect_blobs().map(drop),
        false => Ok(()),
    }
}

fn user(owner: &Named, digest: &BlobDigest) -> String {
    format!("{USER}/{owner}/{}", digest.hex())
}

fn not_yet(reference: &str) -> String {
    let repository = git_reference(reference).map(|read| read.repository);
    format!(
        "directories of Git repositories are not fetched by this version of windlass; make {} a GitRepository, and \
         include it in the source or build it by a Kustomization of its own",
        repository.as_deref().unwrap_or(reference)
    )
}

fn unasked() -> RemoteError {
    let what = "that it is as it was, which was not asked";
    unavailable(&DownloadError::Unexpected { what })
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> RemoteError {
    RemoteError::Unavailable {
        message: chain(error),
    }
}
