//! Job: SOPS files and objects to plaintext, and whether what they say is all that was encrypted.
//! Takes → gives: bytes and a [`KeyService`] → [`Decrypted`] plaintext with the verdict on its MAC.
//! May touch: nothing (keys are passed in).
//! Never: opens a file or a socket, prints a key or a plaintext, or asks a key server that a file names.

mod cipher;
mod decrypt;
mod error;
mod flatten;
mod format;
mod keys;
mod metadata;
mod number;
mod plain;
mod rules;
mod shamir;
mod store;
mod tree;
mod walk;

pub use crate::decrypt::{
    Decrypted, Decryptor, Integrity, MAXIMUM_SIZE, is_ciphertext, is_encrypted,
};
pub use crate::error::{Error, KeyError};
pub use crate::format::Format;
pub use crate::keys::{KeyService, Keyring, MasterKey};
pub use crate::plain::Plain;
