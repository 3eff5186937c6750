//! JSON, YAML and TOML, written and read as Go does.

pub(crate) mod json;
pub(crate) mod pretty;
pub(crate) mod toml;
pub(crate) mod yaml;
