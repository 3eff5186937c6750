//! The asking end.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::frame::{self, FrameError};
use crate::question::{Answer, Question};

/// The agent answers from memory; one that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// The agent did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is nobody, or we may not speak to it.
    #[error("{0}")]
    Connect(io::Error),
    /// It does not answer in time.
    #[error("it does not answer within {} s", PATIENCE.as_secs())]
    Silent,
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
        .map_err(|_| AskError::Silent)?
}
