//! Job: every request to the API server.
//! Takes → gives: objects and proofs of leadership → the server's answers.
//! May touch: the API server: the only user of kube's client.
//! Never: repeats a write by itself; writes without `Leadership`.
