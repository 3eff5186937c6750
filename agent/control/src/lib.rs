//! Job: what a command on a node asks of the agent there, and who may ask it.
//! Takes → gives: questions → answers, as length-framed JSON; the asker's user → how much of an answer it gets.
//! May touch: the socket whose path or listener is passed in.
//! Never: knows what is asked about; acts on the cluster or the state.
//!
//! A connection carries one question, what belongs to it, and one answer. A frame is a big-endian `u32` length and that many bytes of JSON.

mod ask;
mod asker;
mod frame;
mod observed;
mod question;
mod serve;

pub use ask::{AskError, ask, deliver};
pub use asker::Asker;
pub use frame::FrameError;
pub use observed::{Change, Field, Observed, Owner, RefusedCommit, What};
pub use question::{Answer, KeptChart, Question, Record, Sight, Standing};
pub use serve::{listen, serve};
