//! Job: Flux's API types (the CRDs are generated from them), conditions, inventory, identifiers.
//! Takes → gives: JSON ↔ typed values.
//! May touch: nothing.
//! Never: talks to a cluster; adds a field that Flux does not have.
