//! What the node keeps, shared by all fetches: the objects and the ratchets.

mod elsewhere;
pub(crate) mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use windlass_api::reasons;
use windlass_host::files::{Guard, TRUST_LIMIT, read_text};
use windlass_state::{
    ACCEPT_FILE, Line, RESET_FILE, RatchetError, RatchetFile, RatchetNotice, Refused, Store,
    StoreError, Tip,
};
use windlass_trust::{Accepted, LoadError, Oid, Ratchet};

use super::fetch::FetchError;
use super::heartbeat::Heard;
use super::split::{self, Compared};
use crate::agent::AgentError;
use crate::kustomization::pinned::base;
use crate::named::Named;

/// What became of a ratchet otherwise than by going forward: the condition's reason, and what happened.
pub(crate) type RatchetRemark = (&'static str, String);

/// What the node keeps, shared by all fetches.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(crate) store: Store,
    ratchets: Mutex<RatchetFile>,
    /// As they were on the disk at the start.
    opened: BTreeMap<Line, Ratchet>,
    epoch: AtomicU64,
    /// Tells that one of them moved.
    moves: watch::Sender<()>,
    /// What became of the ratchets since the start, by source, for a person to hear: reason and message.
    remarks: Mutex<BTreeMap<String, RatchetRemark>>,
    /// What is to be said of revisions in use that nothing vouches for any more, by source.
    disowned: Mutex<BTreeMap<String, String>>,
    /// What was heard of the owners of repositories, by source.
    heard: Mutex<BTreeMap<String, Heard>>,
    /// How what other nodes accepted was found to stand to it, by source.
    compared: Mutex<BTreeMap<String, Vec<Compared>>>,
    /// By how much the servers of sources are behind, by source.
    behind: Mutex<BTreeMap<String, String>>,
    /// When the server of a line answered last; not there where it failed since.
    answered: Mutex<BTreeMap<Line, Instant>>,
}

impl Keep {
    /// Opens what a state directory holds. A lost ratchet is begun anew, line by line; `root` hears of it.
    pub(crate) fn open(directory: &Path, root: &Named) -> Result<Self, AgentError> {
        let store = Store::open(directory)?;
        if let Some(recovered) = store.recovered() {
            let (moved_to, reason) = (recovered.moved_to.display(), &recovered.reason);
            tracing::warn!(%moved_to, reason, "the cache was damaged; it was moved aside and is fetched again");
        }
        let ratchets = match RatchetFile::open(directory) {
            Err(RatchetError::Lost { path, reason }) => {
                tracing::error!(path = %path.display(), reason, "the ratchet is lost; nothing new is accepted before it is made again");
                RatchetFile::begin_anew(directory, &reason)?
            }
            opened => opened?,
        };
        let mut remarks = BTreeMap::new();
        if let Some(RatchetNotice {
            damaged, reason, ..
        }) = ratchets.notice()
        {
            let message = format!(
                "{} is damaged ({reason}); its other generation is in force",
                damaged.display()
            );
            tracing::error!("{message}");
            remarks.insert(root.to_string(), (reasons::RATCHET_HEALED, message));
        }
        let opened = ratchets.lines();
        Ok(Keep {
            store,
            opened: opened
                .map(|(line, ratchet)| (line.clone(), ratchet.clone()))
                .collect(),
            epoch: AtomicU64::new(0),
            ratchets: Mutex::new(ratchets),
            moves: watch::Sender::default(),
            remarks: Mutex::new(remarks),
            disowned: Mutex::default(),
            heard: Mutex::default(),
            compared: Mutex::default(),
            behind: Mutex::default(),
            answered: Mutex::default(),
        })
    }

    /// Whether the ratchets were lost once.
    pub(crate) fn was_lost(&self) -> bool {
        self.ratchets().was_lost()
    }

    /// Which state of what the node trusts and keeps is in force. What was judged by another one does not count.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn check(&self, epoch: u64) -> Result<(), FetchError> {
        match self.epoch() == epoch {
            true => Ok(()),
            false => Err(FetchError::Outdated),
        }
    }

    /// Tells each time that a ratchet moved.
    pub(crate) fn moves(&self) -> watch::Receiver<()> {
        self.moves.subscribe()
    }

    /// Where each line stands; and for one that is followed, what led there.
    pub(crate) fn stands(&self) -> Result<Vec<(Line, Ratchet, Option<Tip>)>, StoreError> {
        let copied = |(line, ratchet): (&Line, &Ratchet)| (line.clone(), ratchet.clone());
        let lines: Vec<_> = self.ratchets().lines().map(copied).collect();
        let with_tip = |(line, ratchet): (Line, Ratchet)| {
            let kept = self.store.kept(&line)?;
            let kept = kept.filter(|kept| kept.head == ratchet.head);
            Ok((line, ratchet, kept.and_then(|kept| kept.tip)))
        };
        lines.into_iter().map(with_tip).collect()
    }

    /// Whether the line's ratchet has to be made again first.
    pub(crate) fn is_lost(&self, line: &Line) -> bool {
        self.ratchets().is_lost(line)
    }

    /// The commit that a person on the node named for a source.
    pub(super) fn said_by_person(&self, source: &str) -> Option<Oid> {
        let text = read_text(&self.person_file(), TRUST_LIMIT, Guard::Trusted).ok()?;
        let said = text
            .lines()
            .rev()
            .find_map(|line| line.trim().strip_prefix(source)?.strip_prefix(' '));
        said?.trim().parse().ok()
    }

    fn person_file(&self) -> PathBuf {
        self.store.directory().join(ACCEPT_FILE)
    }

    /// The introduction with which a person on the node last let trust in a source begin anew.
    pub(super) fn reset_to(&self, source: &str) -> Option<Oid> {
        let file = self.store.directory().join(RESET_FILE);
        let text = read_text(&file, TRUST_LIMIT, Guard::Trusted).ok()?;
        text.lines().rev().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let of_this = words.next() == Some(source);
            of_this.then(|| words.next()?.parse().ok())?
        })
    }

    /// What became of the ratchet of a source since the start.
    pub(crate) fn remarked(&self, source: &Named) -> Option<RatchetRemark> {
        let remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.get(&source.to_string()).cloned()
    }

    /// Notes what became of the ratchet of a line.
    pub(super) fn remark(&self, line: &Line, reason: &'static str, message: String) {
        tracing::error!(source = line.source, "{message}");
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.insert(line.source.clone(), (reason, message));
    }

    /// What is to be said of the revision of a source that is in use, if nothing vouches for it any more.
    pub(crate) fn disowned(&self, source: &Named) -> Option<String> {
        let disowned = self.disowned.lock().unwrap_or_else(PoisonError::into_inner);
        disowned.get(&source.to_string()).cloned()
    }

    /// Notes what is to be said of it now.
    pub(super) fn note_disowned(&self, source: &Named, message: Option<String>) {
        let mut disowned = self.disowned.lock().unwrap_or_else(PoisonError::into_inner);
        let source = source.to_string();
        let Some(message) = message else {
            if disowned.remove(&source).is_some() {
                tracing::info!(source, "the revision in use is vouched for again");
            }
            return;
        };
        if disowned.get(&source) != Some(&message) {
            tracing::error!(source, "{message}");
            disowned.insert(source, message);
        }
    }

    /// What was heard of the owner of a repository last; nothing before it was listened for.
    pub(crate) fn heard(&self, source: &Named) -> Option<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(&source.to_string()).cloned()
    }

    pub(super) fn note_heard(&self, source: &Named, what: Heard) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(source.to_string(), what);
    }

    /// How what other nodes accepted of a source stood to the revision in use, when it was looked at last.
    pub(crate) fn compared(&self, source: &str) -> Vec<Compared> {
        let compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        compared.get(source).cloned().unwrap_or_default()
    }

    pub(super) fn note_compared(&self, source: &Named, found: Vec<Compared>) {
        let source = source.to_string();
        let said = split::said(&found);
        if said != split::said(&self.compared(&source)) {
            match said {
                Some(message) => tracing::error!(source, "{message}"),
                None => tracing::info!(source, "all nodes go on from one history again"),
            }
        }
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        compared.insert(source, found);
    }

    /// Takes the person's word about a source out of the way when it has been followed: it was for this once.
    fn drop_word_on(&self, source: &str) {
        let file = self.person_file();
        let Ok(text) = read_text(&file, TRUST_LIMIT, Guard::Trusted) else {
            return;
        };
        let is_of_another = |line: &&str| !line.trim().starts_with(&format!("{source} "));
        let others: Vec<&str> = text.lines().filter(is_of_another).collect();
        let done = match others.as_slice() {
            [] => std::fs::remove_file(&file),
            others => {
                let beside = file.with_extension("new");
                std::fs::write(&beside, others.join("\n") + "\n")
                    .and_then(|()| std::fs::rename(&beside, &file))
            }
        };
        if let Err(error) = done {
            tracing::warn!(%error, file = %file.display(), "take the line of {source} out of it");
        }
    }

    /// Keeps a ratchet that was made again.
    pub(super) fn restore(&self, line: &Line, ratchet: &Ratchet) -> Result<(), FetchError> {
        self.ratchets().advance(line, ratchet)?;
        self.moves.send_replace(());
        self.drop_word_on(&line.source);
        Ok(())
    }

    fn ratchets(&self) -> MutexGuard<'_, RatchetFile> {
        self.ratchets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ratchet(&self, line: &Line) -> Result<Option<Ratchet>, FetchError> {
        Ok(self.ratchets().get(line))
    }

    /// The ratchet of the line of the same source and URL that is in use, if that is another one.
    pub(super) fn other_line(&self, line: &Line) -> Result<Option<Ratchet>, FetchError> {
        let kept = self.store.kept_lines()?;
        let mut others = kept.into_iter().map(|(other, _)| other).filter(|other| {
            (&other.source, &other.url) == (&line.source, &line.url) && other != line
        });
        others.next().map_or(Ok(None), |other| self.ratchet(&other))
    }

    /// Forgets what is kept of the other lines of a source: it is at this one now. Their ratchets stay.
    pub(super) fn leave_other_lines(&self, line: &Line) {
        self.forget(|other| other.source == line.source && other != line);
    }

    /// Forgets what is kept of sources that are gone. Their ratchets stay, should they come back.
    pub(crate) fn forget_all_but(&self, sources: &BTreeSet<String>) {
        // Bases belong to Kustomizations, which let go of them.
        self.forget(|line| {
            !line.source.starts_with(base::SOURCE) && !sources.contains(&line.source)
        });
        self.tidy();
    }

    fn forget(&self, is_over: impl Fn(&Line) -> bool) {
        let forgotten = self.store.kept_lines().and_then(|kept| {
            let over = kept.iter().filter(|(line, _)| is_over(line));
            over.map(|(line, _)| self.store.forget(line))
                .collect::<Result<Vec<_>, _>>()
        });
        if let Err(error) = forgotten {
            tracing::warn!(%error, "what is kept of sources that are gone could not be dropped; it is tried again");
        }
    }

    /// Drops what an error shows to be damaged. Says whether fetching everything again can help.
    pub(crate) fn heal(
        &self,
        error: &(dyn std::error::Error + 'static),
    ) -> Result<bool, StoreError> {
        let mut cause = Some(error);
        while let Some(inner) = cause {
            match inner.downcast_ref::<LoadError>() {
                Some(LoadError::Tampered { expected, .. }) => {
                    self.store.drop_object(expected)?;
                    return Ok(true);
                }
                Some(LoadError::Missing { .. }) => return Ok(true),
                _ => {}
            }
            if matches!(inner.downcast_ref(), Some(FetchError::Incomplete { .. })) {
                return Ok(true);
            }
            cause = inner.source();
        }
        Ok(false)
    }

    /// Keeps the refusal in the node's history.
    pub(super) fn note_refusal(&self, line: &Line, head: Oid, reason: String) {
        let refused = Refused {
            at: jiff::Timestamp::now().as_second(),
            head,
            reason,
            signer: String::new(),
        };
        if let Err(error) = self.store.record_refused(line, &refused) {
            tracing::warn!(%error, "the refusal could not be kept in the history");
        }
    }

    /// Drops what no kept head reaches any more; it costs nothing when there is nothing. What the ratchet of a kept line
    /// stands at stays, too: a crash while going back leaves the two apart, and the override is judged against it again.
    pub(super) fn tidy(&self) {
        let dropped = self.store.kept_lines().and_then(|kept| {
            let stands = kept
                .iter()
                .filter_map(|(line, _)| self.ratchets().get(line));
            let heads: Vec<Oid> = stands.map(|ratchet| ratchet.head).collect();
            self.store.collect_garbage(&heads)
        });
        if let Err(error) = dropped {
            tracing::warn!(%error, "old objects could not be dropped; it is tried again with the next revision");
        }
    }

    /// Moves the ratchet, if it has to move: nothing is written for a head that it stands at already.
    pub(super) fn advance(
        &self,
        line: &Line,
        accepted: &Accepted,
        epoch: u64,
    ) -> Result<(), FetchError> {
        let mut ratchets = self.ratchets();
        self.check(epoch)?;
        if ratchets.get(line).as_ref() != Some(&accepted.ratchet) {
            ratchets.advance(line, &accepted.ratchet)?;
            self.moves.send_replace(());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_word_about_one_source_goes_and_that_about_another_stays() {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("state");
        let keep = Keep::open(&state, &Named::new("flux-system", "flux-system")).unwrap();
        let commit = "1".repeat(40);
        let file = keep.person_file();
        std::fs::write(&file, format!("a/one {commit}\na/one-more {commit}\n")).unwrap();
        keep.drop_word_on("a/one");
        assert_eq!(keep.said_by_person("a/one"), None);
        assert_eq!(keep.said_by_person("a/one-more"), commit.parse().ok());
        keep.drop_word_on("a/one-more");
        assert!(!file.exists());
    }
}
