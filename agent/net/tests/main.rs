//! windlass-net against real servers: git http-backend behind a small HTTP server, and OpenSSH.

mod agent;
mod git;
mod http_server;

mod faults;
mod http;
mod local;
mod ssh;
