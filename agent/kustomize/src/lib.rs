//! Job: kustomize build (v5.8 semantics, as Flux calls it) on a tree passed in, and post-build substitution.
//! Takes → gives: a `Tree`, a path and an `Overlay` → `Built` objects with their origin.
//! May touch: nothing (files come through the `Tree`).
//! Never: opens a file or a socket, starts a program, or ignores a field it does not know.

mod accumulate;
mod build;
mod cluster_scope;
mod config;
mod crd;
mod error;
mod field_spec;
mod generator;
mod hash;
mod identity;
mod kustomization;
mod load;
mod name_reference;
mod object_path;
mod overlay;
mod patch;
mod pattern;
mod plugin;
mod provenance;
mod references;
mod remote;
mod replacement;
mod resource;
mod resource_map;
mod secret_file;
mod selector;
mod shared;
mod sort;
mod stages;
pub mod substitute;
mod transform;
mod tree;
mod types;
mod variable;

pub use crate::accumulate::Crew;
pub use crate::build::{Built, DefaultOrder, build, build_directory};
pub use crate::cluster_scope::is_cluster_scoped;
pub use crate::error::{BuildError, Cause, Place};
pub use crate::kustomization::BuildMetadata;
pub use crate::overlay::{ImageOverride, Overlay, OverlayPatch};
pub use crate::references::{References, RemoteReference, RemoteRole, references};
pub use crate::remote::{GitReference, git_reference, is_http, looks_like_git};
pub use crate::secret_file::{FileRole, SecretFile, secret_files};
pub use crate::selector::Selector;
pub use crate::tree::{Entry, EntryKind, RemoteError, Tree, TreeError};
