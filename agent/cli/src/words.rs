//! Small texts: shortened revisions, ages, booleans.

use std::fmt::Write as _;

/// What Flux takes for a digest: SHA-1 to SHA-512 in hexadecimal.
const DIGEST: std::ops::RangeInclusive<usize> = 40..=128;
/// How much of a digest is shown.
const SHORT: usize = 8;

/// Shortens every digest inside a text to eight digits, as Flux's commands do
/// (`internal/utils/hex.go`).
pub(crate) fn shorten_digests(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            word.push(character);
        } else {
            push_word(&mut shown, &word);
            word.clear();
            shown.push(character);
        }
    }
    push_word(&mut shown, &word);
    shown
}

fn push_word(shown: &mut String, word: &str) {
    let is_hex = |character| matches!(character, '0'..='9' | 'a'..='f');
    let digest = DIGEST.contains(&word.len()) && word.chars().all(is_hex);
    let length = if digest { SHORT } else { word.len() };
    shown.push_str(word.get(..length).unwrap_or(word));
}

/// A length of time the way kubectl writes ages (`duration.HumanDuration` of apimachinery).
pub(crate) fn age(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        let mut text = format!("{large}{large_unit}");
        if small > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{small}{small_unit}");
        }
        text
    };
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(seconds / YEAR, "y", seconds % YEAR / DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

/// A number of bytes with one digit after the point, in the units of Kubernetes.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let (mut scale, mut unit) = (1_u128, 0);
    while u128::from(number) / scale >= 1024 && unit + 1 < UNITS.len() {
        (scale, unit) = (scale * 1024, unit + 1);
    }
    let tenths = (u128::from(number) * 10 + scale / 2) / scale;
    let name = UNITS.get(unit).copied().unwrap_or_default();
    format!("{}.{}{name}", tenths / 10, tenths % 10)
}

/// `True` or `False`, as Flux prints a switch.
pub(crate) fn switch(on: bool) -> &'static str {
    if on { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shortened_to_eight_digits_and_nothing_else_is() {
        let sha1 = "67e2c98a60dc92283531412a9e604dd4bae005a9";
        let check = |text: &str, expected: &str| assert_eq!(shorten_digests(text), expected);
        check(
            &format!("Applied revision: main@sha1:{sha1}"),
            "Applied revision: main@sha1:67e2c98a",
        );
        check(&format!("{sha1} {}", "ab".repeat(32)), "67e2c98a abababab");
        check(&format!("x{sha1}"), &format!("x{sha1}"));
        check(&format!("{sha1}_"), &format!("{sha1}_"));
        check(&sha1.to_uppercase(), &sha1.to_uppercase());
        check(&"a".repeat(39), &"a".repeat(39));
        check(&"a".repeat(129), &"a".repeat(129));
        check("größe: 1", "größe: 1");
    }

    #[test]
    fn bytes_read_as_quantities() {
        let shown = [512, 1536, 4_600_000_000, 3 << 40].map(bytes);
        assert_eq!(shown, ["512.0", "1.5Ki", "4.3Gi", "3.0Ti"]);
    }

    #[test]
    fn an_age_reads_as_kubectl_writes_it() {
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (10_860, "3h1m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(age(seconds), expected, "{seconds}");
        }
    }
}
