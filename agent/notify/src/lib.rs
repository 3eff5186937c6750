//! Job: who is told of an event, what exactly is sent there, and whether a webhook that comes in is genuine.
//! Takes → gives: events, Alerts, Providers and the fields of their Secrets → HTTP requests to be sent; requests that came
//! in and Receivers → a verdict.
//! May touch: nothing.
//! Never: sends anything; reads a clock; puts a secret into a message.

mod event;
mod matching;
mod metadata;
mod receive;
mod recipient;
mod repeat;
mod request;
mod secret;
mod services;

pub use event::{Event, InvolvedObject, Severity};
pub use matching::{Rules, takes};
pub use metadata::{Conflict, combine};
pub use receive::{Admitted, Incoming, Refused, Unfit, admit, fits, webhook_path};
pub use recipient::{Recipient, RecipientError};
pub use repeat::Recent;
pub use request::{Expected, Method, Outgoing};
pub use secret::{Fields, Secret};
pub use services::generic::{SIGNATURE, signature};
pub use services::{ComposeError, compose};
