//! Patterns of a shell: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character.

/// Whether a pattern fits a whole text; none when the pattern is malformed.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    let pattern = parse(pattern)?;
    let text: Vec<char> = text.chars().collect();
    Some(fits(&pattern, &text))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Exactly(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

fn parse(pattern: &str) -> Option<Vec<Part>> {
    let mut characters = pattern.chars().peekable();
    let mut parts = Vec::new();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Exactly(characters.next()?),
            '[' => {
                let negated = characters.next_if_eq(&'^').is_some();
                Part::Class {
                    negated,
                    ranges: ranges(&mut characters)?,
                }
            }
            other => Part::Exactly(other),
        });
    }
    Some(parts)
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn ranges(characters: &mut Characters<'_>) -> Option<Vec<(char, char)>> {
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && characters.next_if_eq(&']').is_some() {
            return Some(ranges);
        }
        let low = class_character(characters)?;
        let high = match characters.next_if_eq(&'-') {
            Some(_) => class_character(characters)?,
            None => low,
        };
        ranges.push((low, high));
    }
}

fn class_character(characters: &mut Characters<'_>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        other => Some(other),
    }
}

/// Steps through the text once, going back to the last `*` on a mismatch.
fn fits(pattern: &[Part], text: &[char]) -> bool {
    let (mut part, mut position) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(character) = text.get(position) {
        match pattern.get(part) {
            Some(Part::Any) => {
                retry = Some((part, position));
                part += 1;
            }
            Some(one) if fits_one(one, *character) => {
                part += 1;
                position += 1;
            }
            _ => match retry {
                Some((star, start)) => {
                    retry = Some((star, start + 1));
                    part = star + 1;
                    position = start + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(part..)
        .unwrap_or_default()
        .iter()
        .all(|part| *part == Part::Any)
}

fn fits_one(part: &Part, character: char) -> bool {
    match part {
        Part::Any => false,
        Part::One => true,
        Part::Exactly(expected) => *expected == character,
        Part::Class { negated, ranges } => {
            ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&character))
                != *negated
        }
    }
}
