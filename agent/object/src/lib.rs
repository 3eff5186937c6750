//! Job: the unstructured Kubernetes object, YAML in and out, patches, selectors.
//! Takes → gives: bytes and values → values.
//! May touch: nothing.
//! Never: reads a file, a clock or the environment.

pub mod go_regex;
mod key;
mod object;
pub mod patch;
pub mod selector;
pub mod yaml;

pub use serde_json::{Map, Value};

pub use crate::key::{GroupVersionKind, ObjectKey};
pub use crate::object::{Object, ObjectError};
