//! ConfigMaps and Secrets made from literals, files and env files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use windlass_object::{Map, Value};

use crate::error::{Cause, Step};
use crate::kustomization::{GeneratorArguments, GeneratorOptions};
use crate::load::read_file;
use crate::resource::{Origin, Resource, map_in, map_of};
use crate::tree::Tree;

/// kustomize breaks base64 into lines of this length, and the name hash sees the line breaks.
const BASE64_LINE: usize = 70;

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    ConfigMap,
    Secret,
}

/// Makes the ConfigMap or Secret of one generator.
///
/// # Errors
/// A source cannot be read or is malformed, a key is there twice, or the name is missing.
pub(crate) fn generate(
    tree: &dyn Tree,
    directory: &str,
    generated: Generated,
    arguments: &GeneratorArguments,
    global: &GeneratorOptions,
    origin: Origin,
) -> Step<Resource> {
    if arguments.name.is_empty() {
        return Err(Cause::invalid("name is missing"));
    }
    if generated == Generated::ConfigMap && !arguments.secret_type.is_empty() {
        return Err(Cause::invalid("type is for secretGenerator only"));
    }
    let options = arguments.options.over(global);
    let mut value = json!({
        "apiVersion": "v1",
        "kind": match generated {
            Generated::ConfigMap => "ConfigMap",
            Generated::Secret => "Secret",
        },
        "metadata": {"name": arguments.name},
    });
    let fields = map_of(&mut value);
    let metadata = map_in(fields, "metadata");
    if !arguments.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(arguments.namespace));
    }
    for (field, entries) in [
        ("labels", &options.labels),
        ("annotations", &options.annotations),
    ] {
        if !entries.is_empty() {
            metadata.insert(field.to_owned(), json!(entries));
        }
    }
    let content = content(tree, directory, arguments)?;
    match generated {
        Generated::ConfigMap => fill_config_map(fields, content),
        Generated::Secret => fill_secret(fields, &arguments.secret_type, content),
    }
    if options.immutable {
        fields.insert("immutable".to_owned(), Value::Bool(true));
    }
    let mut resource = Resource::new(value, origin);
    resource.behavior = arguments.behavior.into();
    resource.is_generated = true;
    resource.needs_hash = !options.disable_name_suffix_hash;
    Ok(resource)
}

fn fill_config_map(fields: &mut Map<String, Value>, content: BTreeMap<String, Vec<u8>>) {
    for (key, bytes) in content {
        match String::from_utf8(bytes) {
            Ok(text) => map_in(fields, "data").insert(key, Value::String(text)),
            Err(error) => {
                let encoded = Value::String(base64_lines(error.as_bytes()));
                map_in(fields, "binaryData").insert(key, encoded)
            }
        };
    }
}

fn fill_secret(
    fields: &mut Map<String, Value>,
    secret_type: &str,
    content: BTreeMap<String, Vec<u8>>,
) {
    let secret_type = if secret_type.is_empty() {
        "Opaque"
    } else {
        secret_type
    };
    fields.insert("type".to_owned(), json!(secret_type));
    let data = map_in(fields, "data");
    for (key, bytes) in content {
        data.insert(key, Value::String(base64_lines(&bytes)));
    }
}

fn content(
    tree: &dyn Tree,
    directory: &str,
    arguments: &GeneratorArguments,
) -> Step<BTreeMap<String, Vec<u8>>> {
    let mut content = BTreeMap::new();
    let mut add = |key: String, value: Vec<u8>| {
        let message = || format!("the key {key:?} is there twice");
        if content.contains_key(&key) {
            return Err(Cause::invalid(message()));
        }
        content.insert(key, value);
        Ok(())
    };
    let singular = (!arguments.env.is_empty()).then_some(&arguments.env);
    for path in arguments.envs.iter().chain(singular) {
        let text = read_file(tree, directory, path)?;
        for (key, value) in env_file(&text).map_err(|error| in_file(path, &error))? {
            add(key, value.into_bytes())?;
        }
    }
    for source in &arguments.literals {
        let (key, value) = literal(source)?;
        add(key.to_owned(), value.as_bytes().to_vec())?;
    }
    for source in &arguments.files {
        let (key, path) = file_source(source)?;
        add(key.to_owned(), read_file(tree, directory, path)?)?;
    }
    Ok(content)
}

fn in_file(path: &str, message: &str) -> Cause {
    Cause::invalid(format!("{path}: {message}"))
}

/// `key=value`; one pair of quotes around the value is taken off.
fn literal(source: &str) -> Step<(&str, &str)> {
    match source.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key, unquote(value))),
        _ => Err(Cause::invalid(format!(
            "the literal {source:?} must be key=value"
        ))),
    }
}

fn unquote(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value)
}

/// `path`, whose last segment is the key, or `key=path`.
fn file_source(source: &str) -> Step<(&str, &str)> {
    match source.split_once('=') {
        None => Ok((source.rsplit('/').next().unwrap_or(source), source)),
        Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => {
            Ok((key, path))
        }
        Some(_) => Err(Cause::invalid(format!(
            "the file {source:?} must be path or key=path"
        ))),
    }
}

/// Lines of `KEY=VALUE`; empty lines and lines that start with `#` are left out, and a line without
/// `=` is a key with an empty value.
fn env_file(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut entries = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line =
            std::str::from_utf8(line).map_err(|_| format!("line {} is not UTF-8", index + 1))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if index == 0 {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        let line = line.trim_start();
        if line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            entries.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(entries)
}

/// Base64; over one line's length it is broken, with a line break after the last line, too.
fn base64_lines(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    if encoded.len() < BASE64_LINE {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / BASE64_LINE + 1);
    for (index, character) in encoded.chars().enumerate() {
        if index > 0 && index % BASE64_LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests;
