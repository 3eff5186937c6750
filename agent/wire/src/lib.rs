//! Job: the framed protocol between the agent and windlass-net.
//! Takes → gives: requests and answers ↔ length-prefixed frames.
//! May touch: the reader or writer passed in.
//! Never: opens a socket, trusts a length it did not bound.
//!
//! One connection carries one [`FetchRequest`] and then [`Answer`]s until a final one
//! ([`Answer::is_final`]), or one [`DownloadRequest`], [`RegistryRequest`], [`BucketRequest`] or
//! [`PostRequest`] and then [`Piece`]s, or one [`Routes`] and then [`FromNet`] one way and [`ToNet`] the
//! other, or one [`BundleRequest`] and then [`Answer`]s both ways, or one
//! [`CopyRequest`] or [`AdmitRequest`]. A frame is a big-endian `u32` length, a tag byte, and the fields; the length counts the tag byte.
//! Integers are big-endian, texts and byte strings carry a `u32` length.

mod answer;
mod bucket;
mod bundle;
mod download;
mod error;
mod failure_class;
mod frame;
pub mod limits;
mod locator;
mod peer;
mod post;
mod registry;
mod request;
mod secret;
mod semver_range;
mod serve;

pub use answer::{Answer, read_answer, write_answer};
pub use bucket::{BucketAsk, BucketRequest, write_bucket};
pub use bundle::{BundleRequest, write_bundle};
pub use download::{
    ClientIdentity, DownloadRequest, Piece, Proxy, read_piece, write_download, write_piece,
};
pub use error::WireError;
pub use failure_class::FailureClass;
pub use locator::DisplayUrl;
pub use peer::{
    AdmitRequest, CopyRequest, PeerQuestion, read_question, write_admit, write_copy, write_question,
};
pub use post::{PostExpected, PostMethod, PostRequest, write_post};
pub use registry::{RegistryAsk, RegistryRequest, write_registry};
pub use request::{
    Credentials, FetchRequest, History, Known, Reference, Request, read_request, write_request,
};
pub use secret::Secret;
pub use semver_range::{Range, parse_tag};
pub use serve::{
    FromNet, Reply, Routes, Taken, ToNet, read_from_net, read_to_net, write_from_net, write_serve,
    write_to_net,
};
