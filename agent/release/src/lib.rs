//! Job: what a HelmRelease comes to: its chart out of a source's files, its values, and the objects after all that is done to them.
//! Takes → gives: a spec, files, what references lead to, a rendered chart → a chart, values, `Prepared`.
//! May touch: nothing (files come through a `Tree`).
//! Never: asks a cluster, fetches, or decides what is done next to a release.

pub mod chart;
mod definitions;
pub mod index;
mod objects;
mod owner;
mod post_render;
mod prepared;
mod revision;
mod values;

pub use crate::definitions::{Definitions, definitions, policy};
pub use crate::objects::{of_manifest, parse};
pub use crate::owner::Owner;
pub use crate::prepared::{Definition, Prepared, finish};
pub use crate::revision::{Preserved, preserving};
pub use crate::values::{Gathered, word};
