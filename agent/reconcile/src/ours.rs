//! Names that windlass adds beside Flux's: all under `windlass.dev`.

/// The epoch of the leader that last wrote for this object (decision 5).
pub(crate) const EPOCH: &str = "windlass.dev/epoch";

/// Field manager of what the agent writes for itself: the root pair, its CRDs, epochs and finalizers.
pub(crate) const MANAGER: &str = "windlass";

/// What requests to API servers call themselves.
pub(crate) const USER_AGENT: &str = concat!("windlass/", env!("CARGO_PKG_VERSION"));
