//! The functions templates can call: Go's own, Sprig's and Helm's.

pub(crate) mod arguments;
mod builtin;
mod certificates;
mod dates;
mod decimal;
mod defaults;
mod dicts;
mod durations;
mod encoding;
mod flow;
mod hashes;
mod lists;
mod numbers;
mod paths;
mod random;
mod regexes;
mod strings;
mod urls;
mod versions;
mod words;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::engine::Context;
use crate::fault::Fault;
use crate::value::Value;

/// A function or method, with the types it takes.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) fixed: &'static [Parameter],
    /// The type of any number of further arguments.
    pub(crate) rest: Option<Parameter>,
    pub(crate) body: Body,
}

/// What a function does. The arguments have the types it asks for; a method's first one is its receiver.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    Plain(fn(&Context<'_>, &[Value]) -> Result<Value, Fault>),
    /// `and`, which evaluates no further than it must.
    And,
    /// `or`, likewise.
    Or,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Any,
    /// Any value or none, told apart: reflect.Value.
    Reflect,
    Text,
    Int,
    Float,
    Bool,
    Map,
    Time,
    Version,
    Duration,
    /// `uint32`, which no value is, only a number as written.
    Uint32,
    /// `[]interface {}`.
    Items,
    Certificate,
}

static TABLE: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let tables: &[&'static [Function]] = &[
        builtin::FUNCTIONS,
        certificates::FUNCTIONS,
        dates::FUNCTIONS,
        defaults::FUNCTIONS,
        dicts::FUNCTIONS,
        durations::FUNCTIONS,
        encoding::FUNCTIONS,
        flow::FUNCTIONS,
        hashes::FUNCTIONS,
        lists::FUNCTIONS,
        numbers::FUNCTIONS,
        paths::FUNCTIONS,
        random::FUNCTIONS,
        regexes::FUNCTIONS,
        strings::FUNCTIONS,
        urls::FUNCTIONS,
        versions::FUNCTIONS,
        words::FUNCTIONS,
    ];
    let functions = tables.iter().flat_map(|table| table.iter());
    functions
        .map(|function| (function.name, function))
        .collect()
});

/// The function of a name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    TABLE.get(name).copied()
}

// === impl Function ===

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Function {
    pub(crate) const fn new(
        name: &'static str,
        fixed: &'static [Parameter],
        body: fn(&Context<'_>, &[Value]) -> Result<Value, Fault>,
    ) -> Self {
        Self {
            name,
            fixed,
            rest: None,
            body: Body::Plain(body),
        }
    }

    /// One that takes any number of further arguments.
    pub(crate) const fn variadic(
        name: &'static str,
        fixed: &'static [Parameter],
        rest: Parameter,
        body: fn(&Context<'_>, &[Value]) -> Result<Value, Fault>,
    ) -> Self {
        Self {
            name,
            fixed,
            rest: Some(rest),
            body: Body::Plain(body),
        }
    }

    /// The type of the argument at an index.
    pub(crate) fn parameter(&self, index: usize) -> Parameter {
        let fixed = self.fixed.get(index).copied();
        fixed.or(self.rest).unwrap_or(Parameter::Any)
    }
}

// === impl Parameter ===

impl Parameter {
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Text => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::Time => "time.Time",
            Self::Version => "*semver.Version",
            Self::Duration => "time.Duration",
            Self::Uint32 => "uint32",
            Self::Items => "[]interface {}",
            Self::Certificate => "sprig.certificate",
        }
    }

    /// What Go calls a constant of the type; none where the type has no constants.
    pub(crate) fn constant_name(self) -> Option<&'static str> {
        match self {
            Self::Text => Some("string"),
            Self::Int | Self::Duration => Some("integer"),
            Self::Float => Some("float"),
            Self::Uint32 => Some("unsigned integer"),
            Self::Bool => Some("bool"),
            _ => None,
        }
    }

    pub(crate) fn takes_nil(self) -> bool {
        matches!(
            self,
            Self::Any | Self::Reflect | Self::Map | Self::Version | Self::Items
        )
    }
}
