//! Asks windlass-net for what a bucket holds, and makes an archive of it: the same for the same files on every node.

use std::collections::BTreeMap;
use std::io::Read as _;

use windlass_state::{IncomingBlob, Store, StoreError};
use windlass_trust::UNPACKED_LIMIT;
use windlass_wire::limits::BUCKET_KEYS;
use windlass_wire::{BucketAsk, FailureClass};

use super::access::Access;
use super::contents::{Contents, ContentsError};
use crate::download::{DownloadError, Downloaded, ask_bucket, ask_objects};
use crate::net::Net;
use crate::view::artifact::{ArtifactHasher, Sink};
use crate::view::ignore::{IGNORE_FILE, Ignore, IgnoreError};

/// Bytes of the list: fifty thousand objects with names of a hundred characters, three times.
const LIST_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes of the file of rules.
const RULES_BYTES: u64 = 1024 * 1024;

/// Why a bucket gives nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("bucket '{0}' not found")]
    NoBucket(String),
    #[error("failed to get Etag for '{IGNORE_FILE}' object")]
    Rules(#[source] DownloadError),
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    #[error("indexation of objects from bucket '{bucket}' failed")]
    List {
        bucket: String,
        source: DownloadError,
    },
    #[error(transparent)]
    Contents(#[from] ContentsError),
    #[error("fetch from bucket '{bucket}' failed")]
    Objects {
        bucket: String,
        source: DownloadError,
    },
    #[error("what was downloaded cannot be read again: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FetchError {
    /// What kind of failure the bucket was asked in vain with.
    pub(super) fn class(&self) -> Option<FailureClass> {
        match self {
            FetchError::Rules(source)
            | FetchError::List { source, .. }
            | FetchError::Objects { source, .. } => match source {
                DownloadError::Failed { class, .. } => Some(*class),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A bucket that is asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) store: &'a Store,
    pub(super) net: &'a Net,
    pub(super) access: &'a Access,
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) ignore: Option<&'a str>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) contents: Contents,
    /// The file of rules, which is in the archive, too.
    rules: Option<Vec<u8>>,
}

impl Asked<'_> {
    /// Lists what is there.
    pub(super) fn list(&self) -> Result<Found, FetchError> {
        let rules = self.rules()?;
        let text = rules
            .as_ref()
            .map(|rules| String::from_utf8_lossy(rules).into_owned());
        let ignore = Ignore::of_rules(text.as_deref(), self.ignore)?;
        let ask = BucketAsk::List(self.prefix.to_owned());
        let request = self.access.request(ask, LIST_BYTES);
        let blob = match ask_bucket(self.store, self.net, &request) {
            Ok(Downloaded::New { blob, .. }) => blob,
            Ok(Downloaded::Unchanged) => return Err(self.listing(unasked())),
            Err(error) if is_missing(&error) => {
                return Err(FetchError::NoBucket(self.bucket.to_owned()));
            }
            Err(error) => return Err(self.listing(error)),
        };
        let mut list = String::new();
        blob.reread()?.read_to_string(&mut list)?;
        let contents = Contents::parse(&list, &ignore)?;
        Ok(Found { contents, rules })
    }

    fn listing(&self, source: DownloadError) -> FetchError {
        FetchError::List {
            bucket: self.bucket.to_owned(),
            source,
        }
    }

    fn rules(&self) -> Result<Option<Vec<u8>>, FetchError> {
        let ask = BucketAsk::Objects(vec![IGNORE_FILE.to_owned()]);
        let request = self.access.request(ask, RULES_BYTES);
        let mut rules = None;
        let asked = ask_objects(self.net, &request, 1, &mut |object| {
            rules = object.map(|object| object.bytes);
        });
        match asked {
            Ok(()) => Ok(rules),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(FetchError::Rules(error)),
        }
    }

    /// Fetches the objects into an archive that nobody has looked at. The tags are those of what came; as in Flux, an object
    /// that went since it was listed is left out.
    pub(super) fn objects(&self, found: Found) -> Result<(IncomingBlob, Contents), FetchError> {
        let Found { contents, rules } = found;
        let mut archive = ArtifactHasher::into(Archive {
            blob: self.store.receive_blob()?,
            failed: None,
        });
        let mut left = UNPACKED_LIMIT;
        let mut tags = BTreeMap::new();
        let mut rules = rules.as_deref();
        let keys: Vec<&String> = contents.0.keys().collect();
        for keys in keys.chunks(BUCKET_KEYS) {
            let named = keys.iter().map(|key| (*key).clone()).collect();
            let request = self.access.request(BucketAsk::Objects(named), left);
            let mut coming = keys.iter();
            let asked = ask_objects(self.net, &request, keys.len(), &mut |object| {
                let Some((key, object)) = coming.next().zip(object) else {
                    return;
                };
                // In the order of names, as all else.
                if key.as_str() > IGNORE_FILE
                    && let Some(rules) = rules.take()
                {
                    archive.add(IGNORE_FILE, rules);
                }
                left = left.saturating_sub(object.bytes.len() as u64);
                let listed = contents.0.get(*key).cloned();
                tags.insert((*key).clone(), object.etag.or(listed).unwrap_or_default());
                archive.add(key, &object.bytes);
            });
            asked.map_err(|source| FetchError::Objects {
                bucket: self.bucket.to_owned(),
                source,
            })?;
        }
        if let Some(rules) = rules {
            archive.add(IGNORE_FILE, rules);
        }
        let (_, Archive { blob, failed }) = archive.finish_into();
        match failed {
            None => Ok((blob, Contents(tags))),
            Some(error) => Err(error.into()),
        }
    }
}

fn is_missing(error: &DownloadError) -> bool {
    matches!(
        error,
        DownloadError::Failed {
            class: FailureClass::NotFound,
            ..
        }
    )
}

fn unasked() -> DownloadError {
    DownloadError::Unexpected {
        what: "that a list is as it was which was not named",
    }
}

/// The archive on its way to the disk.
struct Archive {
    blob: IncomingBlob,
    failed: Option<StoreError>,
}

impl Sink for Archive {
    fn take(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.blob.write(bytes).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use windlass_api::bucket::BucketSpec;
    use windlass_state::BlobDigest;
    use windlass_wire::{Piece, Request, read_request, write_piece};

    use super::*;

    /// What a windlass-net that answers so makes of a list.
    fn fetched(list: &str, rules: Option<&str>, answers: Vec<Piece>) -> (String, Contents) {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("net.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let net = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = read_request(&mut stream).unwrap();
            for piece in answers {
                write_piece(&mut stream, &piece).unwrap();
            }
            asked
        });
        let store = Store::open(&place.path().join("state")).unwrap();
        let spec = r#"{"bucketName": "apps", "endpoint": "s3.lan", "interval": "1m"}"#;
        let spec: BucketSpec = serde_json::from_str(spec).unwrap();
        let asked = Asked {
            store: &store,
            net: &Net::new(socket, None),
            access: &Access::anonymous(&spec),
            bucket: "apps",
            prefix: "",
            ignore: None,
        };
        let contents = Contents::parse(list, &Ignore::nothing()).unwrap();
        let keys: Vec<String> = contents.0.keys().cloned().collect();
        let rules = rules.map(|rules| rules.as_bytes().to_vec());
        let (blob, contents) = asked.objects(Found { contents, rules }).unwrap();
        let Request::Bucket(request) = net.join().unwrap() else {
            panic!("a bucket is asked");
        };
        assert_eq!(request.ask, BucketAsk::Objects(keys));
        (blob.digest().to_string(), contents)
    }

    fn object(tag: &str, text: &str) -> [Piece; 3] {
        let bytes = text.len() as u64;
        [
            Piece::Head {
                etag: Some(tag.to_owned()),
            },
            Piece::Bytes(text.as_bytes().to_vec()),
            Piece::Done { bytes },
        ]
    }

    #[test]
    fn an_object_that_went_since_is_left_out_and_one_that_changed_has_its_new_tag() {
        let list = "e1 a\ne2 b\ne3 c\n";
        let gone = [
            object("e1", "A").to_vec(),
            vec![Piece::Missing],
            object("n3", "C").to_vec(),
        ];
        let (digest, contents) = fetched(list, None, gone.concat());
        let expected = BlobDigest::of(b"a e1\nc n3\n").to_string();
        assert_eq!(contents.revision(), expected);
        let same = [object("x", "A"), object("y", "C")].concat();
        assert_eq!(fetched("e1 a\ne3 c\n", None, same.clone()).0, digest);
        let (ruled, _) = fetched("e1 a\ne3 c\n", Some("# none\n"), same);
        assert_ne!(ruled, digest, "the file of rules is in the archive");
    }
}
