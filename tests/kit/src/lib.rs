//! Test kit: a real control plane, Git servers and repositories for tests.
