//! Files behind URLs: pinned by their digest, or kept as they were met first.

use std::io::Read as _;
use std::time::Duration;

use windlass_host::config::Unpinned;
use windlass_kustomize::RemoteError;
use windlass_state::{BlobDigest, IncomingBlob, StoreError};
use windlass_wire::DownloadRequest;

use super::{LOOK_TIMEOUT, Pinned, World, unavailable, user};
use crate::download::{DownloadError, Downloaded, download};

/// Under which name the digest is remembered that a file had when it was met first.
const FIRST: &str = "first-file/";

/// Ten times the largest set of definitions in use.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// As long as Flux gives a source by default.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is known of a file from when it was met first.
struct Met {
    digest: BlobDigest,
    etag: Option<String>,
}

// === impl Pinned ===

impl Pinned<'_> {
    pub(super) fn file(&self, url: &str) -> Result<Vec<u8>, RemoteError> {
        let lock = self.pins()?;
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
        let kept = load().map_err(|error: StoreError| unavailable(&error))?;
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
        let (credentials, ca_bundle) = self.world.access.for_url(url);
        let request = DownloadRequest {
            url: url.to_owned(),
            accept: "*/*".to_owned(),
            credentials,
            ca_bundle,
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

fn unasked() -> RemoteError {
    let what = "that it is as it was, which was not asked";
    unavailable(&DownloadError::Unexpected { what })
}
