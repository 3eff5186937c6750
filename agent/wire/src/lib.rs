//! Job: the framed protocol between the agent and windlass-net.
//! Takes → gives: requests and answers ↔ length-prefixed frames.
//! May touch: the reader or writer passed in.
//! Never: opens a socket, trusts a length it did not bound.
