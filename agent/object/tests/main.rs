//! Compares with what the Go libraries say (tests/reference), and checks properties.

mod golden;
mod patch;
mod properties;
mod read;
