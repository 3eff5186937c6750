//! Sprig's functions on words: case, wrapping, abbreviation.

use crate::fault::Fault;
use crate::functions::arguments::{int, string, text};
use crate::functions::{Function, Parameter};
use crate::value::Value;

use Parameter::{Int, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("swapcase", &[Text], |_, a| {
        Ok(Value::text(swap_case(&string(a, 0)?)))
    }),
    Function::new("camelcase", &[Text], |_, a| {
        Ok(Value::text(pascal_case(&string(a, 0)?)))
    }),
    Function::new("snakecase", &[Text], |_, a| {
        Ok(Value::text(connected(&string(a, 0)?, '_')))
    }),
    Function::new("kebabcase", &[Text], |_, a| {
        Ok(Value::text(connected(&string(a, 0)?, '-')))
    }),
    Function::new("initials", &[Text], |_, a| {
        let initials: String = string(a, 0)?
            .split_whitespace()
            .filter_map(|word| word.chars().next())
            .collect();
        Ok(Value::text(initials))
    }),
    Function::new("wrap", &[Int, Text], |_, a| {
        wrap(text(a, 1)?.as_bytes(), int(a, 0)?, b"\n", LongWords::Kept)
    }),
    Function::new("wrapWith", &[Int, Text, Text], |_, a| {
        wrap(
            text(a, 2)?.as_bytes(),
            int(a, 0)?,
            text(a, 1)?.as_bytes(),
            LongWords::Broken,
        )
    }),
    Function::new("abbrev", &[Int, Text], |_, a| {
        Ok(Value::text(abbreviated(
            text(a, 1)?.as_bytes(),
            0,
            int(a, 0)?,
        )))
    }),
    Function::new("abbrevboth", &[Int, Int, Text], |_, a| {
        let (left, right) = (int(a, 0)?, int(a, 1)?);
        let text = text(a, 2)?;
        if right < 4 || left > 0 && right < 7 {
            return Ok(Value::Text(text));
        }
        Ok(Value::text(abbreviated(text.as_bytes(), left, right)))
    }),
];

fn swap_case(text: &str) -> String {
    let mut swapped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_uppercase() {
            swapped.extend(character.to_lowercase());
        } else {
            swapped.extend(character.to_uppercase());
        }
    }
    swapped
}

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    upper
        .next()
        .filter(|_| upper.len() == 0)
        .unwrap_or(character)
}

fn lower(character: char) -> char {
    let mut lower = character.to_lowercase();
    lower
        .next()
        .filter(|_| lower.len() == 0)
        .unwrap_or(character)
}

/// xstrings' `ToPascalCase`: connectors go, the letter after one is raised, and a word of capitals keeps
/// only its first.
fn pascal_case(text: &str) -> String {
    let mut characters = text.chars().peekable();
    let mut cased = String::with_capacity(text.len());
    while let Some(connector) = characters.next_if(|next| is_connector(*next)) {
        cased.push(connector);
    }
    let Some(first) = characters.next() else {
        return cased;
    };
    let mut in_capitals = first.is_uppercase();
    let mut previous = upper(first);
    for character in characters {
        let mut current = character;
        if is_connector(current) && is_connector(previous) {
            cased.push(previous);
            previous = current;
            continue;
        }
        if is_connector(previous) {
            in_capitals = current.is_uppercase();
            current = upper(current);
        } else {
            if in_capitals {
                if current.is_uppercase() {
                    current = lower(current);
                } else {
                    in_capitals = false;
                }
            }
            cased.push(previous);
        }
        previous = current;
    }
    cased.push(previous);
    cased
}

/// What a run of characters is to xstrings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Number,
    Capitals,
    Letters,
    Connector,
    Punctuation,
    Other,
    Nothing,
}

/// xstrings' `ToSnakeCase` and `ToKebabCase`.
fn connected(text: &str, connector: char) -> String {
    let mut words = Words {
        rest: text,
        out: String::with_capacity(text.len() + 8),
        connector,
    };
    words.run();
    words.out
}

struct Words<'t> {
    rest: &'t str,
    out: String,
    connector: char,
}

// === impl Words ===

impl<'t> Words<'t> {
    fn run(&mut self) {
        let (mut run, mut word) = self.next();
        while !self.rest.is_empty() {
            if run != Run::Connector {
                self.push(run, word);
            }
            let (previous, last) = (run, word);
            (run, word) = self.next();
            match previous {
                Run::Number => (run, word) = self.letters_and_numbers(run, word),
                Run::Connector => self.push(previous, last),
                Run::Punctuation => {}
                _ if run != Run::Number => {
                    if !matches!(run, Run::Connector | Run::Punctuation) {
                        self.out.push(self.connector);
                    }
                }
                _ if self.rest.is_empty() => {}
                _ => {
                    let number = word;
                    (run, word) = self.next();
                    if run == Run::Letters {
                        // Small letters after a number: the number begins a word.
                        self.out.push(self.connector);
                        self.push(Run::Number, number);
                        (run, word) = self.letters_and_numbers(run, word);
                    } else {
                        self.push(Run::Number, number);
                        if !matches!(run, Run::Connector | Run::Punctuation) {
                            self.out.push(self.connector);
                        }
                    }
                }
            }
        }
        self.push(run, word);
    }

    fn letters_and_numbers(&mut self, run: Run, word: &'t str) -> (Run, &'t str) {
        let (mut run, mut word) = (run, word);
        while matches!(run, Run::Letters | Run::Number) {
            self.push(run, word);
            (run, word) = self.next();
        }
        if !matches!(run, Run::Nothing | Run::Punctuation | Run::Connector) {
            self.out.push(self.connector);
        }
        (run, word)
    }

    fn push(&mut self, run: Run, word: &str) {
        if run == Run::Connector {
            for _ in word.chars() {
                self.out.push(self.connector);
            }
        } else {
            self.out.extend(word.chars().map(lower));
        }
    }

    fn next(&mut self) -> (Run, &'t str) {
        let Some(first) = self.rest.chars().next() else {
            return (Run::Nothing, "");
        };
        let run = run_of(first);
        let length = match run {
            Run::Capitals => return self.capitals(),
            Run::Letters => self.span(|next| !next.is_uppercase() && run_of(next) == Run::Letters),
            run => self.span(|next| run_of(next) == run),
        };
        self.split(run, length)
    }

    /// A word that starts with a capital: one with small letters after it, or capitals up to the last one
    /// before small letters.
    fn capitals(&mut self) -> (Run, &'t str) {
        let capitals = self.span(|next| run_of(next) == Run::Capitals);
        let count = self
            .rest
            .get(..capitals)
            .map_or(0, |part| part.chars().count());
        let after = self.rest.get(capitals..).unwrap_or_default();
        let small = after
            .chars()
            .next()
            .is_some_and(|next| run_of(next) == Run::Letters);
        if !small {
            return self.split(Run::Capitals, capitals);
        }
        if count == 1 {
            let letters = after
                .find(|next: char| run_of(next) != Run::Letters)
                .unwrap_or(after.len());
            return self.split(Run::Capitals, capitals + letters);
        }
        let last = self
            .rest
            .get(..capitals)
            .and_then(|part| part.chars().last());
        self.split(Run::Capitals, capitals - last.map_or(0, char::len_utf8))
    }

    fn span(&self, holds: impl Fn(char) -> bool) -> usize {
        let end = self.rest.char_indices().find(|(_, next)| !holds(*next));
        end.map_or(self.rest.len(), |(end, _)| end)
    }

    fn split(&mut self, run: Run, length: usize) -> (Run, &'t str) {
        let (word, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.rest = rest;
        (run, word)
    }
}

fn run_of(character: char) -> Run {
    if is_connector(character) {
        Run::Connector
    } else if character.is_uppercase() {
        Run::Capitals
    } else if character.is_numeric() {
        Run::Number
    } else if character.is_alphabetic() {
        Run::Letters
    } else if is_punctuation(character) {
        Run::Punctuation
    } else {
        Run::Other
    }
}

/// Unicode's punctuation, of which ASCII's symbols (`$+<=>^|~` and the backquote) are no part.
fn is_punctuation(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_punctuation() && !"$+<=>^`|~".contains(character);
    }
    matches!(u32::from(character), 0xa1 | 0xa7 | 0xab | 0xb6 | 0xb7 | 0xbb | 0xbf | 0x2010..=0x2027 | 0x2030..=0x205e | 0x3001..=0x3003 | 0x3008..=0x3011)
}

/// What happens to a word that is longer than a line.
#[derive(Clone, Copy, PartialEq)]
enum LongWords {
    Broken,
    Kept,
}

/// goutils' `WrapCustom`; it counts bytes.
fn wrap(text: &[u8], width: i64, line_end: &[u8], long_words: LongWords) -> Result<Value, Fault> {
    let line_end = if line_end.is_empty() { b"\n" } else { line_end };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut wrapped = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let window = rest.get(..=width).unwrap_or(rest);
        let (line, skipped) = match window.iter().rposition(|byte| *byte == b' ') {
            Some(blank) => (blank, 1),
            None if long_words == LongWords::Broken => (width, 0),
            None => {
                let after = rest.get(width..).unwrap_or_default();
                match after.iter().position(|byte| *byte == b' ') {
                    Some(blank) => (width + blank, 1),
                    None => break,
                }
            }
        };
        wrapped.extend_from_slice(rest.get(..line).unwrap_or_default());
        wrapped.extend_from_slice(line_end);
        rest = rest.get(line + skipped..).unwrap_or_default();
    }
    wrapped.extend_from_slice(rest);
    Ok(Value::text(wrapped))
}

/// goutils' `AbbreviateFull`: dots at the end, and at the start where the offset leaves room.
fn abbreviated(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let Ok(width) = usize::try_from(width) else {
        return text.to_vec();
    };
    if width < 4 || text.len() <= width {
        return text.to_vec();
    }
    let kept = width - 3;
    let offset = usize::try_from(offset).unwrap_or(0).min(text.len());
    let offset = offset.min(text.len() - kept);
    let part = |start: usize, end: usize| text.get(start..end).unwrap_or_default();
    if offset <= 4 {
        return [part(0, kept), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + kept < text.len() {
        let rest = abbreviated(part(offset, text.len()), 0, width as i64 - 3);
        return [b"...", rest.as_slice()].concat();
    }
    [b"...", part(text.len() - kept, text.len())].concat()
}
