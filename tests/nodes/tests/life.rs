//! A node from its installation over an upgrade to a power cut.
