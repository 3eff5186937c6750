//! Where the top-level fields of a file stand: enough to point at a mistake.

use std::collections::BTreeMap;

/// The line of each top-level field, counted from 1; of YAML in blocks, and of one map in braces, which JSON is.
pub(crate) fn top_level_lines(text: &[u8]) -> BTreeMap<String, usize> {
    let text = String::from_utf8_lossy(text);
    if text.trim_start().starts_with('{') {
        in_braces(&text)
    } else {
        in_blocks(&text)
    }
}

fn in_blocks(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if let Some((key, _)) = line.split_once(':')
            && is_field(key)
        {
            lines.entry(key.to_owned()).or_insert(index + 1);
        }
    }
    lines
}

/// What stands before a colon where one brace is open.
fn in_braces(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let (mut line, mut depth, mut word) = (1, 0, String::new());
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        line += usize::from(character == '\n');
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => word.push(character),
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ':' if depth == 1 && is_field(&word) => {
                lines.entry(std::mem::take(&mut word)).or_insert(line);
            }
            ',' => word.clear(),
            _ if character.is_whitespace() => {}
            _ => word.push(character),
        }
        if matches!(character, '{' | '[' | '}' | ']' | ':') && !quoted {
            word.clear();
        }
    }
    lines
}

fn is_field(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|character| character.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::top_level_lines;

    #[test]
    fn fields_are_found_in_blocks_and_in_braces() {
        let blocks = top_level_lines(b"# a\nresources:\n- images: x\nnamePrefix: a\n");
        assert_eq!(blocks.get("resources"), Some(&2));
        assert_eq!(blocks.get("namePrefix"), Some(&4));
        assert_eq!(blocks.get("images"), None);
        let text = br#"{
  "patches": [{"patch": "a: {b\\\" ", "images":
     1}], "a": {"images": 1},
  "images" : [], namePrefix: x
}"#;
        let braces = top_level_lines(text);
        assert_eq!(braces.get("patches"), Some(&2));
        assert_eq!(braces.get("images"), Some(&4));
        assert_eq!(braces.get("namePrefix"), Some(&4));
        assert_eq!(braces.get("patch"), None);
    }
}
