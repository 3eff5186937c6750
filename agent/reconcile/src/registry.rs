//! Registries that speak the OCI distribution specification: what is asked of them through windlass-net, and checked here.

pub(crate) mod access;
mod docker_config;
mod manifest;
pub(crate) mod verify;

use std::io::Read as _;

use windlass_state::{BlobDigest, IncomingBlob, Store, StoreError};
use windlass_wire::{DownloadRequest, FailureClass, RegistryAsk, RegistryRequest};

use self::access::Access;
use self::manifest::{ACCEPT, INDEX, Listed};
pub(crate) use self::manifest::{Layer, Manifest};
use crate::download::{DownloadError, Downloaded, ask_registry};
use crate::net::Net;

/// Bytes of a manifest: the specification asks registries to take at least four MiB.
const MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of all tags of a repository: a hundred thousand of the usual length.
const TAGS_BYTES: u64 = 4 * 1024 * 1024;

/// One repository of a registry.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    pub(crate) store: &'a Store,
    pub(crate) net: &'a Net,
    pub(crate) access: &'a Access,
    /// `oci://host/path`
    pub(crate) url: String,
}

/// Why a registry gives nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what was downloaded cannot be read again: {0}")]
    Io(#[from] std::io::Error),
    #[error(
        "{reference} of {url} is {found}; the registry, or somebody before it, hands out other bytes"
    )]
    OtherBytes {
        url: String,
        reference: String,
        found: BlobDigest,
    },
    #[error("the manifest {reference} of {url} cannot be used: {message}")]
    Manifest {
        url: String,
        reference: String,
        message: String,
    },
    #[error("layer {digest} of {url} has {size} bytes, more than the {limit} that are taken")]
    TooLarge {
        url: String,
        digest: BlobDigest,
        size: u64,
        limit: u64,
    },
}

impl RegistryError {
    /// Whether the registry says that there is no such thing.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self,
            RegistryError::Download(DownloadError::Failed {
                class: FailureClass::NotFound,
                ..
            })
        )
    }
}

impl Repository<'_> {
    /// All tags, in the registry's order.
    pub(crate) fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let blob = self.ask(RegistryAsk::Tags, "application/json", TAGS_BYTES)?;
        let text = String::from_utf8_lossy(&whole(&blob)?).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The manifest that a tag or a digest names, unless it still is the known one.
    pub(crate) fn manifest(
        &self,
        reference: &str,
        known: Option<&BlobDigest>,
    ) -> Result<Option<Manifest>, RegistryError> {
        let mut request = self.request(
            RegistryAsk::Manifest(reference.to_owned()),
            ACCEPT,
            MANIFEST_BYTES,
        );
        request.download.etag = known.map(ToString::to_string);
        let blob = match ask_registry(self.store, self.net, &request)? {
            Downloaded::Unchanged => return Ok(None),
            Downloaded::New { blob, .. } => blob,
        };
        let digest = blob.digest();
        // A tag may name anything; a digest names these bytes only.
        if reference.starts_with("sha256:") && reference != digest.to_string() {
            return Err(self.other_bytes(reference, digest));
        }
        let manifest = Manifest::parse(&whole(&blob)?, digest);
        manifest
            .map(Some)
            .map_err(|message| RegistryError::Manifest {
                url: self.url.clone(),
                reference: reference.to_owned(),
                message,
            })
    }

    /// What refers to an artifact. A registry that does not know has it in an index under a tag (OCI distribution
    /// specification, "Referrers Tag Schema").
    pub(crate) fn referrers(&self, artifact: BlobDigest) -> Result<Vec<Listed>, RegistryError> {
        let ask = RegistryAsk::Referrers(artifact.to_string());
        let blob = match self.ask(ask, INDEX, MANIFEST_BYTES) {
            Err(error) if error.is_missing() => {
                let tag = format!("sha256-{}", artifact.hex());
                match self.ask(RegistryAsk::Manifest(tag), INDEX, MANIFEST_BYTES) {
                    Err(error) if error.is_missing() => return Ok(Vec::new()),
                    answer => answer?,
                }
            }
            answer => answer?,
        };
        manifest::referrers(&whole(&blob)?).map_err(|message| RegistryError::Manifest {
            url: self.url.clone(),
            reference: format!("of what refers to {artifact}"),
            message,
        })
    }

    /// The bytes of a layer, which are those that the manifest names.
    pub(crate) fn layer(&self, layer: &Layer, limit: u64) -> Result<IncomingBlob, RegistryError> {
        let (digest, size) = (layer.digest, layer.size);
        if size > limit {
            let url = self.url.clone();
            return Err(RegistryError::TooLarge {
                url,
                digest,
                size,
                limit,
            });
        }
        let blob = self.ask(RegistryAsk::Blob(digest.to_string()), "*/*", size)?;
        match blob.digest() {
            found if found == digest => Ok(blob),
            found => Err(self.other_bytes(&digest.to_string(), found)),
        }
    }

    fn ask(
        &self,
        ask: RegistryAsk,
        accept: &str,
        byte_limit: u64,
    ) -> Result<IncomingBlob, RegistryError> {
        match ask_registry(self.store, self.net, &self.request(ask, accept, byte_limit))? {
            Downloaded::New { blob, .. } => Ok(blob),
            Downloaded::Unchanged => {
                let what = "that something is as it was which was not named";
                Err(DownloadError::Unexpected { what }.into())
            }
        }
    }

    fn request(&self, ask: RegistryAsk, accept: &str, byte_limit: u64) -> RegistryRequest {
        let access = self.access;
        RegistryRequest {
            ask,
            insecure: access.insecure,
            download: DownloadRequest {
                url: self.url.clone(),
                accept: accept.to_owned(),
                credentials: access.credentials.clone(),
                ca_bundle: access.ca_bundle.clone(),
                identity: access.identity.clone(),
                proxy: access.proxy.clone(),
                etag: None,
                byte_limit,
                timeout_seconds: access.timeout.as_secs().max(1),
            },
        }
    }

    fn other_bytes(&self, reference: &str, found: BlobDigest) -> RegistryError {
        RegistryError::OtherBytes {
            url: self.url.clone(),
            reference: reference.to_owned(),
            found,
        }
    }
}

/// The whole of a download that has a small bound.
pub(crate) fn whole(blob: &IncomingBlob) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    blob.reread()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
