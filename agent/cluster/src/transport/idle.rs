//! HTTP/1.1 connections between two requests.

use std::sync::{Arc, Mutex};

use hyper::client::conn::http1;

use crate::transport::{Body, lock};

/// HTTP/1.1 connections kept for the next request; only a proxy without HTTP/2 needs any.
const IDLE_CONNECTIONS: usize = 8;

/// Connections whose last answer has been read.
pub(super) type Idle = Mutex<Vec<http1::SendRequest<Body>>>;

pub(super) fn take(idle: &Idle) -> Option<http1::SendRequest<Body>> {
    let mut idle = lock(idle);
    while let Some(sender) = idle.pop() {
        if sender.is_ready() {
            return Some(sender);
        }
    }
    None
}

/// Puts an HTTP/1.1 connection back once its answer has been read; the task ends with the
/// connection.
pub(super) fn keep(idle: &Arc<Idle>, mut sender: http1::SendRequest<Body>) {
    let idle = Arc::clone(idle);
    tokio::spawn(async move {
        if sender.ready().await.is_ok() {
            let mut idle = lock(&idle);
            if idle.len() < IDLE_CONNECTIONS {
                idle.push(sender);
            }
        }
    });
}
