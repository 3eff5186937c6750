//! The asking end.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::frame::{self, FrameError};
use crate::question::{Answer, Question};

/// The agent answers from memory; one that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// A bundle is read, verified and written to the disk before it is answered.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);

/// Bytes that are sent at once.
const STEP: usize = 64 * 1024;

/// The agent did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is nobody, or we may not speak to it.
    #[error("{0}")]
    Connect(io::Error),
    /// It does not answer in time.
    #[error("it does not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// What it was to be given cannot be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// It said something that is not an answer.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Asks the agent that listens on a socket.
///
/// # Errors
/// Nobody listens there, the mode of the socket keeps us out, or no answer comes.
pub async fn ask(socket: &Path, question: Question) -> Result<Answer, AskError> {
    let asked = async {
        let stream = UnixStream::connect(socket).await;
        let mut stream = stream.map_err(AskError::Connect)?;
        frame::write(&mut stream, &question, frame::QUESTION_BYTES).await?;
        Ok(frame::read(&mut stream, frame::ANSWER_BYTES).await?)
    };
    timeout(PATIENCE, asked)
        .await
        .map_err(|_| AskError::Silent(PATIENCE))?
}

/// Asks as [`ask`] does, and sends what belongs to the question, up to its end. Reading it blocks.
///
/// # Errors
/// Nobody listens there, what is to be sent cannot be read, or no answer comes.
pub async fn deliver(
    socket: &Path,
    question: Question,
    bytes: &mut dyn Read,
) -> Result<Answer, AskError> {
    let stream = UnixStream::connect(socket).await;
    let mut stream = stream.map_err(AskError::Connect)?;
    frame::write(&mut stream, &question, frame::QUESTION_BYTES).await?;
    let mut step = vec![0; STEP];
    loop {
        let read = bytes.read(&mut step).map_err(AskError::Read)?;
        let sent = stream.write_all(step.get(..read).unwrap_or_default());
        // Whoever does not read on has answered already.
        if read == 0 || sent.await.is_err() {
            break;
        }
    }
    // As above.
    let _ = stream.shutdown().await;
    let answer = frame::read(&mut stream, frame::ANSWER_BYTES);
    let answer = timeout(LONG_PATIENCE, answer).await;
    Ok(answer.map_err(|_| AskError::Silent(LONG_PATIENCE))??)
}
