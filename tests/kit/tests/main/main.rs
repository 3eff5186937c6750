//! The kit's own promises, kept on the real programs.

mod cluster;
