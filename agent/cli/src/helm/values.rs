//! Values as helm's flags give them.

use std::io::{self, Read as _};
use std::path::Path;

use clap::Args;
use serde_json::{Map, Value};
use windlass_helm::{Setting, merge_values, read_values, set};

use super::chart::read;
use crate::error::CommandError;

/// Where values come from; whatever the order on the command line, files come first, then the flags in the order
/// they stand in here.
#[derive(Debug, Clone, Args)]
pub(super) struct ValueFlags {
    /// A file with values, `-` for standard input; later ones win
    #[arg(
        short = 'f',
        long = "values",
        value_delimiter = ',',
        value_name = "FILE"
    )]
    files: Vec<String>,
    /// Values as JSON: key=value,key=value, or an object
    #[arg(long = "set-json", value_name = "SETTING")]
    json: Vec<String>,
    /// Values: key=value,key=value
    #[arg(long = "set", value_name = "SETTING")]
    typed: Vec<String>,
    /// Values that are text: key=value,key=value
    #[arg(long = "set-string", value_name = "SETTING")]
    text: Vec<String>,
    /// Values that files hold: key=path,key=path
    #[arg(long = "set-file", value_name = "SETTING")]
    file: Vec<String>,
    /// One value that is text, taken as it is: key=value
    #[arg(long = "set-literal", value_name = "SETTING")]
    literal: Vec<String>,
}

// === impl ValueFlags ===

impl ValueFlags {
    /// The values, as Helm merges them (pkg/cli/values).
    pub(super) fn read(&self) -> Result<Map<String, Value>, CommandError> {
        let mut values = Map::new();
        for file in &self.files {
            let text = content(file).map_err(|error| usage(file, &error))?;
            let read = read_values(&text).map_err(|error| usage(file, &error))?;
            merge_values(&mut values, read);
        }
        let from_file = |path: &str| {
            let bytes = content(path)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let settings: [(&str, Setting<'_>, &[String]); 5] = [
            ("--set-json", Setting::Json, &self.json),
            ("--set", Setting::Typed, &self.typed),
            ("--set-string", Setting::Text, &self.text),
            ("--set-file", Setting::File(&from_file), &self.file),
            ("--set-literal", Setting::Literal, &self.literal),
        ];
        for (flag, setting, texts) in settings {
            for text in texts {
                set(&mut values, setting, text)
                    .map_err(|error| usage(&format!("{flag} {text}"), &error))?;
            }
        }
        Ok(values)
    }
}

fn usage(what: &str, error: &str) -> CommandError {
    CommandError::Usage(format!("{what}: {error}"))
}

fn content(path: &str) -> Result<Vec<u8>, String> {
    if path == "-" {
        let mut bytes = Vec::new();
        io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        return Ok(bytes);
    }
    if path.contains("://") {
        return Err("it is remote: fetch it and name the file".to_owned());
    }
    read(Path::new(path)).map_err(|error| error.to_string())
}
