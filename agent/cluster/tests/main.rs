//! windlass-cluster against a real control plane, and against one that misbehaves.

mod suite;
