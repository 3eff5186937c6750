//! The kit's own promises, kept on the real programs.

mod cleanup;
mod cluster;
mod git;
mod pool;
