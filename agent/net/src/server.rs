//! The socket's side: connections, threads and idleness.

use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use windlass_wire::{Answer, DisplayUrl, FailureClass, Request, read_request, write_answer};

use crate::bucket;
use crate::bundle;
use crate::busy::Busy;
use crate::cache;
use crate::download;
use crate::failure::Failure;
use crate::fetch::{Context, answer};
use crate::incoming;
use crate::limits::{AGENT_TIMEOUT, CONNECTIONS, Limits};
use crate::peer;
use crate::post;
use crate::reach::ReachError;
use crate::registry;
use crate::sandbox::NameService;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the throw-away caches are kept; made when missing. Only this process may write there.
    pub cache_dir: PathBuf,
    /// Return after this long without a connection, for a socket-activated process; `None`: never.
    pub idle_exit: Option<Duration>,
}

/// How often the name service is looked at while nothing else happens: five stat(2).
const LOOK_AT_NAMES: Duration = Duration::from_secs(2);

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The cache directory cannot be made.
    #[error("{0}")]
    CacheDirectory(String),
    /// The listening socket failed.
    #[error("the socket of windlass-net failed: {0}")]
    Socket(#[source] io::Error),
}

/// Serves requests on `listener`, each connection one request on a thread of its own, until it was idle for
/// `settings.idle_exit`, or nothing runs and the configuration of the name service is another than at the start.
/// A request never ends the process: it fails alone, with an answer that says why.
pub fn serve(listener: UnixListener, settings: Settings) -> Result<(), ServeError> {
    serve_within(listener, settings, Limits::DEFAULT)
}

pub(crate) fn serve_within(
    listener: UnixListener,
    settings: Settings,
    limits: Limits,
) -> Result<(), ServeError> {
    cache::create_directory(&settings.cache_dir)
        .map_err(|failure| ServeError::CacheDirectory(failure.message))?;
    // A connection that is gone again between poll and accept must not block the loop.
    listener.set_nonblocking(true).map_err(ServeError::Socket)?;
    let context = Context {
        cache_dir: settings.cache_dir,
        limits,
        busy: Busy::default(),
    };
    let context = Arc::new(context);
    let activity = Arc::new(Activity::default());
    let names = NameService::now();
    loop {
        let slot = Activity::slot(&activity);
        let Some(stream) = next_connection(&listener, &activity, settings.idle_exit, &names)?
        else {
            return Ok(());
        };
        let context = Arc::clone(&context);
        let spawned = thread::Builder::new()
            .name("fetch".to_owned())
            .spawn(move || {
                let _slot = slot;
                connection(&stream, &context);
            });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for a request; its connection is closed");
        }
    }
}

/// Waits for a connection; `None` when the process has been idle for long enough, or is idle and has to see the
/// name service anew. Who connects meanwhile waits in the socket for the next process.
fn next_connection(
    listener: &UnixListener,
    activity: &Activity,
    idle_exit: Option<Duration>,
    names: &NameService,
) -> Result<Option<UnixStream>, ServeError> {
    loop {
        let is_idle = activity.until_idle_for(Duration::ZERO).is_zero();
        if is_idle && names.has_changed() {
            tracing::info!(
                "the name service of this node was configured anew; ending to start with it"
            );
            return Ok(None);
        }
        let left = idle_exit.map_or(LOOK_AT_NAMES, |limit| activity.until_idle_for(limit));
        if left.is_zero() {
            return Ok(None);
        }
        // Rounded up, so that the loop does not spin in the last millisecond.
        let milliseconds = left.min(LOOK_AT_NAMES).as_millis() + 1;
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)],
            timeout,
        ) {
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(ServeError::Socket(error.into())),
        }
        match listener.accept() {
            Ok((stream, _)) => return Ok(Some(stream)),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => return Err(ServeError::Socket(error)),
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
    )
}

fn connection(stream: &UnixStream, context: &Context) {
    let prepared = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(AGENT_TIMEOUT)))
        .and_then(|()| stream.set_write_timeout(Some(AGENT_TIMEOUT)));
    if let Err(error) = prepared {
        tracing::warn!(%error, "a connection cannot be used");
        return;
    }
    let mut out = BufWriter::with_capacity(64 * 1024, stream);
    let outcome = match read_request(&mut BufReader::new(stream)) {
        Ok(request) => match answered(request, stream, context, &mut out) {
            Some(outcome) => outcome,
            None => return,
        },
        Err(windlass_wire::WireError::Closed) => return,
        Err(error) => {
            Err(Failure::invalid_request(format!("the request cannot be read: {error}")).into())
        }
    };
    let failure = match outcome {
        Ok(()) => None,
        Err(ReachError::Gone) => return,
        Err(ReachError::Failure(failure)) => Some(failure),
        Err(ReachError::Damaged(reason)) => Some(Failure::cache(reason)),
    };
    if let Some(Failure { class, message }) = failure {
        tell_failure(&mut out, class, message);
    }
    if let Err(error) = out.flush() {
        tracing::debug!(%error, "the agent did not take the end of an answer");
    }
}

/// Answers a request; `None` where there is nothing to tell at the end.
fn answered(
    request: Request,
    stream: &UnixStream,
    context: &Context,
    out: &mut impl io::Write,
) -> Option<Result<(), ReachError>> {
    Some(match request {
        Request::Download(request) => {
            tracing::debug!(url = %DisplayUrl(&request.url), "download");
            download::answer(&request, out)
        }
        Request::Registry(request) => {
            tracing::debug!(url = %DisplayUrl(&request.download.url), ask = ?request.ask, "registry");
            registry::answer(&request, out)
        }
        Request::Bucket(request) => {
            tracing::debug!(url = %DisplayUrl(&request.download.url), "bucket");
            bucket::answer(&request, out)
        }
        Request::Post(request) => {
            tracing::debug!(bytes = request.body.len(), "post");
            post::answer(&request, out)
        }
        Request::Fetch(request) => {
            tracing::debug!(url = %DisplayUrl(&request.url), reference = ?request.reference, "fetch");
            answer(&request, context, out)
        }
        Request::Bundle(request) => {
            tracing::debug!("bundle");
            bundle::answer(stream, &request, context)
        }
        Request::Copy(request) => {
            tracing::debug!(address = request.address, "copy from another node");
            peer::copy(&request, &context.limits, out)
        }
        Request::Admit(request) => {
            if let Err(error) = peer::admit(stream, &request) {
                tracing::debug!(%error, "a connection of another node came to nothing");
            }
            return None;
        }
        Request::Serve(routes) => {
            if let Err(error) = incoming::answer(stream, routes) {
                tracing::warn!(%error, "requests of others are not taken any more; the agent tries again");
            }
            return None;
        }
    })
}

fn tell_failure(out: &mut impl io::Write, class: FailureClass, message: String) {
    tracing::debug!(%class, message, "fetch failed");
    if let Err(error) = write_answer(out, &Answer::Failed { class, message }) {
        tracing::debug!(%error, "the agent did not take a failure");
    }
}

/// How many connections are served, and since when none is.
#[derive(Debug)]
struct Activity {
    state: Mutex<ActivityState>,
    freed: Condvar,
}

#[derive(Debug)]
struct ActivityState {
    slots: usize,
    last_end: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        let state = ActivityState {
            slots: 0,
            last_end: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            freed: Condvar::new(),
        }
    }
}

/// One of the [`CONNECTIONS`] places; free again when dropped.
struct Slot(Arc<Activity>);

impl Activity {
    /// Waits for a free place. The accept loop holds one while it waits for a connection.
    fn slot(activity: &Arc<Self>) -> Slot {
        let state = activity
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut state = activity
            .freed
            .wait_while(state, |state| state.slots > CONNECTIONS)
            .unwrap_or_else(PoisonError::into_inner);
        state.slots += 1;
        drop(state);
        Slot(Arc::clone(activity))
    }

    /// How long it takes at least until nothing has happened for `limit`; zero when that is now.
    fn until_idle_for(&self, limit: Duration) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.slots > 1 {
            return limit.max(Duration::from_millis(1));
        }
        (state.last_end + limit).saturating_duration_since(Instant::now())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.slots -= 1;
        state.last_end = Instant::now();
        drop(state);
        self.0.freed.notify_all();
    }
}
