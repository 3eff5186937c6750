//! Regular expressions of a kustomization that are mostly plain words, and compared as such then: to
//! make a regular expression ready costs more than to use it on a hundred names.

use regex::Regex;

/// A word, or a regular expression, that must match in full.
#[derive(Debug)]
pub(crate) enum Pattern {
    Word(String),
    Expression(Regex),
}

/// The name of an image, a word or regular expression, with any tag and digest behind it.
#[derive(Debug)]
pub(crate) enum ImagePattern {
    /// A dot in it stands for any character, as in the expression it is.
    Word(String),
    Expression(Regex),
}

// === impl Pattern ===

impl Pattern {
    /// # Errors
    /// The text is no regular expression.
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        if text.bytes().all(is_plain) {
            return Ok(Self::Word(text.to_owned()));
        }
        Regex::new(&format!("^(?:{text})$")).map(Self::Expression)
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Expression(expression) => expression.is_match(text),
        }
    }
}

// === impl ImagePattern ===

impl ImagePattern {
    /// # Errors
    /// The name is no regular expression.
    pub(crate) fn new(name: &str) -> Result<Self, regex::Error> {
        if name.bytes().all(|byte| is_plain(byte) || byte == b'.') {
            return Ok(Self::Word(name.to_owned()));
        }
        Regex::new(&format!(
            "^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$"
        ))
        .map(Self::Expression)
    }

    pub(crate) fn is_match(&self, reference: &str) -> bool {
        match self {
            Self::Word(name) => behind(name, reference).is_some_and(is_tag_and_digest),
            Self::Expression(expression) => expression.is_match(reference),
        }
    }
}

/// What follows a name in a reference; none where another name stands.
fn behind<'r>(name: &str, reference: &'r str) -> Option<&'r str> {
    let mut characters = reference.chars();
    for expected in name.chars() {
        let found = characters.next()?;
        let fits = expected == found || (expected == '.' && found != '\n');
        if !fits {
            return None;
        }
    }
    Some(characters.as_str())
}

fn is_tag_and_digest(rest: &str) -> bool {
    let after = |text, part| str::strip_prefix(text, part).map(skip_name);
    let rest = after(rest, ":").unwrap_or(rest);
    after(rest, "@sha256:").unwrap_or(rest).is_empty()
}

fn skip_name(text: &str) -> &str {
    text.trim_start_matches(|character: char| {
        character.is_ascii_alphanumeric() || "_.{}-".contains(character)
    })
}

/// Whether a byte means itself in a regular expression.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{ImagePattern, Pattern};

    #[test]
    fn a_plain_name_matches_the_references_that_its_expression_matches() {
        let names = ["nginx", "ghcr.io/a/b-c", "a.", "", "a_b"];
        let references = [
            "nginx",
            "nginx:1",
            "nginx@sha256:12",
            "nginx:1@sha256:12",
            "nginx:1:2",
            "nginx:",
            "nginx:1@sha512:12",
            "nginx@sha256:12:1",
            "nginx:{x}",
            "nginx:1\n",
            "nginxx",
            "ngin",
            "ghcr.io/a/b-c:v1",
            "ghcrXio/a/b-c",
            "aé",
            "a\n",
            "ab:1",
            "",
            ":1",
            "@sha256:",
            "a_b",
        ];
        for name in names {
            let plain = ImagePattern::new(name).unwrap();
            assert!(matches!(plain, ImagePattern::Word(_)), "{name}");
            // The group keeps the name from counting as plain.
            let expression = ImagePattern::new(&format!("(?:{name})")).unwrap();
            assert!(matches!(expression, ImagePattern::Expression(_)), "{name}");
            for reference in references {
                let expected = expression.is_match(reference);
                assert_eq!(plain.is_match(reference), expected, "{name} {reference:?}");
            }
        }
    }

    #[test]
    fn a_word_matches_in_full_and_an_expression_too() {
        for (pattern, text, expected) in [
            ("Deployment", "Deployment", true),
            ("Deployment", "Deployments", false),
            ("Deployment|Job", "Job", true),
            ("web-.*", "web-1", true),
            ("web-.*", "a-web-1", false),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!(pattern.is_match(text), expected, "{pattern:?} {text}");
        }
    }
}
