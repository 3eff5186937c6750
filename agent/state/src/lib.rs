//! Job: what the node remembers: kept objects, the ratchet, pauses.
//! Takes → gives: verified ranges → rows and files; loading gives untrusted objects again.
//! May touch: the state directory.
//! Never: stores trust; writes while nothing changes.
