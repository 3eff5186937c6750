//! Job: Flux's API types (the CRDs are generated from them), conditions, inventory, identifiers.
//! Takes → gives: JSON ↔ typed values.
//! May touch: nothing.
//! Never: talks to a cluster; adds a field that Flux does not have.

pub mod alert;
pub mod bucket;
pub mod conditions;
mod crds;
pub mod duration;
pub mod git_repository;
pub mod helm_chart;
pub mod helm_release;
pub mod helm_repository;
pub mod history;
pub mod inventory;
pub mod kustomization;
pub mod meta;
pub mod migrate;
pub mod names;
pub mod node;
pub mod oci_repository;
pub mod parse;
pub mod pause;
pub mod provider;
pub mod reasons;
pub mod receiver;
pub mod suspension;
mod text;
pub mod time;
mod tolerant;

pub use crate::crds::{crd_files, crds};
