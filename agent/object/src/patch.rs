//! Patches: JSON patch, JSON merge patch, strategic merge patch.

pub mod json;
mod merge;
pub mod strategic;
mod three_way;

pub use crate::patch::json::PatchError;
pub use crate::patch::merge::{difference, merge};
pub use crate::patch::three_way::three_way;
