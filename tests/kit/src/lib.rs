//! Job: what a test needs around the program: a real control plane, Git servers, signed repositories, a running agent.
//! Takes → gives: options → running processes on loopback that end with the test.
//! May touch: loopback, `/dev/shm`, the programs git, ssh-keygen, sshd, chromium and the cached control plane.
//! Never: linked into the product; a host beyond loopback; anything left behind.
//!
//! Nothing here returns an error: a kit that cannot do its job fails the test at once, with a sentence
//! and the tail of the log that explains it.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a kit that cannot go on fails the test that uses it, loudly"
)]

pub mod agent;
pub mod api;
pub mod browser;
pub mod certificates;
pub mod controlplane;
pub mod directory;
pub mod git;
pub mod gpg;
pub mod homelab;
mod http;
pub mod ports;
pub mod process;
mod reaper;
pub mod repo;
pub mod ssh;
pub mod wait;
pub mod webhook;
