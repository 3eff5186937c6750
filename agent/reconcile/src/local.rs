//! Manifests that root put on this node: applied, corrected and pruned by this node itself, whoever leads (decision 273).

mod inventory;
mod owners;
mod pass;
mod plan;
mod prune;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use windlass_host::config::Settings;
use windlass_host::folder::{self, Glimpse};
use windlass_plan::applier::Applier;

use self::pass::Memory;
use crate::context::Context;
use crate::drift::DriftWatch;
use crate::event::Event;
use crate::ledger::Ledger;
use crate::named::Named;
use crate::work::error::{Class, StageError};

/// How often the folder is looked at, which opens no file.
const LOOK: Duration = Duration::from_secs(1);

/// What no watch shows is made up for this often.
const REGULAR: Duration = Duration::from_secs(600);

/// How soon a pass that did not do everything is followed by another.
const AGAIN: Duration = Duration::from_secs(5);
/// The same once it has failed as often as that helps.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// What a pass over the folder works with.
#[derive(Debug)]
pub(crate) struct Local {
    context: Arc<Context>,
    folder: PathBuf,
    node: String,
    /// The inventory, as the owner of the objects.
    name: Named,
    ledger: Ledger,
    drift: DriftWatch,
    /// Set while nothing may be written: everything is paused, or Flux was uninstalled.
    halted: AtomicBool,
    events: UnboundedSender<Event>,
}

/// When the next pass is due, and why.
struct Due {
    at: Instant,
    regular: bool,
    failures: u32,
}

// === impl Local ===

impl Local {
    pub(crate) fn new(
        context: &Arc<Context>,
        settings: &Settings,
        events: &UnboundedSender<Event>,
    ) -> Self {
        let ledger = Ledger::default();
        let by = (ledger.clone(), Applier::Folder);
        let node = settings.node.name.clone();
        Local {
            name: Named::new(windlass_api::names::FLUX_SYSTEM, &inventory::name(&node)),
            drift: DriftWatch::new(context.cluster.clone(), by, events.clone()),
            context: Arc::clone(context),
            folder: settings.manifests.dir.clone(),
            node,
            ledger,
            halted: AtomicBool::new(true),
            events: events.clone(),
        }
    }

    async fn glimpse(&self) -> Option<Glimpse> {
        let folder = self.folder.clone();
        let look = tokio::task::spawn_blocking(move || folder::look(&folder).ok());
        look.await.ok().flatten()
    }

    /// Whether this node may write: nothing is paused, as far as is known.
    fn may_write(&self) -> bool {
        let may = *self.context.may_tell.borrow();
        self.halted.store(!may, Ordering::SeqCst);
        may
    }

    /// Says what is wrong, in the journal when it is news, and to the loop.
    fn complain(&self, before: &mut Vec<String>, complaints: Vec<String>) {
        if *before == complaints {
            return;
        }
        for complaint in complaints.iter().filter(|one| !before.contains(one)) {
            tracing::warn!("{}: {complaint}", self.folder.display());
        }
        let text = (!complaints.is_empty()).then(|| complaints.join("; "));
        // The receiver is gone only when the agent stops.
        let _ = self.events.send(Event::ManifestsComplain(text));
        *before = complaints;
    }
}

/// Keeps the cluster as the folder says, until the task is ended.
pub(crate) async fn follow(local: Local) {
    let drifted = Arc::clone(&local.context.folder_drift);
    let mut memory = Memory::default();
    let mut complaints = Vec::new();
    let (mut done, mut last) = (None, None);
    let mut due = Due::now();
    loop {
        let glimpse = local.glimpse().await;
        // Who writes a file in place is let finish: half a file may be a whole one of fewer objects.
        let rests = glimpse == last;
        let wanted = done.as_ref() != Some(&glimpse) || due.at <= Instant::now();
        if local.may_write() && rests && wanted {
            let passed = pass::run(&local, &mut memory, due.regular).await;
            due.follows(&passed);
            match passed {
                Ok(passed) => local.complain(&mut complaints, passed.complaints),
                Err(error) => said_elsewhere(&error),
            }
            done = Some(glimpse.clone());
        }
        last = glimpse;
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = drifted.notified() => due.at = Instant::now(),
        }
    }
}

/// An API server that does not answer, or a term that ended, is on the status line.
fn said_elsewhere(error: &StageError) {
    if matches!(error.class, Class::Waiting(_) | Class::NotLeading) {
        tracing::debug!(%error, "the manifests of this node wait");
    } else {
        tracing::warn!(%error, "the manifests of this node cannot be applied");
    }
}

// === impl Due ===

impl Due {
    fn now() -> Self {
        Due {
            at: Instant::now(),
            regular: true,
            failures: 0,
        }
    }

    fn follows(&mut self, passed: &Result<pass::Done, StageError>) {
        let fails = !matches!(passed, Ok(done) if !done.again);
        self.failures = if fails {
            self.failures.saturating_add(1)
        } else {
            0
        };
        let wait = match fails {
            true => AGAIN.saturating_mul(self.failures).min(AGAIN_AT_MOST),
            false => REGULAR,
        };
        self.at = Instant::now() + wait;
        self.regular = !fails;
    }
}
