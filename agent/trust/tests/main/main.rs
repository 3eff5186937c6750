//! The room against real `git` and `ssh-keygen`, and against objects made by hand.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the room is pure; its tests run git and ssh-keygen and read their files"
)]

mod agreement;
mod ancestry;
mod archives;
mod bounds;
mod bump;
mod bumped;
mod chain;
mod charted;
mod charted_model;
mod charter;
mod corpus;
mod crafted;
mod gpg;
mod heal;
mod heartbeat;
mod hostile;
mod house;
mod kit;
mod model;
mod modes;
mod quorum;
mod range;
mod recall;
mod reference;
mod sk;
mod standing;
mod stricter;
mod unfolding;
mod unread;
mod validity;
mod versions;
mod view;
