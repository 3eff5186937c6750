//! The text that grows, with what libyaml's emitter remembers of its end.

use crate::yaml::emit::Space;

/// The indentation of one level.
pub(super) const STEP: i32 = 2;

pub(super) struct Writer {
    pub(super) text: String,
    /// The column in characters.
    pub(super) column: i32,
    /// The indentation of the block being written; -1 before the first.
    pub(super) indent: i32,
    /// Whether only indentation and block indicators stand in this line.
    pub(super) at_indent: bool,
    /// Whether the last character leaves room for the next word.
    pub(super) blank: bool,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            text: String::new(),
            column: 0,
            indent: -1,
            at_indent: true,
            blank: true,
        }
    }

    /// Enters a block: the first one is not indented.
    pub(super) fn deepen(&mut self) {
        self.indent = if self.indent < 0 {
            0
        } else {
            self.indent + STEP
        };
    }

    /// Goes to the indentation, in a new line when this one holds something.
    pub(super) fn start_line(&mut self) {
        let indent = self.indent.max(0);
        if !self.at_indent || self.column > indent || (self.column == indent && !self.blank) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.blank = true;
        self.at_indent = true;
    }

    pub(super) fn line_break(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }

    pub(super) fn put(&mut self, character: char) {
        self.text.push(character);
        self.column += 1;
    }

    /// Text without line breaks.
    pub(super) fn put_text(&mut self, text: &str) {
        self.text.push_str(text);
        let width = if text.is_ascii() {
            text.len()
        } else {
            text.chars().count()
        };
        self.column = self
            .column
            .saturating_add(i32::try_from(width).unwrap_or(i32::MAX));
    }

    pub(super) fn indicator(&mut self, text: &str, space: Space) {
        if space == Space::Before && !self.blank {
            self.put(' ');
        }
        self.put_text(text);
        self.blank = false;
        self.at_indent = false;
    }

    /// `-`, `?` or `:` before a node, which may stand in the same line.
    pub(super) fn block_indicator(&mut self, text: &str) {
        let at_indent = self.at_indent;
        self.indicator(text, Space::Before);
        self.at_indent = at_indent;
    }
}
