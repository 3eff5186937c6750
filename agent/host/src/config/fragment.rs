//! One file as written: its known keys with their values and lines.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problems;
use super::schema::{self, SECTIONS, Section};
use super::suggest;

/// Where a value is written.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) file: Arc<Path>,
    pub(super) line: usize,
}

/// A value as written.
#[derive(Clone, Debug)]
pub(super) enum Scalar {
    Text(String),
    Number(i64),
    Boolean(bool),
    /// Something that no key takes, by its TOML name.
    Other(&'static str),
}

/// One `key = value` under its section.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) value: Scalar,
    pub(super) origin: Origin,
}

/// What one file says.
#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) written: Vec<Written>,
    /// Whether the file is TOML all through; otherwise keys may be missing from `written`.
    pub(super) complete: bool,
}

struct Reader<'a> {
    file: Arc<Path>,
    text: &'a str,
    problems: &'a mut Problems,
}

/// Parses one file; what is wrong with it goes to `problems`, and reading goes on behind it.
pub(super) fn parse(file: &Path, text: &str, problems: &mut Problems) -> Fragment {
    let mut reader = Reader {
        file: Arc::from(file),
        text,
        problems,
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    let complete = errors.is_empty();
    for error in errors {
        let line = error.span().map(|span| reader.line(span.start));
        reader.problems.add(file, line, error.message());
    }
    let mut written = Vec::new();
    for (name, value) in document.get_ref() {
        let line = reader.line(name.span().start);
        match schema::section(name.get_ref()) {
            Some(section) => reader.section(section, value, &mut written),
            None => reader.unknown_section(name.get_ref(), line),
        }
    }
    Fragment { written, complete }
}

// === impl Reader ===

impl Reader<'_> {
    fn section(
        &mut self,
        section: &'static Section,
        value: &Spanned<DeValue<'_>>,
        written: &mut Vec<Written>,
    ) {
        let Some(table) = value.get_ref().as_table() else {
            let line = self.line(value.span().start);
            let name = section.name;
            self.problem(
                line,
                format!("{name} must be a section: write [{name}] on a line of its own"),
            );
            return;
        };
        for (name, value) in table {
            let line = self.line(name.span().start);
            let Some(key) = section
                .keys
                .iter()
                .find(|key| **key == name.get_ref().as_ref())
            else {
                self.unknown_key(section, name.get_ref(), line);
                continue;
            };
            let origin = Origin {
                file: Arc::clone(&self.file),
                line,
            };
            written.push(Written {
                section: section.name,
                key,
                value: scalar(value.get_ref()),
                origin,
            });
        }
    }

    fn unknown_section(&mut self, name: &str, line: usize) {
        let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        let mut message = format!("unknown section or key {name:?}");
        if let Some(nearest) = suggest::nearest(name, &names) {
            message.push_str(&format!("; did you mean [{nearest}]?"));
        } else if let Some(owner) = schema::owner(name) {
            message.push_str(&format!("; it belongs under [{}]", owner.name));
        }
        self.problem(line, format!("{message} (sections: {})", names.join(", ")));
    }

    fn unknown_key(&mut self, section: &Section, name: &str, line: usize) {
        let mut message = format!("unknown key {name:?} in [{}]", section.name);
        if let Some(nearest) = suggest::nearest(name, section.keys) {
            message.push_str(&format!("; did you mean {nearest}?"));
        } else if let Some(owner) = schema::owner(name) {
            message.push_str(&format!("; it belongs under [{}]", owner.name));
        }
        self.problem(
            line,
            format!("{message} (allowed: {})", section.keys.join(", ")),
        );
    }

    fn problem(&mut self, line: usize, message: String) {
        self.problems.add(&self.file, Some(line), message);
    }

    fn line(&self, offset: usize) -> usize {
        self.text
            .bytes()
            .take(offset)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1
    }
}

fn scalar(value: &DeValue<'_>) -> Scalar {
    if let Some(text) = value.as_str() {
        return Scalar::Text(text.to_owned());
    }
    if let Some(boolean) = value.as_bool() {
        return Scalar::Boolean(boolean);
    }
    let number = value
        .as_integer()
        .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
    number.map_or(Scalar::Other(value.type_str()), Scalar::Number)
}
