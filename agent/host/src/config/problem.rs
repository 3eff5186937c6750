//! What is wrong with a configuration, each with file and line.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::files::FileError;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file where it is written, or the main file when something is missing.
    pub file: PathBuf,
    /// The line in it, counted from 1.
    pub line: Option<usize>,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// The configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Everything that is wrong, by file and line; never empty.
    pub problems: Vec<Problem>,
}

/// Collects problems while reading goes on.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(formatter, "{line}:")?;
        }
        write!(formatter, " {}", self.message)
    }
}

// === impl ConfigError ===

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

// === impl Problems ===

impl Problems {
    pub(super) fn add(&mut self, file: &Path, line: Option<usize>, message: impl Into<String>) {
        self.0.push(Problem {
            file: file.to_owned(),
            line,
            message: message.into(),
        });
    }

    /// Adds a file error that names its own file; `file` is where it was asked for.
    pub(super) fn add_error(&mut self, file: &Path, error: &FileError) {
        let text = error.to_string();
        let own = format!("{}: ", file.display());
        self.add(file, None, text.strip_prefix(&own).unwrap_or(&text));
    }

    /// Gives the value if nothing was wrong on the way to it.
    pub(super) fn settle<T>(mut self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                self.0.sort();
                self.0.dedup();
                Err(ConfigError { problems: self.0 })
            }
        }
    }
}
