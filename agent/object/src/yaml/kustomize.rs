//! What kustomize makes of scalars: it writes every object out with go-yaml v3 and reads it back,
//! which changes some of them.

use granit_parser::ScalarStyle;

use crate::yaml::arena::Scalar;
use crate::yaml::timestamp;

/// The text kustomize has for a scalar, where it is not the scalar's own.
///
/// - A time without quotes becomes RFC 3339 text.
/// - Inside braces, an empty value and a time with colons get quotes, so they stay text.
/// - A folded block (`>`) gets line breaks around indented lines.
pub(super) fn own_text(scalar: &Scalar<'_>) -> Option<String> {
    if scalar.is_plain() {
        return if scalar.in_flow && (scalar.text.is_empty() || scalar.text.contains(':')) {
            scalar.text.is_empty().then(String::new)
        } else {
            timestamp::rfc3339(&scalar.text)
        };
    }
    let folded = scalar.style == ScalarStyle::Folded && scalar.tag.is_none();
    folded.then(|| refolded(&scalar.text))
}

/// A text that went through go-yaml v3's folded style and back.
///
/// Its writer doubles the first line break behind a line that is not indented, unless the whole
/// text starts with a blank; its reader takes one of two breaks back between such lines only.
fn refolded(text: &str) -> String {
    let content = text.trim_end_matches('\n');
    let doubles = !text.trim_start_matches('\n').starts_with([' ', '\t']);
    let is_indented = |line: &str| line.starts_with([' ', '\t']);
    let mut refolded = String::with_capacity(text.len());
    let mut rest = content;
    while let Some((line, behind)) = rest.split_once('\n') {
        let next = behind.trim_start_matches('\n');
        let breaks = 1 + behind.len() - next.len();
        refolded.push_str(line);
        let written = breaks + usize::from(doubles && !line.is_empty() && !is_indented(line));
        if line.is_empty() || is_indented(line) || is_indented(next) {
            refolded.push_str(&"\n".repeat(written));
        } else if written == 1 {
            refolded.push(' ');
        } else {
            refolded.push_str(&"\n".repeat(written - 1));
        }
        rest = next;
    }
    refolded.push_str(rest);
    let kept = text.len() - content.len();
    // With `+` the doubled break at the end stays.
    let doubled = kept > 1 && doubles && !is_indented(rest);
    refolded.push_str(&"\n".repeat(kept + usize::from(doubled)));
    refolded
}
