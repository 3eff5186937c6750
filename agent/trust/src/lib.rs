//! Job: decides which commits may reach the cluster.
//! Takes → gives: raw Git objects, pinned keys, the ratchet → `VerifiedSource` or a refusal.
//! May touch: nothing; objects come through a reader passed in.
//! Never: reads a clock; believes an object id it did not compute.
