//! Semantic versions and what the cluster can do.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::exec::methods::{NONE, TEXT, kube_version_text};
use crate::fault::Fault;
use crate::functions::arguments::text;
use crate::functions::{Function, Parameter};
use crate::semver::{Part, Version};
use crate::value::{IntKind, Value};

/// Methods of `.Capabilities.APIVersions`.
pub(super) const VERSION_SET: &[Function] = &[Function::new("Has", TEXT, |_, arguments| {
    let wanted = text(arguments, 1)?;
    let has = match arguments.first() {
        Some(Value::List(versions)) => versions
            .items
            .borrow()
            .iter()
            .any(|version| matches!(version, Value::Text(version) if *version == wanted)),
        _ => false,
    };
    Ok(Value::Bool(has))
})];

/// Methods of `.Capabilities.KubeVersion`.
pub(super) const KUBE: &[Function] = &[
    Function::new("String", NONE, |_, arguments| match arguments.first() {
        Some(Value::Struct(structure)) => Ok(kube_version_text(structure)),
        _ => Err(no_receiver()),
    }),
    Function::new("GitVersion", NONE, |_, arguments| match arguments.first() {
        Some(Value::Struct(structure)) => {
            Ok(structure.field("Version").cloned().unwrap_or(Value::Nil))
        }
        _ => Err(no_receiver()),
    }),
];

/// Methods of what `semver` gives.
pub(super) const VERSION: &[Function] = &[
    Function::new("Major", NONE, |_, a| number(a, |version| version.major)),
    Function::new("Minor", NONE, |_, a| number(a, |version| version.minor)),
    Function::new("Patch", NONE, |_, a| number(a, |version| version.patch)),
    Function::new("Prerelease", NONE, |_, a| {
        Ok(Value::text(&receiver(a)?.prerelease))
    }),
    Function::new("Metadata", NONE, |_, a| {
        Ok(Value::text(&receiver(a)?.metadata))
    }),
    Function::new("Original", NONE, |_, a| {
        Ok(Value::text(&receiver(a)?.original))
    }),
    Function::new("String", NONE, |_, a| {
        Ok(Value::text(receiver(a)?.to_string()))
    }),
    Function::new("IncMajor", NONE, |_, a| next(a, Part::Major)),
    Function::new("IncMinor", NONE, |_, a| next(a, Part::Minor)),
    Function::new("IncPatch", NONE, |_, a| next(a, Part::Patch)),
    Function::new("Compare", OTHER, |_, a| Ok(Value::int(compare(a)? as i64))),
    Function::new("Equal", OTHER, |_, a| {
        Ok(Value::Bool(compare(a)? == Ordering::Equal))
    }),
    Function::new("LessThan", OTHER, |_, a| {
        Ok(Value::Bool(compare(a)? == Ordering::Less))
    }),
    Function::new("LessThanEqual", OTHER, |_, a| {
        Ok(Value::Bool(compare(a)? != Ordering::Greater))
    }),
    Function::new("GreaterThan", OTHER, |_, a| {
        Ok(Value::Bool(compare(a)? == Ordering::Greater))
    }),
    Function::new("GreaterThanEqual", OTHER, |_, a| {
        Ok(Value::Bool(compare(a)? != Ordering::Less))
    }),
];

const OTHER: &[Parameter] = &[Parameter::Version];

fn no_receiver() -> Fault {
    Fault::new("the method has no receiver")
}

fn receiver(arguments: &[Value]) -> Result<&Version, Fault> {
    match arguments.first() {
        Some(Value::Version(version)) => Ok(version),
        _ => Err(no_receiver()),
    }
}

fn number(arguments: &[Value], part: fn(&Version) -> u64) -> Result<Value, Fault> {
    let number = part(receiver(arguments)?).cast_signed();
    Ok(Value::Int(number, IntKind::Uint64))
}

fn next(arguments: &[Value], part: Part) -> Result<Value, Fault> {
    Ok(Value::Version(Rc::new(receiver(arguments)?.next(part))))
}

fn compare(arguments: &[Value]) -> Result<Ordering, Fault> {
    match arguments.get(1) {
        Some(Value::Version(other)) => Ok(receiver(arguments)?.compare(other)),
        _ => Err(Fault::new(
            "runtime error: invalid memory address or nil pointer dereference",
        )),
    }
}
