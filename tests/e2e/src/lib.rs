//! End-to-end tests: the real program against a real control plane and real Git servers.
//!
//! They live in `tests/`, one file per part of the issue; this library is empty on purpose.
