//! How text is quoted, and written.

use std::fmt::Write as _;

use crate::yaml::emit::writer::Writer;
use crate::yaml::emit::{Folding, Space};
use crate::yaml::scalar;

/// The column after which text goes on in the next line (libyaml's default).
const WIDTH: i32 = 80;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::yaml) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What of a text rules styles out (libyaml's `analyze_scalar`).
#[derive(Default)]
struct Analysis {
    indicators: bool,
    special: bool,
    tabs: bool,
    breaks: bool,
    blank_at_end: bool,
    break_at_end: bool,
    blank_or_break_at_start: bool,
    blank_after_break: bool,
    break_after_blank: bool,
}

/// The style go-yaml v2 writes a text in.
pub(super) fn style_of(text: &str) -> Style {
    if text.contains('\n') {
        let analysis = Analysis::of(text);
        return block_style(analysis.allows_literal() && !analysis.tabs);
    }
    line_style(text)
}

/// The style go-yaml v3 writes a text in: its literal blocks have tabs.
pub(in crate::yaml) fn style_with_tabs(text: &str) -> Style {
    if text.contains('\n') {
        return block_style(Analysis::of(text).allows_literal());
    }
    line_style(text)
}

fn block_style(literal: bool) -> Style {
    if literal {
        Style::Literal
    } else {
        Style::DoubleQuoted
    }
}

fn line_style(text: &str) -> Style {
    if scalar::needs_quotes(text) {
        return Style::DoubleQuoted;
    }
    let analysis = Analysis::of(text);
    if analysis.allows_plain() {
        Style::Plain
    } else if analysis.allows_single_quotes() {
        Style::SingleQuoted
    } else {
        Style::DoubleQuoted
    }
}

/// Writes a text in a style that fits it.
pub(in crate::yaml) fn write(writer: &mut Writer, text: &str, style: Style, folding: Folding) {
    match style {
        Style::Plain => {
            if !writer.blank {
                writer.put(' ');
            }
            write_words(writer, text, folding, Style::Plain);
        }
        Style::SingleQuoted => {
            writer.indicator("'", Space::Before);
            write_words(writer, text, folding, Style::SingleQuoted);
            writer.indicator("'", Space::None);
        }
        Style::DoubleQuoted => write_double_quoted(writer, text, folding),
        Style::Literal => return write_literal(writer, text, ""),
    }
    writer.blank = false;
    writer.at_indent = false;
}

// === impl Analysis ===

impl Analysis {
    fn of(text: &str) -> Self {
        let mut analysis = Self {
            indicators: text.starts_with("---") || text.starts_with("..."),
            ..Self::default()
        };
        let mut before: Option<char> = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            analysis.indicators |= is_indicator(before, character, next);
            analysis.see(before, character, next);
            before = Some(character);
        }
        analysis
    }

    fn see(&mut self, before: Option<char>, character: char, next: Option<char>) {
        match character {
            ' ' => {
                self.blank_or_break_at_start |= before.is_none();
                self.blank_at_end |= next.is_none();
                self.blank_after_break |= before == Some('\n');
            }
            '\n' => {
                self.breaks = true;
                self.blank_or_break_at_start |= before.is_none();
                self.break_at_end |= next.is_none();
                self.break_after_blank |= before == Some(' ');
            }
            '\t' => self.tabs = true,
            _ => self.special |= !is_printable(character),
        }
    }

    fn allows_plain(&self) -> bool {
        self.allows_single_quotes()
            && !self.indicators
            && !self.breaks
            && !self.blank_or_break_at_start
            && !self.blank_at_end
            && !self.break_at_end
    }

    fn allows_single_quotes(&self) -> bool {
        !self.special && !self.tabs && !self.blank_after_break && !self.break_after_blank
    }

    fn allows_literal(&self) -> bool {
        !self.special && !self.break_after_blank && !self.blank_at_end
    }
}

/// Whether a character has a meaning in YAML where it stands in a block.
fn is_indicator(before: Option<char>, character: char, next: Option<char>) -> bool {
    let blank_follows = next.is_none_or(|next| matches!(next, ' ' | '\t'));
    match (character, before) {
        ('#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>', None)
        | ('\'' | '"' | '%' | '@' | '`', None) => true,
        ('?' | '-', None) | (':', _) => blank_follows,
        ('#', Some(before)) => matches!(before, ' ' | '\t' | '\n'),
        _ => false,
    }
}

/// What go-yaml writes without an escape: what YAML prints, up to U+FFFF. Line breaks of Unicode
/// are escaped too, other than there, since a YAML 1.2 reader takes them for text.
fn is_printable(character: char) -> bool {
    match character {
        '\u{2028}' | '\u{2029}' | '\u{FEFF}' => false,
        ' '..='~' | '\u{A0}'..='\u{FFFD}' => true,
        _ => false,
    }
}

/// Plain or single quoted text of one line; it may go on in the next line at a single blank.
fn write_words(writer: &mut Writer, text: &str, folding: Folding, style: Style) {
    let mut blank_before = false;
    let mut first = true;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == ' ' {
            let single = !blank_before && characters.peek().is_some_and(|next| *next != ' ');
            let inside = style == Style::Plain || !first;
            if folding == Folding::Allowed && writer.column > WIDTH && single && inside {
                writer.start_line();
            } else {
                writer.put(' ');
            }
            blank_before = true;
        } else {
            if character == '\'' && style == Style::SingleQuoted {
                writer.put('\'');
            }
            writer.put(character);
            blank_before = false;
            writer.at_indent = false;
        }
        first = false;
    }
}

fn write_double_quoted(writer: &mut Writer, text: &str, folding: Folding) {
    writer.indicator("\"", Space::Before);
    let mut blank_before = false;
    let mut first = true;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        if character == ' ' {
            let inside = !first && next.is_some();
            if folding == Folding::Allowed && !blank_before && writer.column > WIDTH && inside {
                writer.start_line();
                if next == Some(' ') {
                    writer.put('\\');
                }
            } else {
                writer.put(' ');
            }
            blank_before = true;
        } else {
            if !is_printable(character) || matches!(character, '"' | '\\') {
                write_escape(writer, character);
            } else {
                writer.put(character);
            }
            blank_before = false;
        }
        first = false;
    }
    writer.indicator("\"", Space::None);
}

fn write_escape(writer: &mut Writer, character: char) {
    let code = u32::from(character);
    let mut escape = String::from("\\");
    match character {
        '\0' => escape.push('0'),
        '\u{07}' => escape.push('a'),
        '\u{08}' => escape.push('b'),
        '\t' => escape.push('t'),
        '\n' => escape.push('n'),
        '\u{0B}' => escape.push('v'),
        '\u{0C}' => escape.push('f'),
        '\r' => escape.push('r'),
        '\u{1B}' => escape.push('e'),
        '"' | '\\' => escape.push(character),
        '\u{85}' => escape.push('N'),
        '\u{2028}' => escape.push('L'),
        '\u{2029}' => escape.push('P'),
        _ => {
            let written = match code {
                0..=0xFF => write!(escape, "x{code:02X}"),
                0x100..=0xFFFF => write!(escape, "u{code:04X}"),
                _ => write!(escape, "U{code:08X}"),
            };
            debug_assert!(written.is_ok(), "a String takes all text");
        }
    }
    writer.put_text(&escape);
}

/// Writes a literal block, with a comment behind its indicator.
pub(in crate::yaml) fn write_literal(writer: &mut Writer, text: &str, comment: &str) {
    writer.indicator("|", Space::Before);
    if text.starts_with([' ', '\n']) {
        writer.put_text(&writer.step.to_string());
    }
    match text.strip_suffix('\n') {
        None => writer.put('-'),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => writer.put('+'),
        Some(_) => {}
    }
    writer.put_text(comment);
    writer.line_break();
    writer.at_indent = true;
    writer.blank = true;
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        if !content.is_empty() {
            writer.start_line();
            writer.put_text(content);
            writer.at_indent = false;
        }
        if content.len() < line.len() {
            writer.line_break();
            writer.at_indent = true;
        }
    }
}
