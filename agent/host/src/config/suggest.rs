//! The known name that a misspelt one was probably meant to be.

/// Returns the nearest of `known`, if it is near enough to be a slip of the finger.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = ((name.chars().count() + 1) / 3).max(1);
    let distances = known
        .iter()
        .map(|candidate| (distance(name, candidate), *candidate));
    distances
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left_character) in left.chars().enumerate() {
        let mut next = vec![index + 1];
        let mut before = index + 1;
        for (pair, right_character) in row.windows(2).zip(&right) {
            let &[diagonal, above] = pair else { continue };
            let replaced = diagonal + usize::from(left_character != *right_character);
            before = replaced.min(above + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["interval", "introduction", "url", "path"];
        assert_eq!(nearest("intervall", &known), Some("interval"));
        assert_eq!(nearest("introducton", &known), Some("introduction"));
        assert_eq!(
            nearest("ulr", &known),
            None,
            "two replacements in three letters are another word"
        );
        assert_eq!(nearest("uri", &known), Some("url"));
        assert_eq!(nearest("password", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn the_distance_counts_edits() {
        let cases = [
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
        ];
        for (left, right, expected) in cases {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
