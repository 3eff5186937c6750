//! Job: who is told of an event, and what exactly is sent there.
//! Takes → gives: events, Alerts, Providers and the fields of their Secrets → HTTP requests to be sent.
//! May touch: nothing.
//! Never: sends anything; reads a clock; puts a secret into a message.

mod event;
mod matching;
mod metadata;
mod recipient;
mod repeat;
mod request;
mod secret;
mod services;

pub use event::{Event, InvolvedObject, Severity};
pub use matching::{Rules, takes};
pub use metadata::{Conflict, combine};
pub use recipient::{Recipient, RecipientError};
pub use repeat::Recent;
pub use request::{Expected, Method, Outgoing};
pub use secret::{Fields, Secret};
pub use services::{ComposeError, compose};
