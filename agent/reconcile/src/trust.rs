//! The node's trust files: read at the start, and again whenever they change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use windlass_host::changes::Snapshot;
use windlass_host::config::{RootSettings, Settings, TrustMode};
use windlass_host::files::{self, FileError, Guard, TRUST_LIMIT};
use windlass_trust::{Introduction, Mode, Policy, Signers, TrustFileError};

use crate::event::Event;
use crate::source::listed::{How, ListError, SourceList};
use crate::source::status::chain;

/// How soon a changed trust file counts. Looking costs one call of the kernel per file.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Enough to tell the roots of some nodes apart; nothing is decided by it.
const DIGEST_BYTES: usize = 8;

/// What the trust files say.
#[derive(Debug)]
pub(crate) struct NodeTrust {
    /// What the root is held to.
    pub(crate) root: Arc<Policy>,
    /// What sources with the root's signers are held to: no node pins an introduction for them.
    pub(crate) others: Arc<Policy>,
    pub(crate) list: SourceList,
    /// Signers of their own, by their file.
    listed: BTreeMap<PathBuf, Arc<Policy>>,
    /// Digest of all that, to be compared with other nodes.
    pub(crate) digest: String,
}

/// The trust files cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file with keys does not parse.
    #[error(transparent)]
    Keys(#[from] TrustFileError),
    /// The list of sources does not parse.
    #[error("{}: {message}", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// The introduction commit of the config is no object id.
    #[error("[root] introduction: {text:?} is not a commit id; give all 40 digits")]
    Introduction {
        /// What is written there.
        text: String,
    },
}

// === impl NodeTrust ===

impl NodeTrust {
    /// Reads the files.
    pub(crate) fn read(settings: &Settings) -> Result<Self, TrustError> {
        let root = Arc::new(root_policy(&settings.root)?);
        let list = list(&settings.trust.sources)?;
        let mut listed = BTreeMap::new();
        for file in list.signer_files() {
            let policy = Policy {
                signers: signers([file.to_owned()])?,
                ..for_others(&root)
            };
            listed.insert(file.to_owned(), Arc::new(policy));
        }
        let digest = digest(settings, &list)?;
        Ok(NodeTrust {
            digest,
            others: Arc::new(for_others(&root)),
            root,
            list,
            listed,
        })
    }

    /// The policy of a listed source; `None` when it is taken unverified.
    pub(crate) fn policy_of(&self, how: &How) -> Option<Arc<Policy>> {
        match how {
            How::Signed => Some(Arc::clone(&self.others)),
            How::SignedBy(file) => self.listed.get(file).cloned(),
            How::Unverified => None,
        }
    }

    fn files(&self, settings: &Settings) -> Vec<PathBuf> {
        let mut files = settings.root.key_files();
        files.push(settings.trust.sources.clone());
        files.extend(self.listed.keys().cloned());
        files
    }
}

/// Looks at the files from now on, and sends what they say or what is wrong with them whenever that changes.
pub(crate) async fn follow(
    settings: watch::Receiver<Settings>,
    mut trust: Arc<NodeTrust>,
    sender: UnboundedSender<Event>,
) {
    let take = |files: &[PathBuf]| Snapshot::take(files.iter().map(PathBuf::as_path));
    let mut files = trust.files(&settings.borrow());
    let mut seen = take(&files);
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let settings = settings.borrow().clone();
        let now = trust.files(&settings);
        if now == files && seen.changed().is_empty() {
            continue;
        }
        // Taken before the files are read: a change between the two is seen the next time.
        files = now;
        seen = take(&files);
        let read = NodeTrust::read(&settings).map(Arc::new);
        if let Ok(new) = &read {
            trust = Arc::clone(new);
        }
        let read = read.map_err(|error| chain(&error));
        if sender.send(Event::Trust(read)).is_err() {
            return;
        }
    }
}

fn root_policy(root: &RootSettings) -> Result<Policy, TrustError> {
    let introduction = match &root.introduction {
        None => Introduction::FirstSigned,
        Some(text) => Introduction::Commit(
            text.parse()
                .map_err(|_| TrustError::Introduction { text: text.clone() })?,
        ),
    };
    Ok(Policy {
        signers: signers(root.key_files())?,
        introduction,
        mode: match root.mode {
            TrustMode::Path => Mode::Path,
            TrustMode::FirstParent => Mode::FirstParent,
            TrustMode::All => Mode::All,
        },
    })
}

/// The same on two nodes that hold history to the same, wherever their files are and however these are laid out.
fn digest(settings: &Settings, list: &SourceList) -> Result<String, TrustError> {
    let root = &settings.root;
    let mut hasher = Sha256::new();
    let introduction = root.introduction.as_deref().unwrap_or("first signed");
    hasher.update(format!("{introduction} {:?}\n", root.mode));
    let mut add = |paths: Vec<PathBuf>| -> Result<(), TrustError> {
        let mut lines = BTreeSet::new();
        for path in paths {
            let text = match files::read(&path, TRUST_LIMIT, Guard::Trusted) {
                Err(error) if error.is_missing() => Vec::new(),
                read => read?,
            };
            let text = String::from_utf8_lossy(&text).into_owned();
            let meant = text.lines().map(str::trim);
            let meant = meant.filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.extend(meant.map(str::to_owned));
        }
        for line in lines {
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
        }
        hasher.update(b"\0");
        Ok(())
    };
    add(root.key_files())?;
    add(vec![settings.trust.sources.clone()])?;
    for file in list.signer_files() {
        add(vec![file.to_owned()])?;
    }
    let hash = hasher.finalize();
    Ok(hash
        .iter()
        .take(DIGEST_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The first head that is signed is the introduction.
fn for_others(root: &Policy) -> Policy {
    Policy {
        signers: root.signers.clone(),
        introduction: Introduction::FirstSigned,
        mode: root.mode,
    }
}

fn signers(files: impl IntoIterator<Item = PathBuf>) -> Result<Signers, TrustError> {
    let mut read = Vec::new();
    for path in files {
        let bytes = files::read(&path, TRUST_LIMIT, Guard::Trusted)?;
        read.push((path.display().to_string(), bytes));
    }
    let named = read
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Ok(Signers::parse(named)?)
}

/// A node without the file lists nothing.
fn list(path: &Path) -> Result<SourceList, TrustError> {
    let text = match files::read_text(path, TRUST_LIMIT, Guard::Trusted) {
        Err(error) if error.is_missing() => return Ok(SourceList::default()),
        text => text?,
    };
    SourceList::parse(&text).map_err(|error: ListError| TrustError::List {
        path: path.to_owned(),
        message: error.to_string(),
    })
}
