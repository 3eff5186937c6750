//! The generated CRDs: as packaged, as Flux has them, and on a corpus of objects.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod corpus;
mod crds;
mod flux;
