//! Job: the network process: fetches untrusted bytes for the agent.
//! Takes → gives: requests on its socket → objects.
//! May touch: the network and its own throw-away cache.
//! Never: holds a cluster credential; sends a pack to the agent; starts a program.
