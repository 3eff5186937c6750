//! Entries to text as go-yaml v3 writes it with four blanks a level, which is what SOPS writes.
//!
//! The emitter holds comments back and writes them at certain steps only; where that moves one, so
//! does this.

use crate::yaml::commented::{Comment, Entry, Item, Node};
use crate::yaml::emit::scalar::{self, Style};
use crate::yaml::emit::writer::Writer;
use crate::yaml::emit::{Folding, SIMPLE_KEY_LIMIT, Space};
use crate::yaml::number;

/// The indentation of one level.
const STEP: i32 = 4;

/// Writes documents, each a map.
#[must_use]
pub fn write(documents: &[Vec<Entry<'_>>]) -> String {
    let mut emitter = Emitter {
        writer: Writer::with_step(STEP),
        head: None,
        line: None,
        foot: None,
    };
    for (index, document) in documents.iter().enumerate() {
        emitter.document(document, index == 0);
    }
    emitter.writer.text
}

struct Emitter {
    writer: Writer,
    /// A comment to be written before the next key or item: go-yaml writes that of an empty map or
    /// list late, or loses it to another.
    head: Option<String>,
    /// The comment for the line of the next scalar.
    line: Option<String>,
    /// A comment to be written behind the next scalar: go-yaml writes that of a nested map or list
    /// late.
    foot: Option<String>,
}

/// Comments and the value they stand before.
struct Part<'p, 't, V> {
    head: Vec<&'p Comment<'t>>,
    inline: Vec<&'p Comment<'t>>,
    value: V,
}

/// A map or list in parts: comments before the first go to the whole, and those behind the last
/// have no value.
struct Parts<'p, 't, V> {
    first: Vec<&'p Comment<'t>>,
    parts: Vec<Part<'p, 't, V>>,
    behind: Vec<&'p Comment<'t>>,
}

type Pair<'p, 't> = (&'p str, &'p Node<'t>);

// === impl Parts ===

impl<'p, 't, V> Parts<'p, 't, V> {
    fn new(elements: impl Iterator<Item = Result<V, &'p Comment<'t>>>) -> Self {
        let mut parts = Self {
            first: Vec::new(),
            parts: Vec::new(),
            behind: Vec::new(),
        };
        let (mut head, mut inline) = (Vec::new(), Vec::new());
        for element in elements {
            match element {
                Err(comment) if comment.inline => inline.push(comment),
                Err(comment) => head.push(comment),
                Ok(value) => {
                    if parts.parts.is_empty() {
                        parts.first = std::mem::take(&mut head);
                    }
                    parts.parts.push(Part {
                        head: std::mem::take(&mut head),
                        inline: std::mem::take(&mut inline),
                        value,
                    });
                }
            }
        }
        head.extend(inline);
        if parts.parts.is_empty() {
            parts.first = head;
        } else {
            parts.behind = head;
        }
        parts
    }
}

fn map_parts<'p, 't>(entries: &'p [Entry<'t>]) -> Parts<'p, 't, Pair<'p, 't>> {
    Parts::new(entries.iter().map(|entry| match entry {
        Entry::Comment(comment) => Err(comment),
        Entry::Pair(key, value) => Ok((key.as_ref(), value)),
    }))
}

fn list_parts<'p, 't>(items: &'p [Item<'t>]) -> Parts<'p, 't, &'p Node<'t>> {
    Parts::new(items.iter().map(|item| match item {
        Item::Comment(comment) => Err(comment),
        Item::Value(value) => Ok(value),
    }))
}

// === impl Emitter ===

impl Emitter {
    fn document(&mut self, entries: &[Entry<'_>], first: bool) {
        self.writer.indent = -1;
        if !first {
            self.writer.start_line();
            self.writer.indicator("---", Space::Before);
            self.writer.start_line();
        }
        let parts = map_parts(entries);
        self.comments(&parts.first);
        self.map(&parts, Context::Root);
        self.writer.indent = -1;
        if self.foot.is_some() {
            self.writer.set_apart();
            self.write_foot();
        }
        self.writer.apart = None;
        self.writer.start_line();
    }

    fn node(&mut self, node: &Node<'_>, context: Context) {
        match node {
            Node::Null => self.plain("null"),
            Node::Bool(true) => self.plain("true"),
            Node::Bool(false) => self.plain("false"),
            Node::Int(value) => self.plain(&value.to_string()),
            Node::Float(value) => self.plain(&float(*value)),
            Node::Time(text) => self.plain(text),
            Node::Text(text) => self.text(text, context),
            Node::Map(entries) => {
                let parts = map_parts(entries);
                self.before_block(&parts, context);
                self.map(&parts, context);
            }
            Node::List(items) => {
                let parts = list_parts(items);
                self.before_block(&parts, context);
                self.list(&parts, context);
            }
        }
    }

    /// Comments that were held back, and those before the first element, at its indentation.
    fn before_block<V>(&mut self, parts: &Parts<'_, '_, V>, context: Context) {
        if !parts.parts.is_empty() {
            self.write_line();
            self.write_foot();
        }
        if parts.parts.is_empty() {
            if context == Context::MapValue && !parts.first.is_empty() {
                self.head = Some(joined(&parts.first));
            }
        } else if context == Context::MapValue {
            let outer = self.writer.indent;
            self.deepen(context);
            self.comments(&parts.first);
            self.writer.indent = outer;
        }
    }

    fn map(&mut self, parts: &Parts<'_, '_, Pair<'_, '_>>, context: Context) {
        if parts.parts.is_empty() {
            self.writer.indicator("{", Space::Before);
            self.writer.indicator("}", Space::None);
            return;
        }
        let outer = self.writer.indent;
        self.deepen(context);
        for part in &parts.parts {
            self.comments(&part.head);
            self.writer.start_line();
            let (key, value) = part.value;
            self.key(key);
            self.beside(&part.inline);
            self.node(value, Context::MapValue);
            if is_written_at_once(value) {
                self.write_line();
                self.write_foot();
            }
        }
        if !parts.behind.is_empty() {
            let head = self.head.take();
            self.comments(&parts.behind);
            self.writer.set_apart();
            self.head = head;
        }
        self.comments(&[]);
        self.writer.indent = outer;
    }

    fn list(&mut self, parts: &Parts<'_, '_, &Node<'_>>, context: Context) {
        if parts.parts.is_empty() {
            self.writer.indicator("[", Space::Before);
            self.writer.indicator("]", Space::None);
            return;
        }
        let outer = self.writer.indent;
        self.deepen(context);
        let last = parts.parts.len() - 1;
        for (index, part) in parts.parts.iter().enumerate() {
            let head: Vec<_> = part
                .head
                .iter()
                .copied()
                .chain(leading(part.value))
                .collect();
            self.comments(&head);
            self.writer.start_line();
            self.writer.block_indicator("-");
            self.beside(&part.inline);
            let behind = if index == last {
                parts.behind.as_slice()
            } else {
                &[]
            };
            let foot = (!behind.is_empty()).then(|| joined(behind));
            if is_written_at_once(part.value) {
                self.foot = foot.or_else(|| self.foot.take());
                self.node(part.value, Context::Item);
                self.write_line();
                self.write_foot();
            } else {
                self.node(part.value, Context::Item);
                self.foot = foot.or_else(|| self.foot.take());
            }
        }
        self.writer.indent = outer;
    }

    /// Enters a block: one in a list stands behind the dash, any other at the next level.
    fn deepen(&mut self, context: Context) {
        self.writer.indent = match (self.writer.indent, context) {
            (..0, _) => 0,
            (indent, Context::Item) => indent + 2,
            (indent, _) => STEP * ((indent + STEP) / STEP),
        };
    }

    fn key(&mut self, key: &str) {
        if key.contains('\n') || key.len() > SIMPLE_KEY_LIMIT {
            self.writer.block_indicator("?");
            self.text(key, Context::MapValue);
            self.writer.start_line();
            self.writer.block_indicator(":");
        } else {
            self.line_text(key);
            self.writer.indicator(":", Space::None);
        }
    }

    fn plain(&mut self, text: &str) {
        scalar::write(&mut self.writer, text, Style::Plain, Folding::Never);
    }

    fn text(&mut self, text: &str, context: Context) {
        let style = scalar::style_with_tabs(text);
        let outer = self.writer.indent;
        self.deepen(context);
        if style == Style::Literal {
            let comment = self
                .line
                .take()
                .map_or_else(String::new, |line| format!(" #{line}"));
            scalar::write_literal(&mut self.writer, text, &comment);
        } else {
            self.line_text(text);
        }
        self.writer.indent = outer;
    }

    /// Text within a line; what would be a merge key has its tag.
    fn line_text(&mut self, text: &str) {
        let (text, style) = match text {
            "<<" => ("!!merge <<", Style::Plain),
            _ => (text, scalar::style_with_tabs(text)),
        };
        scalar::write(&mut self.writer, text, style, Folding::Never);
    }

    /// Comments before what follows; without any, the one that was held back.
    fn comments(&mut self, comments: &[&Comment<'_>]) {
        let held = self.head.take();
        if let Some(held) = held.filter(|_| comments.is_empty()) {
            self.writer.start_line();
            self.lines(&held);
        }
        for comment in comments {
            self.writer.start_line();
            self.writer.comment(&comment.text);
        }
    }

    fn beside(&mut self, comments: &[&Comment<'_>]) {
        if !comments.is_empty() {
            self.line = Some(joined(comments));
        }
    }

    fn write_line(&mut self) {
        if let Some(line) = self.line.take() {
            if !self.writer.blank {
                self.writer.put(' ');
            }
            self.lines(&line);
        }
    }

    fn write_foot(&mut self) {
        if let Some(foot) = self.foot.take() {
            self.writer.start_line();
            self.lines(&foot);
            self.writer.set_apart();
        }
    }

    fn lines(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.writer.start_line();
            }
            self.writer.comment(line);
        }
    }
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    Root,
    Item,
    MapValue,
}

fn joined(comments: &[&Comment<'_>]) -> String {
    let texts: Vec<&str> = comments
        .iter()
        .map(|comment| comment.text.as_ref())
        .collect();
    texts.join("\n")
}

/// The comments of a list's element before its first value: they stand before the dash.
fn leading<'p, 't>(node: &'p Node<'t>) -> Vec<&'p Comment<'t>> {
    match node {
        Node::Map(entries) => map_parts(entries).first,
        Node::List(items) => list_parts(items).first,
        _ => Vec::new(),
    }
}

/// Whether a value is a single step of the emitter, and comments may follow it.
fn is_written_at_once(node: &Node<'_>) -> bool {
    match node {
        Node::Map(entries) => map_parts(entries).parts.is_empty(),
        Node::List(items) => list_parts(items).parts.is_empty(),
        _ => true,
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        ".nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
    } else {
        number::float_text(value)
    }
}
