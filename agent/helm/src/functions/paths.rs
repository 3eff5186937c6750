//! Paths of files, which are only text here.

use crate::functions::arguments::string;
use crate::functions::{Function, Parameter};
use crate::value::Value;

use Parameter::Text;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", &[Text], |_, a| {
        Ok(Value::text(base(&string(a, 0)?)))
    }),
    Function::new("osBase", &[Text], |_, a| {
        Ok(Value::text(base(&string(a, 0)?)))
    }),
    Function::new("dir", &[Text], |_, a| Ok(Value::text(dir(&string(a, 0)?)))),
    Function::new("osDir", &[Text], |_, a| {
        Ok(Value::text(dir(&string(a, 0)?)))
    }),
    Function::new("clean", &[Text], |_, a| {
        Ok(Value::text(clean(&string(a, 0)?)))
    }),
    Function::new("osClean", &[Text], |_, a| {
        Ok(Value::text(clean(&string(a, 0)?)))
    }),
    Function::new("ext", &[Text], |_, a| {
        Ok(Value::text(extension(&string(a, 0)?)))
    }),
    Function::new("osExt", &[Text], |_, a| {
        Ok(Value::text(extension(&string(a, 0)?)))
    }),
    Function::new("isAbs", &[Text], |_, a| {
        Ok(Value::Bool(string(a, 0)?.starts_with('/')))
    }),
    Function::new("osIsAbs", &[Text], |_, a| {
        Ok(Value::Bool(string(a, 0)?.starts_with('/')))
    }),
];

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("") | None => "/".to_owned(),
        Some(base) => base.to_owned(),
    }
}

fn dir(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    clean(path.get(..end).unwrap_or_default())
}

fn extension(path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or_default();
    let start = base.rfind('.').unwrap_or(base.len());
    base.get(start..).unwrap_or_default().to_owned()
}

/// Go's `path.Clean`.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
