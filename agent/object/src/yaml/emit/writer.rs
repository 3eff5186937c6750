//! The text that grows, with what libyaml's emitter remembers of its end.

use crate::yaml::emit::Space;

/// The indentation of one level.
pub(super) const STEP: i32 = 2;

pub(in crate::yaml) struct Writer {
    pub(in crate::yaml) text: String,
    /// The column in characters.
    pub(super) column: i32,
    /// The indentation of the block being written; -1 before the first.
    pub(in crate::yaml) indent: i32,
    /// Whether only indentation and block indicators stand in this line.
    pub(super) at_indent: bool,
    /// Whether the last character leaves room for the next word.
    pub(in crate::yaml) blank: bool,
    /// The indentation of one level, as a block scalar that starts with blanks names it.
    pub(super) step: i32,
    /// The indentation at which the next line is set apart by an empty one.
    pub(in crate::yaml) apart: Option<i32>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new() -> Self {
        Self::with_step(STEP)
    }

    pub(in crate::yaml) fn with_step(step: i32) -> Self {
        Self {
            text: String::new(),
            column: 0,
            indent: -1,
            at_indent: true,
            blank: true,
            step,
            apart: None,
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
    pub(in crate::yaml) fn start_line(&mut self) {
        let indent = self.indent.max(0);
        if !self.at_indent || self.column > indent || (self.column == indent && !self.blank) {
            self.line_break();
        }
        if self.apart.take() == Some(indent) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.blank = true;
        self.at_indent = true;
    }

    /// Has an empty line before the next one, if that is indented like this.
    pub(in crate::yaml) fn set_apart(&mut self) {
        self.apart = Some(self.indent.max(0));
    }

    /// A comment to the end of the line.
    pub(in crate::yaml) fn comment(&mut self, text: &str) {
        self.put('#');
        self.put_text(text);
        self.line_break();
        self.at_indent = true;
        self.blank = true;
    }

    pub(super) fn line_break(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }

    pub(in crate::yaml) fn put(&mut self, character: char) {
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

    pub(in crate::yaml) fn indicator(&mut self, text: &str, space: Space) {
        if space == Space::Before && !self.blank {
            self.put(' ');
        }
        self.put_text(text);
        self.blank = false;
        self.at_indent = false;
    }

    /// `-`, `?` or `:` before a node, which may stand in the same line.
    pub(in crate::yaml) fn block_indicator(&mut self, text: &str) {
        let at_indent = self.at_indent;
        self.indicator(text, Space::Before);
        self.at_indent = at_indent;
    }
}
