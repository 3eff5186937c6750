//! windlass-net against real servers: git http-backend behind a small HTTP server, and OpenSSH.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "helpers of tests fail as tests do, and nothing outside uses them"
)]

mod agent;
mod bucket;
mod git;
mod http_server;

mod bundle;
mod download;
mod faults;
mod first_fetch;
mod hostile_repository;
mod hostile_server;
mod http;
mod incoming;
mod known_hosts;
mod local;
mod peer;
mod post;
mod registry;
mod sandbox;
mod ssh;
