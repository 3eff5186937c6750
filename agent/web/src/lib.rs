//! Job: the status page as a browser gets it: its files, and who may ask for what it shows.
//! Takes → gives: a path → a file; a node's secret and the headers of a request → a verdict.
//! May touch: nothing.
//! Never: knows what is shown; changes anything.
//!
//! The files in `page/` are what the browser runs: no build step, and nothing from elsewhere.

mod door;
mod files;

pub use door::{Denied, Door, TOKEN_LEAST, TokenError};
pub use files::{File, file, paths};
