//! The file formats: bytes to branches and back, as SOPS reads and writes them.

mod dotenv;
mod ini;
pub(crate) mod json;
mod yaml;

use zeroize::Zeroizing;

use crate::format::Format;
use crate::plain::Plain;
use crate::tree::{Branch, Entry, Node};

/// The key under which a binary file stands in its envelope.
const BINARY: &str = "data";

/// Reads the documents of a file.
pub(crate) fn read(bytes: &[u8], format: Format) -> Result<Vec<Branch>, String> {
    match format {
        Format::Binary | Format::Json => Ok(vec![json::read(bytes)?]),
        Format::Dotenv => Ok(vec![dotenv::read(bytes)?]),
        Format::Ini => Ok(vec![ini::read(bytes)?]),
        Format::Yaml => yaml::read(bytes),
    }
}

/// Writes documents; formats of one document write the first.
pub(crate) fn write(branches: &[Branch], format: Format) -> Result<Plain, String> {
    if format == Format::Yaml {
        return yaml::write(branches);
    }
    let branch = branches.first().ok_or("there is no document")?;
    match format {
        Format::Binary => binary(branch),
        Format::Dotenv => dotenv::write(branch),
        Format::Ini => ini::write(branches),
        Format::Json | Format::Yaml => json::write(branch),
    }
}

fn binary(branch: &Branch) -> Result<Plain, String> {
    let found = branch.iter().find_map(|entry| match entry {
        Entry::Pair(key, value) if key == BINARY => Some(value),
        _ => None,
    });
    match found {
        Some(Node::Text(text)) => Ok(Plain::new(text.to_vec())),
        Some(_) => Err(format!("its field {BINARY} is no text")),
        None => Err(format!("it has no field {BINARY}")),
    }
}

/// A value of a format that knows only text, as SOPS writes one that is something else.
fn plainly(node: &Node) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = match node {
        Node::Text(text) => return Ok(text.clone()),
        Node::Null => "<nil>".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Int(value) => value.to_string(),
        Node::Float(value) => crate::number::precise(*value),
        Node::Time(text) => text.clone(),
        Node::Map(_) | Node::List(_) | Node::Comment(_) => {
            return Err("maps and lists have no form in this format".to_owned());
        }
    };
    Ok(Zeroizing::new(text.into_bytes()))
}
