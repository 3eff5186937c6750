//! Values to YAML text as sigs.k8s.io/yaml writes it.

use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use serde_json::{Number, Value};

use crate::yaml::scalar;

/// Writes a value in block style: keys sorted, lists not indented, text of many lines as a
/// literal block, and quotes wherever a YAML 1.1 reader would see anything but the text.
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut output = Vec::new();
    let mut events = Vec::new();
    collect(value, &mut events);
    let mut emitter = Emitter::new();
    emitter.set_unicode(true);
    emitter.set_output_string(&mut output);
    let written = [
        Event::stream_start(Encoding::Utf8),
        Event::document_start(None, &[], true),
    ]
    .into_iter()
    .chain(events)
    .chain([Event::document_end(true), Event::stream_end()])
    .try_for_each(|event| emitter.emit(event));
    written.expect("a tree of values is a well-formed sequence of events, and memory takes it");
    drop(emitter);
    String::from_utf8(output).expect("the emitter was told to write UTF-8")
}

fn collect(value: &Value, events: &mut Vec<Event>) {
    match value {
        Value::Null => events.push(plain("null")),
        Value::Bool(value) => events.push(plain(if *value { "true" } else { "false" })),
        Value::Number(number) => events.push(plain(&number_text(number))),
        Value::String(text) => events.push(text_event(text)),
        Value::Array(items) => {
            events.push(Event::sequence_start(
                None,
                None,
                true,
                SequenceStyle::Block,
            ));
            for item in items {
                collect(item, events);
            }
            events.push(Event::sequence_end());
        }
        Value::Object(fields) => {
            events.push(Event::mapping_start(None, None, true, MappingStyle::Block));
            for (key, value) in fields {
                events.push(text_event(key));
                collect(value, events);
            }
            events.push(Event::mapping_end());
        }
    }
}

fn plain(text: &str) -> Event {
    Event::scalar(None, None, text, true, true, ScalarStyle::Plain)
}

fn text_event(text: &str) -> Event {
    let style = if text.contains('\n') {
        ScalarStyle::Literal
    } else if scalar::needs_quotes(text) {
        ScalarStyle::DoubleQuoted
    } else {
        ScalarStyle::Plain
    };
    Event::scalar(None, None, text, true, true, style)
}

fn number_text(number: &Number) -> String {
    number.to_string()
}
