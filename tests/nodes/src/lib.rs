//! Installation tests: `install.sh` and the units on a real node, Debian with its own systemd in a container.
//!
//! They live in `tests/`; this library is empty on purpose. `image.sh` makes the node's file system once.
