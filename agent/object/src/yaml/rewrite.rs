//! Other scalars in a text that keeps its layout: comments, blank lines, the order of keys, quotes.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, options};
use serde_json::Value;

use crate::yaml::emit::Folding;
use crate::yaml::emit::scalar::{self, Style};
use crate::yaml::emit::writer::Writer;
use crate::yaml::{Dialect, Limits, number, parse_documents_as};

/// What the text says at a place, and what it is to say.
type Change<'v> = (&'v Value, &'v Value);

/// Writes the scalars of `after` where those of `before` stand; `before` is what the text says in this
/// dialect. Nothing else of the text changes, so that a scalar without quotes has them afterwards only
/// where its new text needs them.
///
/// None when that is not enough: a field comes or goes, a value that nobody wrote gets one, a scalar stands in
/// a block of lines, has a tag, or is read at several places by its anchor.
#[must_use]
pub fn rewrite(text: &str, dialect: Dialect, before: &Value, after: &Value) -> Option<String> {
    let limits = Limits::DEFAULT;
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let events = std::iter::from_fn(|| parser.next_event()?.ok());
    let mut walk = Walk {
        events: events.skip_while(|(event, _)| !is_node(event)),
        edits: Vec::new(),
    };
    walk.node(Some((before, after)), false)?;
    let written = applied(text, walk.edits)?;
    let read = parse_documents_as(dialect, written.as_bytes(), &limits).ok()?;
    let is_meant = matches!(read.as_slice(), [only] if only.value == *after);
    is_meant.then_some(written)
}

struct Walk<I> {
    events: I,
    /// What is written instead of which bytes, in the order of the text.
    edits: Vec<(Range<usize>, String)>,
}

// === impl Walk ===

impl<'t, I: Iterator<Item = (Event<'t>, Span)>> Walk<I> {
    /// Takes the events of one node; a change is none where nothing is known to differ.
    fn node(&mut self, change: Option<Change<'_>>, in_flow: bool) -> Option<()> {
        let (event, span) = self.events.next()?;
        self.opened(&event, span, change, in_flow)
    }

    fn opened(
        &mut self,
        event: &Event<'t>,
        span: Span,
        change: Option<Change<'_>>,
        in_flow: bool,
    ) -> Option<()> {
        match event {
            Event::Scalar(_, style, ..) => match change {
                Some((before, after)) if before != after => {
                    let bytes = span.start.byte_offset()?..span.end.byte_offset()?;
                    if bytes.is_empty() {
                        return None;
                    }
                    self.edits.push((bytes, text_of(after, *style, in_flow)?));
                    Some(())
                }
                _ => Some(()),
            },
            Event::MappingStart(style, ..) => self.map(change, in_flow || is_flow(*style)),
            Event::SequenceStart(style, ..) => self.list(change, in_flow || is_flow(*style)),
            _ => Some(()),
        }
    }

    fn map(&mut self, change: Option<Change<'_>>, in_flow: bool) -> Option<()> {
        loop {
            let (event, span) = self.events.next()?;
            let key = match event {
                Event::MappingEnd => return Some(()),
                Event::Scalar(key, ..) => Some(key),
                other => {
                    self.opened(&other, span, None, in_flow)?;
                    None
                }
            };
            let change = key
                .zip(change)
                .and_then(|(key, (before, after))| Some((before.get(&*key)?, after.get(&*key)?)));
            self.node(change, in_flow)?;
        }
    }

    fn list(&mut self, change: Option<Change<'_>>, in_flow: bool) -> Option<()> {
        for index in 0.. {
            let (event, span) = self.events.next()?;
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            let change =
                change.and_then(|(before, after)| Some((before.get(index)?, after.get(index)?)));
            self.opened(&event, span, change, in_flow)?;
        }
        Some(())
    }
}

fn is_node(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Scalar(..) | Event::MappingStart(..) | Event::SequenceStart(..)
    )
}

fn is_flow(style: StructureStyle) -> bool {
    style == StructureStyle::Flow
}

/// A scalar as it is written where one in this style stood.
fn text_of(value: &Value, style: ScalarStyle, in_flow: bool) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => return Some(number::text(number)),
        Value::Bool(_) | Value::Null => return Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => return None,
    };
    let free = match scalar::style_with_tabs(text) {
        Style::Literal => Style::DoubleQuoted,
        Style::Plain if in_flow && text.contains([',', '[', ']', '{', '}', '?']) => {
            Style::SingleQuoted
        }
        other => other,
    };
    let style = match (style, free) {
        (ScalarStyle::Plain, free) => free,
        (ScalarStyle::SingleQuoted, Style::Plain | Style::SingleQuoted) => Style::SingleQuoted,
        (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, _) => Style::DoubleQuoted,
        (ScalarStyle::Literal | ScalarStyle::Folded, _) => return None,
    };
    let mut writer = Writer::with_step(2);
    scalar::write(&mut writer, text, style, Folding::Never);
    Some(writer.text)
}

fn applied(text: &str, edits: Vec<(Range<usize>, String)>) -> Option<String> {
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for (bytes, new) in edits {
        written.push_str(text.get(done..bytes.start)?);
        written.push_str(&new);
        done = bytes.end;
    }
    written.push_str(text.get(done..)?);
    Some(written)
}

#[cfg(test)]
mod tests;
