//! `.Files` and `.Values`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::codec::yaml;
use crate::engine::Context;
use crate::exec::methods::{NONE, TEXT};
use crate::fault::Fault;
use crate::functions::Function;
use crate::functions::arguments::{map, text};
use crate::glob::Glob;
use crate::value::{Map, MapKind, Text, Value};

/// Methods of `.Files`.
pub(super) const FILES: &[Function] = &[
    Function::new("Get", TEXT, |_, arguments| {
        Ok(Value::text(content(arguments)))
    }),
    Function::new("GetBytes", TEXT, |_, arguments| {
        Ok(Value::Bytes(content(arguments).into()))
    }),
    Function::new("Glob", TEXT, matching),
    Function::new("AsConfig", NONE, as_config),
    Function::new("AsSecrets", NONE, as_secrets),
    Function::new("Lines", TEXT, |_, arguments| {
        let content = content(arguments);
        if content.is_empty() {
            return Ok(Value::texts::<&[u8]>([]));
        }
        let content = content.strip_suffix(b"\n").unwrap_or(&content);
        Ok(Value::texts(content.split(|byte| *byte == b'\n')))
    }),
];

/// Methods of `.Values`, which win over keys of the same name.
pub(super) const VALUES: &[Function] = &[
    Function::new("AsMap", NONE, |_, arguments| {
        let values = map(arguments, 0)?;
        Ok(Value::Map(values.as_kind(MapKind::Any)))
    }),
    Function::new("YAML", NONE, |_, arguments| {
        Ok(Value::text(yaml::encode(&Value::Map(map(arguments, 0)?))?))
    }),
    Function::new("Table", TEXT, |_, arguments| {
        let path = text(arguments, 1)?;
        table(&map(arguments, 0)?, &path.to_str())
    }),
    Function::new("PathValue", TEXT, path_value),
];

fn content(arguments: &[Value]) -> Vec<u8> {
    let found = match (arguments.first(), arguments.get(1)) {
        (Some(Value::Map(files)), Some(Value::Text(name))) => files.get(name.as_bytes()),
        _ => None,
    };
    match found {
        Some(Value::Bytes(bytes)) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

fn matching(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let pattern = text(arguments, 1)?;
    // A pattern that is none matches everything, as in Helm.
    let glob = Glob::new(&pattern.to_str()).or_else(|| Glob::new("**"));
    let files = map(arguments, 0)?.snapshot().into_iter();
    let files = files.filter(|(name, _)| {
        let glob = glob.as_ref();
        glob.is_some_and(|glob| glob.matches(&name.to_str()))
    });
    Ok(Value::Map(Map::new(MapKind::Files, files.collect())))
}

fn as_config(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    by_base_name(arguments, |bytes| Value::text(bytes))
}

fn as_secrets(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    by_base_name(arguments, |bytes| Value::text(STANDARD.encode(bytes)))
}

fn by_base_name(arguments: &[Value], show: fn(&[u8]) -> Value) -> Result<Value, Fault> {
    let mut entries = BTreeMap::new();
    for (name, content) in map(arguments, 0)?.snapshot() {
        let Value::Bytes(content) = content else {
            continue;
        };
        let name = name.to_str();
        let base = name.rsplit('/').next().unwrap_or_default();
        entries.insert(Text::from(base), show(&content));
    }
    let text = yaml::encode(&Value::map(entries))?;
    Ok(Value::text(text.strip_suffix('\n').unwrap_or(&text)))
}

fn table(values: &Map, path: &str) -> Result<Value, Fault> {
    let mut table = values.as_kind(MapKind::Values);
    for key in path.split('.') {
        match table.get(key.as_bytes()) {
            Some(Value::Map(inner)) => table = inner.as_kind(MapKind::Values),
            _ => return Err(Fault::new(format!("{key:?} is not a table"))),
        }
    }
    Ok(Value::Map(table))
}

fn path_value(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let path = text(arguments, 1)?.to_str().into_owned();
    if path.is_empty() {
        return Err(Fault::new("YAML path cannot be empty"));
    }
    let values = map(arguments, 0)?;
    let (parent, key) = match path.rsplit_once('.') {
        Some((parent, key)) => (table(&values, parent), key),
        None => (Ok(Value::Map(values)), path.as_str()),
    };
    let found = match parent {
        Ok(Value::Map(parent)) => parent.get(key.as_bytes()),
        _ => None,
    };
    match found {
        Some(Value::Map(_)) | None => Err(Fault::new(format!("{key:?} is not a value"))),
        Some(value) => Ok(value),
    }
}
