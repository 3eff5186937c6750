//! Errors of a template that runs, worded and chained as Go and Helm word them.

use std::fmt;

/// An error, where it happened, and what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    place: Option<Box<Place>>,
    message: String,
    /// Whether the message is for the chart's user (`required`, `fail`), who sees nothing else.
    for_the_user: bool,
    cause: Option<Box<Fault>>,
}

/// Where a template was when it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// File, line and column.
    pub(crate) location: String,
    /// The name of the template.
    pub(crate) template: String,
    /// The expression.
    pub(crate) context: String,
}

// === impl Fault ===

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            place: None,
            message: message.into(),
            for_the_user: false,
            cause: None,
        }
    }

    /// What the chart itself says is wrong.
    pub(crate) fn for_the_user(message: impl Into<String>) -> Self {
        Self {
            for_the_user: true,
            ..Self::new(message)
        }
    }

    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self {
            place: Some(Box::new(place)),
            ..Self::new(message)
        }
    }

    /// What goes wrong outside of every template, and is reported like what goes wrong in one.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self::new(message)
    }

    #[must_use]
    pub(crate) fn because(mut self, cause: Self) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |fault| fault.cause.as_deref())
    }

    /// The message as Helm reports it: what the chart says to its user, else the stack of templates with
    /// their expressions, else Go's text.
    pub(crate) fn report(&self) -> String {
        let location = self
            .place
            .as_ref()
            .map_or_else(String::new, |place| place.location.clone());
        if let Some(said) = self.chain().find(|fault| fault.for_the_user) {
            return format!("execution error at ({location}): {}", said.message);
        }
        if self.chain().any(|fault| fault.place.is_none()) {
            return self.to_string();
        }
        let mut report = String::new();
        for fault in self.chain() {
            let Some(place) = &fault.place else { continue };
            let colon = if fault.cause.is_some() { ":" } else { "" };
            report.push_str(&format!(
                "{}\n  executing {:?} at <{}>:\n    {}{colon}\n",
                place.location, place.template, place.context, fault.message
            ));
        }
        report.trim().to_owned()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(
                formatter,
                "template: {}: executing {:?} at <{}>: ",
                place.location, place.template, place.context
            )?;
        }
        formatter.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(formatter, ": {cause}")?;
        }
        Ok(())
    }
}
