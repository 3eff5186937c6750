//! The agent's side of the socket.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tempfile::TempDir;
use windlass_net::{Allowed, Settings, confine, serve};
use windlass_wire::{
    Answer, Credentials, FailureClass, FetchRequest, History, Known, Reference, read_answer,
    write_request,
};

/// A windlass-net of its own, with its own cache.
pub struct Net {
    pub root: TempDir,
    pub cache_dir: PathBuf,
    socket: PathBuf,
}

/// What a fetch ended with.
#[derive(Debug)]
pub struct Fetched {
    pub head: Option<(String, String)>,
    pub target: String,
    /// Kind, object id and content, in the order they came.
    pub objects: Vec<(u8, String, Vec<u8>)>,
    pub end: Answer,
}

impl Net {
    pub fn start() -> Self {
        Self::start_reading(&[])
    }

    /// One that may read these folders too. It is confined as the real one is, by the thread it runs in.
    pub fn start_reading(read: &[&Path]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let (cache_dir, socket) = (root.path().join("cache"), root.path().join("net.sock"));
        let listener = UnixListener::bind(&socket).unwrap();
        let settings = Settings {
            cache_dir: cache_dir.clone(),
            idle_exit: Some(Duration::from_secs(60)),
        };
        let allowed = Allowed {
            cache_dir: cache_dir.clone(),
            read: read.iter().map(|path| path.to_path_buf()).collect(),
        };
        std::thread::spawn(move || {
            confine(&allowed).unwrap();
            serve(listener, settings)
        });
        Self {
            root,
            cache_dir,
            socket,
        }
    }

    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).unwrap()
    }

    pub fn fetch(&self, request: &FetchRequest) -> Fetched {
        let mut stream = self.connect();
        write_request(&mut stream, request).unwrap();
        let mut fetched = Fetched {
            head: None,
            target: String::new(),
            objects: Vec::new(),
            end: Answer::Unchanged { oid: String::new() },
        };
        loop {
            match read_answer(&mut stream).expect("windlass-net answers") {
                Answer::Head {
                    oid,
                    reference_name,
                    target,
                } => {
                    assert!(fetched.head.is_none(), "the head is told once");
                    fetched.target = target;
                    fetched.head = Some((oid, reference_name));
                }
                Answer::Object { kind, oid, bytes } => {
                    assert!(fetched.head.is_some(), "the head comes first");
                    let oid = oid.iter().map(|byte| format!("{byte:02x}")).collect();
                    fetched.objects.push((kind, oid, bytes));
                }
                end => {
                    fetched.end = end;
                    return fetched;
                }
            }
        }
    }

    /// The one directory below the cache directory.
    pub fn only_cache(&self) -> PathBuf {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(&self.cache_dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(entries.len(), 1, "one URL was fetched");
        entries.remove(0)
    }
}

impl Fetched {
    pub fn head(&self) -> &str {
        &self
            .head
            .as_ref()
            .unwrap_or_else(|| panic!("a head in {:?}", self.end))
            .0
    }

    pub fn oids(&self) -> Vec<String> {
        let mut oids: Vec<String> = self.objects.iter().map(|(_, oid, _)| oid.clone()).collect();
        oids.sort();
        oids
    }

    #[track_caller]
    pub fn wire_bytes(&self) -> u64 {
        match &self.end {
            Answer::Done {
                wire_bytes,
                objects,
            } => {
                assert_eq!(*objects, self.objects.len() as u64);
                *wire_bytes
            }
            other => panic!("the fetch succeeds: {other:?}"),
        }
    }

    #[track_caller]
    pub fn failure(&self) -> (FailureClass, &str) {
        match &self.end {
            Answer::Failed { class, message } => (*class, message),
            other => panic!("the fetch fails: {other:?}"),
        }
    }

    /// Commits come before trees and blobs, and nothing comes twice.
    #[track_caller]
    pub fn assert_order(&self) {
        let last_commit = self.objects.iter().rposition(|(kind, ..)| *kind == 1);
        let first_other = self
            .objects
            .iter()
            .position(|(kind, ..)| *kind == 2 || *kind == 3);
        if let (Some(last_commit), Some(first_other)) = (last_commit, first_other) {
            assert!(last_commit < first_other, "commits first");
        }
        let mut oids = self.oids();
        oids.dedup();
        assert_eq!(oids.len(), self.objects.len(), "each object once");
    }
}

pub fn request(url: &str) -> FetchRequest {
    FetchRequest {
        url: url.to_owned(),
        reference: Reference::Branch("main".to_owned()),
        have: Vec::new(),
        credentials: Credentials::None,
        ca_bundle: None,
        timeout_seconds: 30,
        known: None,
        history: History::All,
    }
}

/// What is known after branch `main` was seen at a commit.
pub fn main_at(commit: &str) -> Option<Known> {
    Some(Known {
        reference_name: "refs/heads/main".to_owned(),
        target: commit.to_owned(),
    })
}

/// Hands a descriptor to windlass-net.
pub fn send(stream: &UnixStream, descriptor: &impl AsFd) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(
        stream,
        &[IoSlice::new(&[0])],
        &mut ancillary,
        SendFlags::empty(),
    )
    .unwrap();
}
