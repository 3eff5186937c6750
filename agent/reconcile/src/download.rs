//! Bytes from behind a URL or out of a registry, fetched by windlass-net: into the blobs of this node, for the caller to
//! check and keep.

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use windlass_state::{IncomingBlob, Store, StoreError};
use windlass_wire::{
    BucketRequest, DownloadRequest, FailureClass, Piece, RegistryRequest, WireError, read_piece,
    write_bucket, write_download, write_registry,
};

use crate::net::{Net, NetError};

/// windlass-net keeps the timeout itself; this is for the case that it hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a download came to. Nobody has looked at the bytes: whoever keeps them has to.
#[derive(Debug)]
pub(crate) enum Downloaded {
    /// The server's content still has the tag that was named.
    Unchanged,
    /// The bytes, with the server's tag for them.
    New {
        blob: IncomingBlob,
        etag: Option<String>,
    },
}

/// An object of a bucket, with the server's tag for it. Nobody has looked at it either.
pub(crate) struct BucketObject {
    pub(crate) etag: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("windlass-net cannot be understood")]
    Wire(#[from] WireError),
    #[error("windlass-net sends {what}; restart it, and look at what it was told")]
    Unexpected { what: &'static str },
    #[error("{message}")]
    Failed {
        class: FailureClass,
        message: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks windlass-net for the bytes. Blocks. They are nobody's until [`IncomingBlob::keep`].
pub(crate) fn download(
    store: &Store,
    net: &Net,
    request: &DownloadRequest,
) -> Result<Downloaded, DownloadError> {
    let mut stream = open(net, request)?;
    write_download(&mut stream, request)?;
    take(store, stream, request)
}

/// Asks windlass-net for something that a registry has; otherwise as [`download`].
pub(crate) fn ask_registry(
    store: &Store,
    net: &Net,
    request: &RegistryRequest,
) -> Result<Downloaded, DownloadError> {
    let mut stream = open(net, &request.download)?;
    write_registry(&mut stream, request)?;
    take(store, stream, &request.download)
}

/// Asks windlass-net for the list of a bucket; otherwise as [`download`].
pub(crate) fn ask_bucket(
    store: &Store,
    net: &Net,
    request: &BucketRequest,
) -> Result<Downloaded, DownloadError> {
    let mut stream = open(net, &request.download)?;
    write_bucket(&mut stream, request)?;
    take(store, stream, &request.download)
}

/// Asks windlass-net for `count` objects of a bucket, and gives each to `to` with its tag, in the order in which they were
/// named; nothing for one that is not there.
pub(crate) fn ask_objects(
    net: &Net,
    request: &BucketRequest,
    count: usize,
    to: &mut dyn FnMut(Option<BucketObject>),
) -> Result<(), DownloadError> {
    let mut stream = open(net, &request.download)?;
    write_bucket(&mut stream, request)?;
    stream.flush().map_err(WireError::Io)?;
    let mut pieces = BufReader::with_capacity(64 * 1024, stream);
    let mut left = request.download.byte_limit;
    for _ in 0..count {
        let etag = match read_piece(&mut pieces)? {
            Piece::Head { etag } => etag,
            Piece::Missing => {
                to(None);
                continue;
            }
            Piece::Failed { class, message } => {
                return Err(DownloadError::Failed { class, message });
            }
            Piece::Unchanged | Piece::Bytes(_) | Piece::Done { .. } => {
                return Err(unexpected("an answer without a head"));
            }
        };
        let mut bytes = Vec::new();
        receive(&mut pieces, &mut bytes, left)?;
        left -= bytes.len() as u64;
        to(Some(BucketObject { etag, bytes }));
    }
    Ok(())
}

fn open(net: &Net, request: &DownloadRequest) -> Result<UnixStream, DownloadError> {
    let stream = net.open()?;
    let patience = Duration::from_secs(request.timeout_seconds) + PATIENCE;
    stream
        .set_read_timeout(Some(patience))
        .map_err(WireError::Io)?;
    Ok(stream)
}

fn take(
    store: &Store,
    mut stream: UnixStream,
    request: &DownloadRequest,
) -> Result<Downloaded, DownloadError> {
    stream.flush().map_err(WireError::Io)?;
    let mut pieces = BufReader::with_capacity(64 * 1024, stream);
    match read_piece(&mut pieces)? {
        Piece::Unchanged if request.etag.is_some() => Ok(Downloaded::Unchanged),
        Piece::Failed { class, message } => Err(DownloadError::Failed { class, message }),
        Piece::Head { etag } => {
            let mut blob = store.receive_blob()?;
            receive(&mut pieces, &mut blob, request.byte_limit)?;
            Ok(Downloaded::New { blob, etag })
        }
        Piece::Unchanged | Piece::Missing | Piece::Bytes(_) | Piece::Done { .. } => {
            Err(unexpected("an answer without a head"))
        }
    }
}

/// What windlass-net was told counts here too: it may be somebody else's by now.
fn receive(
    pieces: &mut impl std::io::Read,
    into: &mut impl Incoming,
    limit: u64,
) -> Result<(), DownloadError> {
    loop {
        match read_piece(pieces)? {
            Piece::Bytes(bytes) => {
                if into.length() + bytes.len() as u64 > limit {
                    return Err(unexpected("more than it was asked for"));
                }
                into.append(&bytes)?;
            }
            Piece::Done { bytes } if bytes == into.length() => return Ok(()),
            Piece::Done { .. } => return Err(unexpected("fewer bytes than it says")),
            Piece::Failed { class, message } => {
                return Err(DownloadError::Failed { class, message });
            }
            Piece::Head { .. } | Piece::Unchanged | Piece::Missing => {
                return Err(unexpected("a second head"));
            }
        }
    }
}

/// Where bytes go.
trait Incoming {
    fn length(&self) -> u64;
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
}

impl Incoming for IncomingBlob {
    fn length(&self) -> u64 {
        self.bytes()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.write(bytes)
    }
}

impl Incoming for Vec<u8> {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

fn unexpected(what: &'static str) -> DownloadError {
    DownloadError::Unexpected { what }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use windlass_wire::{Credentials, Request, read_request, write_piece};

    use super::*;

    fn request() -> DownloadRequest {
        DownloadRequest {
            url: "https://charts.test/index.yaml".to_owned(),
            accept: "*/*".to_owned(),
            credentials: Credentials::None,
            ca_bundle: None,
            identity: None,
            proxy: None,
            etag: Some("old".to_owned()),
            byte_limit: 10,
            timeout_seconds: 5,
        }
    }

    /// What a windlass-net that answers so comes to.
    fn answered(answers: Vec<Piece>) -> (tempfile::TempDir, Result<Downloaded, DownloadError>) {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("net.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let net = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = read_request(&mut stream).unwrap();
            assert_eq!(asked, Request::Download(request()));
            for piece in answers {
                // The agent may have heard enough.
                let _ = write_piece(&mut stream, &piece);
            }
        });
        let store = Store::open(&place.path().join("state")).unwrap();
        let downloaded = download(&store, &Net::new(socket, None), &request());
        net.join().unwrap();
        (place, downloaded)
    }

    fn bytes(text: &str) -> Piece {
        Piece::Bytes(text.as_bytes().to_vec())
    }

    const HEAD: Piece = Piece::Head { etag: None };

    #[test]
    fn the_bytes_are_those_that_were_sent() {
        let tag = Piece::Head {
            etag: Some("new".to_owned()),
        };
        let answers = vec![tag, bytes("hello"), bytes("you"), Piece::Done { bytes: 8 }];
        let (_place, downloaded) = answered(answers);
        let Ok(Downloaded::New { blob, etag }) = downloaded else {
            panic!("{downloaded:?}");
        };
        assert_eq!(etag.as_deref(), Some("new"));
        let digest = blob.keep("test").unwrap();
        assert_eq!(digest, windlass_state::BlobDigest::of(b"helloyou"));
        let (_place, downloaded) = answered(vec![Piece::Unchanged]);
        assert!(matches!(downloaded, Ok(Downloaded::Unchanged)));
    }

    #[test]
    fn a_windlass_net_that_says_something_else_is_not_believed() {
        let done = |bytes| Piece::Done { bytes };
        for answers in [
            vec![bytes("a")],
            vec![done(0)],
            vec![HEAD, bytes("hello you!!"), done(11)],
            vec![HEAD, bytes("hello"), bytes("hello!"), done(11)],
            vec![HEAD, bytes("hello"), done(4)],
            vec![HEAD, HEAD],
        ] {
            let (place, downloaded) = answered(answers.clone());
            let unexpected = matches!(downloaded, Err(DownloadError::Unexpected { .. }));
            assert!(unexpected, "{answers:?}: {downloaded:?}");
            let blobs = std::fs::read_dir(place.path().join("state/blobs"));
            assert_eq!(blobs.map_or(0, Iterator::count), 0, "nothing stays");
        }
        let (_place, cut) = answered(vec![HEAD, bytes("hello")]);
        assert!(matches!(cut, Err(DownloadError::Wire(_))), "{cut:?}");
    }
}
