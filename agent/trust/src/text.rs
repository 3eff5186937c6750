//! Text from untrusted objects, made safe to print in a condition, an event or a log line.

/// Longest piece of a commit's text that is repeated to a person: one line of a terminal.
const SHOWN_CHARACTERS: usize = 80;

/// Gives the first line of `bytes`, with control and direction characters replaced, cut to
/// [`SHOWN_CHARACTERS`].
pub(crate) fn shown(bytes: &[u8]) -> String {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    // Four bytes is the longest UTF-8 sequence, so nothing that will be shown is cut here.
    let line = line.get(..SHOWN_CHARACTERS * 4 + 4).unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let mut characters = text.trim().chars();
    let mut out: String = characters
        .by_ref()
        .take(SHOWN_CHARACTERS)
        .map(harmless)
        .collect();
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

/// Replaces characters that move the cursor or turn the reading direction.
fn harmless(character: char) -> char {
    let turns_direction = matches!(character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns_direction {
        '\u{fffd}'
    } else {
        character
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn only_the_first_line_is_shown_without_control_characters() {
        assert_eq!(
            shown(b"fix: a\x1b[31m \xe2\x80\xaeb\nsecond"),
            "fix: a\u{fffd}[31m \u{fffd}b"
        );
    }

    #[test]
    fn a_long_line_is_cut_with_an_ellipsis() {
        let long = "ä".repeat(500);
        assert_eq!(shown(long.as_bytes()), format!("{}…", "ä".repeat(80)));
        assert_eq!(shown("ä".repeat(80).as_bytes()), "ä".repeat(80));
    }

    #[test]
    fn bytes_that_are_not_text_do_not_stop_it() {
        assert_eq!(shown(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(shown(b""), "");
    }
}
