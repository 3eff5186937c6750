//! All files merged: per key the last value written, and typed access that reports what does not fit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use windlass_api::duration::GoDuration;

use super::fragment::{Fragment, Origin, Scalar, Written};
use super::problem::Problems;

/// How a path names a credential of the systemd unit instead of a file.
const CREDENTIAL: &str = "credential:";

/// Per section and key the value that counts.
#[derive(Debug, Default)]
pub(super) struct Inputs(BTreeMap<(&'static str, &'static str), Written>);

/// A value with the place it was written at.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// One section while it is judged.
pub(super) struct SectionReader<'a> {
    pub(super) name: &'static str,
    pub(super) inputs: &'a Inputs,
    pub(super) credentials: Option<&'a Path>,
    pub(super) problems: &'a mut Problems,
}

// === impl Inputs ===

impl Inputs {
    /// Lets the keys of a later file replace those of the earlier ones; says whether that file was read whole.
    pub(super) fn merge(&mut self, fragment: Fragment) -> bool {
        let keyed = fragment
            .written
            .into_iter()
            .map(|written| ((written.section, written.key), written));
        self.0.extend(keyed);
        fragment.complete
    }

    pub(super) fn get(&self, section: &'static str, key: &'static str) -> Option<&Written> {
        self.0.get(&(section, key))
    }
}

// === impl SectionReader ===

impl SectionReader<'_> {
    /// Turns to another section.
    pub(super) fn section(&mut self, name: &'static str) -> &mut Self {
        self.name = name;
        self
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        let written = self.inputs.get(self.name, key)?;
        match &written.value {
            Scalar::Text(text) if text.is_empty() => {
                self.wrong(
                    &written.origin,
                    key,
                    "must not be empty; remove the line to use the default",
                );
                None
            }
            Scalar::Text(text) if text.contains(char::is_control) => {
                self.wrong(&written.origin, key, "must not hold control characters");
                None
            }
            Scalar::Text(text) => Some(Located {
                value: text.clone(),
                origin: written.origin.clone(),
            }),
            other => {
                let message = format!("must be a string in quotes, not {}", describe(other));
                self.wrong(&written.origin, key, &message);
                None
            }
        }
    }

    /// A text that `parse` understands, or the default when nothing is written.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let Some(text) = self.text(key) else {
            return default;
        };
        parse(&text.value).unwrap_or_else(|message| {
            self.wrong(&text.origin, key, &message);
            default
        })
    }

    /// A duration as Go writes it, within bounds.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        least: Duration,
        most: Duration,
    ) -> Duration {
        let (least_text, most_text) = (GoDuration(least), GoDuration(most));
        self.parsed(key, default, |text| {
            let duration = text
                .parse::<GoDuration>()
                .map_err(|error| error.to_string())?
                .0;
            if duration < least || duration > most {
                return Err(format!(
                    "must be between {least_text} and {most_text}, not {text}"
                ));
            }
            Ok(duration)
        })
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, default: u32, least: u32, most: u32) -> u32 {
        let Some(written) = self.inputs.get(self.name, key) else {
            return default;
        };
        if let Scalar::Number(number) = written.value
            && let Some(number) = u32::try_from(number)
                .ok()
                .filter(|number| (least..=most).contains(number))
        {
            return number;
        }
        let message = format!(
            "must be a number from {least} to {most}, not {}",
            describe(&written.value)
        );
        self.wrong(&written.origin, key, &message);
        default
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        match self.inputs.get(self.name, key) {
            None => default,
            Some(Written {
                value: Scalar::Boolean(boolean),
                ..
            }) => *boolean,
            Some(written) => {
                let message = format!("must be true or false, not {}", describe(&written.value));
                self.wrong(&written.origin, key, &message);
                default
            }
        }
    }

    /// An absolute path, or a credential of the unit.
    pub(super) fn path(&mut self, key: &'static str) -> Option<Located<PathBuf>> {
        let text = self.text(key)?;
        if let Some(name) = text.value.strip_prefix(CREDENTIAL) {
            let path = self.credential(name);
            return path
                .map_err(|message| self.wrong(&text.origin, key, &message))
                .ok()
                .map(|value| Located {
                    value,
                    origin: text.origin,
                });
        }
        let path = PathBuf::from(&text.value);
        if !path.is_absolute() {
            let message = format!(
                "must be an absolute path or {CREDENTIAL}NAME, not {:?}",
                text.value
            );
            self.wrong(&text.origin, key, &message);
            return None;
        }
        Some(Located {
            value: path,
            origin: text.origin,
        })
    }

    fn credential(&self, name: &str) -> Result<PathBuf, String> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(format!(
                "names no credential: write {CREDENTIAL}NAME with the NAME of LoadCredential="
            ));
        }
        let directory = self.credentials.ok_or_else(|| {
            format!("needs LoadCredential={name}:… in the systemd unit; this process was started without credentials")
        })?;
        Ok(directory.join(name))
    }

    /// Reports a value that does not fit.
    pub(super) fn wrong(&mut self, origin: &Origin, key: &str, message: &str) {
        let message = format!("[{}] {key} {message}", self.name);
        self.problems.add(&origin.file, Some(origin.line), message);
    }
}

fn describe(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => format!("{text:?}"),
        Scalar::Number(number) => number.to_string(),
        Scalar::Boolean(boolean) => boolean.to_string(),
        Scalar::Other(kind) => format!("a value of type {kind}"),
    }
}
