//! The fields of an event and of the spans around it, as text.

use std::error::Error;
use std::fmt::Debug;

use tracing::field::{Field, Visit};

/// Longer values (a whole manifest, a remote's error page) are cut: the log names things, it does not hold them.
const VALUE_LIMIT: usize = 4096;

/// An error chain deeper than this is a loop.
const CHAIN_LIMIT: usize = 16;

/// Message and fields; a later value of the same name replaces the earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    values: Vec<(&'static str, String)>,
}

// === impl Fields ===

impl Fields {
    /// The fields in the order in which they first appeared, outermost span first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// Takes over the fields of another set.
    pub(super) fn extend(&mut self, other: &Fields) {
        for (name, value) in &other.values {
            self.set(name, value.clone());
        }
    }

    fn set(&mut self, name: &'static str, mut value: String) {
        cut(&mut value);
        if name == "message" {
            self.message = value;
            return;
        }
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.values.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), chain(value));
    }
}

/// An error and its causes, each cause once: many errors already print their source.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let causes = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| {
        (*cause).source()
    });
    for cause in causes.take(CHAIN_LIMIT) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn cut(value: &mut String) {
    if value.len() <= VALUE_LIMIT {
        return;
    }
    let dropped = value.len() - VALUE_LIMIT;
    let end = (0..=VALUE_LIMIT)
        .rev()
        .find(|end| value.is_char_boundary(*end))
        .unwrap_or(0);
    value.truncate(end);
    value.push_str(&format!("… ({dropped} bytes more)"));
}
