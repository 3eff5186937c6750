//! The commands against a real API server.
