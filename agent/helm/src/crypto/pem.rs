//! PEM: DER in base64 between two lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Writes a block.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The first block of a text: label and content.
pub(crate) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (label, after) = after.split_once("-----")?;
    let (body, _) = after.split_once(&format!("-----END {label}-----"))?;
    // Headers end at an empty line.
    let body = body.split_once("\n\n").map_or(body, |(_, body)| body);
    let digits: String = body.split_whitespace().collect();
    let content = STANDARD.decode(digits).ok()?;
    Some((label.to_owned(), content))
}
