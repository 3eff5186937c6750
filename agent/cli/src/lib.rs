//! Job: the commands a person types, and every printed word.
//! Takes → gives: arguments and a kubeconfig → text and an exit code.
//! May touch: stdout, stderr, the API server through `cluster`.
//! Never: needs the agent to be reachable.
