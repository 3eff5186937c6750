//! Regular expressions as Go writes them (RE2's syntax), for the regex crate, which shares the meaning of most of it.
//!
//! In RE2, `\d`, `\w`, `\s` and `\b` know ASCII only, `\Q` quotes, and a class has no operations on sets.

/// Writes an expression of Go for the regex crate; what is none for Go may be one there.
#[must_use]
pub fn translate(pattern: &str) -> String {
    let mut rewritten = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let Some(escaped) = characters.next() else {
                    rewritten.push('\\');
                    break;
                };
                escape(&mut rewritten, escaped, in_class, &mut characters);
            }
            '[' if in_class && characters.peek() != Some(&':') => rewritten.push_str("\\["),
            '[' if in_class => {
                // A named class, [:alpha:].
                rewritten.push('[');
                for inner in characters.by_ref() {
                    rewritten.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' => {
                in_class = true;
                rewritten.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    rewritten.push('^');
                }
                if characters.next_if_eq(&']').is_some() {
                    rewritten.push_str("\\]");
                }
            }
            ']' if in_class => {
                in_class = false;
                rewritten.push(']');
            }
            '&' | '~' if in_class => {
                // Set operations of the regex crate that RE2 does not have.
                rewritten.push('\\');
                rewritten.push(character);
            }
            '-' if in_class && characters.peek() == Some(&'-') => rewritten.push_str("\\-"),
            other => rewritten.push(other),
        }
    }
    rewritten
}

fn escape(
    rewritten: &mut String,
    escaped: char,
    in_class: bool,
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
) {
    let class = match escaped {
        'd' => Some("0-9"),
        'w' => Some("0-9A-Za-z_"),
        's' => Some("\\t\\n\\x0c\\r "),
        _ => None,
    };
    match (class, escaped, in_class) {
        (Some(class), _, true) => rewritten.push_str(class),
        (Some(class), _, false) => rewritten.push_str(&format!("[{class}]")),
        (None, 'D', _) => rewritten.push_str("[^0-9]"),
        (None, 'W', _) => rewritten.push_str("[^0-9A-Za-z_]"),
        (None, 'S', _) => rewritten.push_str("[^\\t\\n\\x0c\\r ]"),
        (None, 'b', false) => rewritten.push_str("(?-u:\\b)"),
        (None, 'B', false) => rewritten.push_str("(?-u:\\B)"),
        (None, 'Q', false) => quote_literal(rewritten, characters),
        _ => {
            rewritten.push('\\');
            rewritten.push(escaped);
        }
    }
}

fn quote_literal(
    rewritten: &mut String,
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
) {
    let mut literal: String = characters.clone().collect();
    if let Some(end) = literal.find("\\E") {
        literal.truncate(end);
        characters.nth(literal.chars().count() + 1);
    } else {
        for _ in characters.by_ref() {}
    }
    for character in literal.chars() {
        if character.is_ascii_punctuation() {
            rewritten.push('\\');
        }
        rewritten.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn what_differs_between_the_two_is_rewritten() {
        for (go, ours) in [
            ("^waiting.*socket$", "^waiting.*socket$"),
            (r"\d+\b", r"[0-9]+(?-u:\b)"),
            (r"[\w-]", r"[0-9A-Za-z_-]"),
            (r"\Qa.b\Ec", r"a\.bc"),
            (r"\Qa[", r"a\["),
            ("[a&&b]", r"[a\&\&b]"),
            ("[[:alpha:]]", "[[:alpha:]]"),
            ("[[]", r"[\[]"),
        ] {
            assert_eq!(translate(go), ours, "{go}");
        }
    }
}
