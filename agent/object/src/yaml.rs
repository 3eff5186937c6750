//! YAML in, as Kubernetes' Go stack reads it, and out, as it writes it.
//!
//! Reading follows sigs.k8s.io/yaml 1.6 (the reader of kubectl and of the API server), which is
//! go-yaml v2: YAML 1.1 scalars, then JSON. The event parser is a port of libyaml, as is go-yaml's.
//! Differences, all on purpose: a key written twice is an error, and every error has a column.

mod arena;
pub mod commented;
mod convert;
mod decode;
mod emit;
mod events;
mod kustomize;
mod number;
mod objects;
mod rewrite;
mod scalar;
mod timestamp;

use serde_json::Value;

use crate::yaml::arena::Arena;
use crate::yaml::events::{Comments, Failure, Text};

pub use crate::yaml::emit::{sorted_keys, to_digest_text, to_string};
pub use crate::yaml::objects::parse_objects;
pub use crate::yaml::rewrite::rewrite;

/// What one input may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the input; also of all its text once aliases are written out.
    pub bytes: usize,
    /// How deep maps and lists may nest once aliases are written out.
    pub depth: usize,
    /// Scalars, maps and lists once aliases are written out.
    pub nodes: usize,
}

/// Which reader's rules give a scalar its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// sigs.k8s.io/yaml, as kubectl and the API server read: `yes`, `on` and `y` are true.
    Kubernetes,
    /// sigs.k8s.io/yaml where nobody asks it to be strict, as Helm reads: as [`Dialect::Kubernetes`],
    /// but the last of equal keys counts.
    Lenient,
    /// go-yaml v3, as kustomize (and so Flux) reads: only `true` is true, a time without quotes
    /// becomes RFC 3339 text, and no merge key overrides a key.
    Kustomize,
}

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The line its first node is on, from 1.
    pub line: usize,
    /// What it says.
    pub value: Value,
}

/// Why a text is not read; line and column count from 1, the column in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// The line of the mistake.
    pub line: usize,
    /// The column of the mistake.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

// === impl Limits ===

impl Limits {
    /// What a manifest gets: etcd refuses an object over 1.5 MiB, so 64 MiB holds any file of
    /// many; serde_json reads 127 levels back from the API server; a million nodes is about
    /// ten times the largest bundles of custom resource definitions.
    pub const DEFAULT: Self = Self {
        bytes: 64 << 20,
        depth: 127,
        nodes: 1_000_000,
    };
}

// === impl YamlError ===

impl YamlError {
    fn new(position: Position, message: impl Into<String>) -> Self {
        Self {
            line: position.line,
            column: position.column,
            message: message.into(),
        }
    }
}

/// A place in the text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
}

/// Reads every document of a YAML (or JSON) stream; documents that are empty or null are dropped.
///
/// # Errors
/// The text is no UTF-8 or UTF-16, is no YAML, has a key twice, has a value JSON cannot hold
/// (`.inf`, `.nan`), or goes over a limit.
pub fn parse_documents(text: &[u8], limits: &Limits) -> Result<Vec<Document>, YamlError> {
    parse_documents_as(Dialect::Kubernetes, text, limits)
}

/// Reads like [`parse_documents`], by the scalar rules of the given dialect.
///
/// # Errors
/// As [`parse_documents`].
pub fn parse_documents_as(
    dialect: Dialect,
    text: &[u8],
    limits: &Limits,
) -> Result<Vec<Document>, YamlError> {
    let text = prepare(text, limits)?;
    read(text, limits, Comments::Dropped, |arena| {
        documents(arena, dialect)
    })
}

fn prepare<'t>(text: &'t [u8], limits: &Limits) -> Result<Text<'t>, YamlError> {
    if text.len() > limits.bytes {
        let start = Position { line: 1, column: 1 };
        let message = format!("the file has more than {} bytes; split it", limits.bytes);
        return Err(YamlError::new(start, message));
    }
    Ok(Text::new(decode::to_utf8(text)?))
}

/// Reads a text into nodes, correcting what libyaml would read, and gives what is made of them.
fn read<T>(
    mut text: Text<'_>,
    limits: &Limits,
    comments: Comments,
    then: impl FnOnce(Arena<'_>) -> Result<T, YamlError>,
) -> Result<T, YamlError> {
    // What may be read again after a correction, so that one input costs two at most.
    let mut spare = limits.bytes;
    loop {
        match events::read(&text, limits, comments) {
            Ok(arena) => return then(arena),
            Err(Failure::QuotedIndentation { offset, .. }) if text.len() < spare => {
                spare -= text.len();
                text.indent_at(offset);
            }
            Err(Failure::QuotedIndentation { error, .. } | Failure::Other(error)) => {
                return Err(error);
            }
        }
    }
}

fn documents(mut arena: Arena<'_>, dialect: Dialect) -> Result<Vec<Document>, YamlError> {
    let mut documents = Vec::with_capacity(arena.roots.len());
    for root in std::mem::take(&mut arena.roots) {
        let line = arena.position(root).line;
        let value = convert::to_value(&mut arena, root, dialect)?;
        if !value.is_null() {
            documents.push(Document { line, value });
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests;
