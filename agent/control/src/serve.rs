//! The answering end.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use crate::asker::Asker;
use crate::frame::{self, FrameError};
use crate::question::{Answer, Question};

/// The owner, who is the agent's user, and the group that root lets look.
const MODE: u32 = 0o660;

/// Askers at once; each may hold an answer of many MiB.
const ASKERS: usize = 4;

/// A command writes its question at once; whoever does not must not keep others waiting.
const QUESTION_WITHIN: Duration = Duration::from_millis(500);

/// A command reads the answer as it comes.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Without file descriptors, accepting fails until some are closed.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Listens on a path; what an earlier process left there is replaced. Must be used inside a tokio runtime.
///
/// # Errors
/// The directory is not there, or we may not make a socket in it.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// Answers whoever asks, for as long as the future is polled. `answer` gets the connection, too, behind the question, and
/// gives it back with the answer; `None` if it broke.
pub async fn serve<Answering, Given>(listener: UnixListener, answer: Answering)
where
    Answering: Fn(Asker, Question, UnixStream) -> Given + Send + Sync + 'static,
    Given: Future<Output = Option<(Answer, UnixStream)>> + Send,
{
    let answer = Arc::new(answer);
    let askers = Arc::new(Semaphore::new(ASKERS));
    loop {
        let Ok(permit) = Arc::clone(&askers).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let _permit = permit;
                    if let Err(error) = one(stream, &*answer).await {
                        tracing::debug!(%error, "a question could not be answered");
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "nobody can ask at the moment");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Whose question it is decides before a byte of it is read.
async fn one<Given>(
    mut stream: UnixStream,
    answer: &(impl Fn(Asker, Question, UnixStream) -> Given + Sync),
) -> Result<(), FrameError>
where
    Given: Future<Output = Option<(Answer, UnixStream)>> + Send,
{
    let asker = Asker::of(&stream)?;
    let question = frame::read(&mut stream, frame::QUESTION_BYTES);
    let question = timeout(QUESTION_WITHIN, question).await.map_err(late)??;
    let Some((answer, mut stream)) = answer(asker, question, stream).await else {
        return Ok(());
    };
    let told = frame::write(&mut stream, &answer, frame::ANSWER_BYTES);
    timeout(ANSWER_WITHIN, told).await.map_err(late)?
}

fn late(_: Elapsed) -> FrameError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}
