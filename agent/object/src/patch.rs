//! Patches: JSON patch, JSON merge patch, strategic merge patch.

pub mod json;
mod merge;
pub mod strategic;

pub use crate::patch::json::PatchError;

pub use crate::patch::merge::merge;
