//! Label selectors in Kubernetes' string syntax (`labels.Parse` of apimachinery).

use std::collections::BTreeMap;

mod parse;

/// A parsed label selector; the empty text selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// Why a text is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("label selector {selector:?}: {problem}")]
pub struct SelectorError {
    /// The whole text.
    pub selector: String,
    /// What is wrong with it.
    pub problem: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    DoesNotExist,
    In(Vec<String>),
    /// Also true when the label is not there.
    NotIn(Vec<String>),
    GreaterThan(i64),
    LessThan(i64),
}

// === impl LabelSelector ===

impl LabelSelector {
    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`.
    ///
    /// # Errors
    /// The text does not follow the syntax, or a key or value is none a label can have.
    pub fn parse(selector: &str) -> Result<Self, SelectorError> {
        match parse::requirements(selector) {
            Ok(requirements) => Ok(Self { requirements }),
            Err(problem) => Err(SelectorError {
                selector: selector.to_owned(),
                problem,
            }),
        }
    }

    /// Whether labels meet every requirement.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.holds(labels))
    }
}

// === impl Requirement ===

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.key);
        let number = || label.and_then(|value| value.parse::<i64>().ok());
        match &self.test {
            Test::Exists => label.is_some(),
            Test::DoesNotExist => label.is_none(),
            Test::In(values) => label.is_some_and(|value| values.contains(value)),
            Test::NotIn(values) => label.is_none_or(|value| !values.contains(value)),
            Test::GreaterThan(bound) => number().is_some_and(|value| value > *bound),
            Test::LessThan(bound) => number().is_some_and(|value| value < *bound),
        }
    }
}

#[cfg(test)]
mod tests;
