//! The event parser, and where libyaml, which go-yaml is a port of, reads more than it does.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, options};

use crate::yaml::arena::{Arena, Builder};
use crate::yaml::{Limits, Position, YamlError};

/// A text whose last line has a line break.
pub(super) struct Text<'t> {
    text: Cow<'t, str>,
    /// The length before the last line got its line break.
    unended: Option<usize>,
}

/// Why a text was not read.
pub(super) enum Failure {
    /// A line inside quotes is not indented deeper than the map or list around it. YAML 1.2 asks
    /// for that, libyaml does not, and what is added to its indentation means nothing.
    QuotedIndentation {
        /// Where the line's text starts, in bytes.
        offset: usize,
        error: YamlError,
    },
    Other(YamlError),
}

// === impl Text ===

impl<'t> Text<'t> {
    pub(super) fn new(mut text: Cow<'t, str>) -> Self {
        let unended = (!text.ends_with(['\n', '\r'])).then_some(text.len());
        if unended.is_some() {
            text.to_mut().push('\n');
        }
        Self { text, unended }
    }

    /// Indents a line deeper than any other, and with it the lines behind it that are inside the
    /// same quotes for sure: up to the next quote.
    pub(super) fn indent_at(&mut self, offset: usize) {
        let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '-', '?']).len();
        let widest = self.text.lines().map(indentation).max().unwrap_or_default();
        let added = " ".repeat(widest + 1);
        let Some((before, mut rest)) = self.text.split_at_checked(offset) else {
            return;
        };
        let mut text = String::with_capacity(self.text.len() + added.len());
        text.push_str(before);
        loop {
            let end = rest.find('\n').map_or(rest.len(), |end| end + 1);
            let (line, behind) = rest.split_at(end);
            text.push_str(&added);
            text.push_str(line);
            rest = behind;
            if rest.is_empty() || line.contains(['"', '\'']) {
                break;
            }
        }
        text.push_str(rest);
        self.unended = self
            .unended
            .map(|length| length + text.len() - self.text.len());
        self.text = Cow::Owned(text);
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether the line holds more than blanks before an offset.
    fn holds_something_before(&self, offset: Option<usize>) -> bool {
        let before = offset.and_then(|offset| self.text.get(..offset));
        let line = before.and_then(|before| before.rsplit('\n').next());
        line.is_some_and(|line| !line.trim().is_empty())
    }

    /// The last line, when it had no line break.
    fn unended_line(&self) -> Option<(&str, usize)> {
        let length = self.unended?;
        let line = self.text.get(..length)?.rsplit(['\n', '\r']).next()?;
        Some((line, length))
    }
}

/// Whether comments are kept beside the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comments {
    Dropped,
    Kept,
}

/// Reads every event of the text into nodes.
pub(super) fn read<'t>(
    text: &'t Text<'_>,
    limits: &Limits,
    comments: Comments,
) -> Result<Arena<'t>, Failure> {
    let options = options! {
        emit_comments: comments == Comments::Kept,
        max_buffered_comment_events: limits.nodes,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    let mut parser = Parser::new_from_str_with_options(&text.text, options);
    let mut builder = Builder::new(limits);
    let mut last_block_end = None;
    while let Some(event) = parser.next_event() {
        let (mut event, span) = event.map_err(|error| failure(&error))?;
        if let Event::Comment(content, _) = event {
            let inline = text.holds_something_before(span.start.byte_offset());
            builder.comment(content, position_of(&span.start), inline);
            continue;
        }
        if let Event::Scalar(text, style, ..) = &mut event {
            // The parser has a `~` for a value nobody wrote.
            if *style == ScalarStyle::Plain && span.is_empty() {
                *text = Cow::Borrowed("");
            }
            let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
            last_block_end = if block { span.end.byte_offset() } else { None };
        }
        builder
            .take(event, position_of(&span.start))
            .map_err(Failure::Other)?;
    }
    if let (Some((line, length)), Some(end)) = (text.unended_line(), last_block_end)
        && end >= length
    {
        builder.drop_added_break(line);
    }
    Ok(builder.finish())
}

fn failure(error: &ScanError) -> Failure {
    let position = position_of(error.marker());
    let offset = error.marker().byte_offset();
    let yaml_error = YamlError::new(position, error.kind().to_string());
    match (error.kind(), offset) {
        (ErrorKind::InvalidQuotedScalarIndent, Some(offset)) => Failure::QuotedIndentation {
            offset,
            error: yaml_error,
        },
        _ => Failure::Other(yaml_error),
    }
}

fn position_of(marker: &Marker) -> Position {
    Position {
        line: marker.line(),
        column: marker.col() + 1,
    }
}
