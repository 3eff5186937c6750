//! One log line for people: time, level, message, `key=value`.

use std::borrow::Cow;

use super::Entry;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Coloured,
}

/// Renders one entry as one line, line end included.
pub(super) fn render(entry: &Entry, time: jiff::Timestamp, style: Style) -> String {
    let level = entry.level.as_str();
    let mut line = String::with_capacity(120);
    let head = match style {
        Style::Plain => format!("{time:.3} {level:5} "),
        Style::Coloured => format!(
            "\x1b[2m{time:.3}\x1b[0m {}{level:5}\x1b[0m ",
            colour(entry.level)
        ),
    };
    line.push_str(&head);
    message(&mut line, entry);
    line.push('\n');
    line
}

/// Appends the message and the fields; what they hold cannot break the line or drive the terminal.
pub(super) fn message(line: &mut String, entry: &Entry) {
    line.push_str(&escape(&entry.fields.message));
    if !entry.target.starts_with("windlass") {
        pair(line, "from", entry.target);
    }
    for (name, value) in entry.fields.iter() {
        pair(line, name, value);
    }
}

fn pair(line: &mut String, name: &str, value: &str) {
    let bare = !value.is_empty() && !value.contains([' ', '"', '=', '\t', '\n']);
    let value = escape(value);
    line.push_str(&if bare {
        format!(" {name}={value}")
    } else {
        format!(" {name}=\"{}\"", value.replace('"', "\\\""))
    });
}

/// Replaces control characters (terminal sequences, line breaks) by their escapes: messages quote commits,
/// servers and cluster objects that nobody vouches for.
fn escape(text: &str) -> Cow<'_, str> {
    // Bidirectional marks reorder what a person reads (CVE-2021-42574).
    let harmful = |character: char| {
        character.is_control()
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if harmful(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn colour(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "\x1b[31m",
        tracing::Level::WARN => "\x1b[33m",
        tracing::Level::INFO => "\x1b[32m",
        tracing::Level::DEBUG => "\x1b[34m",
        tracing::Level::TRACE => "\x1b[35m",
    }
}
