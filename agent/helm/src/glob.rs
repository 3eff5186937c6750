//! Patterns of paths: gobwas/glob for `.Files.Glob`, Go's path.Match for `.helmignore`.

use regex::Regex;

/// A pattern of gobwas/glob with `/` as separator.
#[derive(Clone, Debug)]
pub(crate) struct Glob(Regex);

// === impl Glob ===

impl Glob {
    /// Reads a pattern: `*`, `**`, `?`, `[a-z]`, `[!a]`, `{a,b}` and `\`; none when it is none.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let mut expression = String::from("(?s)^");
        let mut alternatives = 0usize;
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '*' if characters.next_if_eq(&'*').is_some() => expression.push_str(".*"),
                '*' => expression.push_str("[^/]*"),
                '?' => expression.push_str("[^/]"),
                '\\' => push_literal(&mut expression, characters.next()?),
                '[' => class(&mut expression, &mut characters, '!')?,
                '{' => {
                    alternatives += 1;
                    expression.push_str("(?:");
                }
                '}' if alternatives > 0 => {
                    alternatives -= 1;
                    expression.push(')');
                }
                ',' if alternatives > 0 => expression.push('|'),
                other => push_literal(&mut expression, other),
            }
        }
        if alternatives > 0 {
            return None;
        }
        expression.push('$');
        Regex::new(&expression).ok().map(Self)
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// The pattern of Go's `path.Match` (`*`, `?`, `[a-z]`, `[^a]`, `\`); none when it is malformed.
pub(crate) fn path_pattern(pattern: &str) -> Option<Regex> {
    let mut expression = String::from("(?s)^");
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '\\' => push_literal(&mut expression, characters.next()?),
            '[' => class(&mut expression, &mut characters, '^')?,
            other => push_literal(&mut expression, other),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}

fn class(
    expression: &mut String,
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    negation: char,
) -> Option<()> {
    expression.push('[');
    if characters.next_if_eq(&negation).is_some() {
        expression.push('^');
    }
    let mut empty = true;
    loop {
        match characters.next()? {
            ']' if !empty => break,
            '-' if !empty => {
                expression.push('-');
                let end = characters.next()?;
                push_literal(expression, end);
            }
            '\\' => push_literal(expression, characters.next()?),
            other => push_literal(expression, other),
        }
        empty = false;
    }
    expression.push(']');
    Some(())
}

fn push_literal(expression: &mut String, character: char) {
    let mut buffer = [0; 4];
    expression.push_str(&regex::escape(character.encode_utf8(&mut buffer)));
}
