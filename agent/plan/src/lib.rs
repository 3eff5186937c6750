//! Job: pure decisions: apply order, drift fingerprint, prune set, health, dependencies, lease step, back-off.
//! Takes → gives: values (time is an argument) → values.
//! May touch: nothing.
//! Never: reads a clock.
