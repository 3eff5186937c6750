//! Values to YAML text as sigs.k8s.io/yaml writes it (go-yaml v2's emitter, a port of libyaml's).

mod order;
pub(super) mod scalar;
pub(super) mod writer;

use serde_json::{Map, Value};

use crate::yaml::emit::scalar::{Style, style_of};
use crate::yaml::emit::writer::Writer;
use crate::yaml::number;

/// The longest key that stands on one line with its colon; a longer one gets a `?` (libyaml).
pub(super) const SIMPLE_KEY_LIMIT: usize = 128;

/// Writes a value in block style: keys in go-yaml's order, lists not indented, text of many lines
/// as a literal block, lines folded near 80 columns, and quotes wherever a YAML 1.1 reader would
/// see anything but the text.
#[must_use]
pub fn to_string(value: &Value) -> String {
    write_all(value, Form::Text)
}

/// Writes what Flux takes digests of: as [`to_string`], but keys stand in the order of their bytes,
/// a key `<<` has no quotes, and large numbers have all their digits.
#[must_use]
pub fn to_digest_text(value: &Value) -> String {
    write_all(value, Form::Digest)
}

fn write_all(value: &Value, form: Form) -> String {
    let mut writer = Writer::new();
    write(&mut writer, value, Context::Root, form);
    writer.indent = 0;
    writer.start_line();
    writer.text
}

/// The keys of a map in the order go-yaml writes them.
#[must_use]
pub fn sorted_keys(fields: &Map<String, Value>) -> Vec<&str> {
    let sorted = order::sorted(fields, Form::Text).into_iter();
    sorted.map(|(key, _)| key).collect()
}

/// What is written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Text,
    Digest,
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    Root,
    Item,
    MapValue,
}

fn write(writer: &mut Writer, value: &Value, context: Context, form: Form) {
    match value {
        Value::Null => write_plain(writer, "null"),
        Value::Bool(true) => write_plain(writer, "true"),
        Value::Bool(false) => write_plain(writer, "false"),
        Value::Number(number) if form == Form::Digest => {
            write_plain(writer, &number::exact_text(number));
        }
        Value::Number(number) => write_plain(writer, &number::text(number)),
        Value::String(text) => write_text(writer, text),
        Value::Array(items) => write_list(writer, items, context, form),
        Value::Object(fields) => write_map(writer, fields, form),
    }
}

fn write_list(writer: &mut Writer, items: &[Value], context: Context, form: Form) {
    if items.is_empty() {
        writer.indicator("[", Space::Before);
        writer.indicator("]", Space::None);
        return;
    }
    let outer = writer.indent;
    // A list below its key is not indented.
    if context != Context::MapValue || writer.at_indent {
        writer.deepen();
    }
    for item in items {
        writer.start_line();
        writer.block_indicator("-");
        write(writer, item, Context::Item, form);
    }
    writer.indent = outer;
}

fn write_map(writer: &mut Writer, fields: &Map<String, Value>, form: Form) {
    if fields.is_empty() {
        writer.indicator("{", Space::Before);
        writer.indicator("}", Space::None);
        return;
    }
    let outer = writer.indent;
    writer.deepen();
    for (key, value) in order::sorted(fields, form) {
        writer.start_line();
        write_key(writer, key, form);
        write(writer, value, Context::MapValue, form);
    }
    writer.indent = outer;
}

fn write_key(writer: &mut Writer, key: &str, form: Form) {
    if key.contains('\n') || key.len() > SIMPLE_KEY_LIMIT {
        writer.block_indicator("?");
        write_text(writer, key);
        writer.start_line();
        writer.block_indicator(":");
    } else {
        // go-yaml writes `<<` without quotes and reads a merge key back.
        let style = if key == "<<" && form == Form::Digest {
            Style::Plain
        } else if key == "<<" {
            Style::DoubleQuoted
        } else {
            style_of(key)
        };
        scalar::write(writer, key, style, Folding::Never);
        writer.indicator(":", Space::None);
    }
}

fn write_plain(writer: &mut Writer, text: &str) {
    scalar::write(writer, text, Style::Plain, Folding::Never);
}

fn write_text(writer: &mut Writer, text: &str) {
    let outer = writer.indent;
    writer.indent = if outer < 0 {
        writer::STEP
    } else {
        outer + writer::STEP
    };
    scalar::write(writer, text, style_of(text), Folding::Allowed);
    writer.indent = outer;
}

/// Whether a blank stands before an indicator.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Space {
    Before,
    None,
}

/// Whether a long scalar may go on in the next line.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Folding {
    Allowed,
    Never,
}
