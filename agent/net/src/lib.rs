//! Job: the network process: fetches untrusted bytes for the agent, and sends what it is to tell others.
//! Takes → gives: requests on its socket → objects; objects → a bundle.
//! May touch: the network and its own throw-away cache.
//! Never: holds a cluster credential; sends a pack to the agent; starts a program.

mod begin;
mod bucket;
mod bundle;
mod busy;
mod cache;
mod delta;
mod download;
mod exchange;
mod failure;
mod fetch;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod host_key;
mod http;
mod incoming;
mod known_hosts;
mod limits;
mod memory;
mod origin;
mod packet;
mod peer;
mod post;
mod protocol;
mod reach;
mod reference;
mod registry;
mod repository;
mod sandbox;
mod server;
mod session;
mod ssh;
mod unpack;
mod way;
mod zlib;

pub use bundle::BundleWriter;
pub use sandbox::{Allowed, ConfineError, Confinement, Wall, confine};
pub use server::{ServeError, Settings, serve};

#[cfg(test)]
mod tests;
