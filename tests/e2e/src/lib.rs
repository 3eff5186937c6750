//! End-to-end tests against the real control plane live in `tests/main.rs`.
