//! OpenPGP's armour, read strictly: one way to write the same bytes, but for its headers, its check sum, which
//! may be left out, and where its lines of digits end (RFC 9580, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest line of an armour: RFC 9580 allows 76 digits; headers like comments may be longer.
const MAX_LINE: usize = 1024;

/// What CRC-24 begins with and divides by (RFC 9580, section 6.1.1).
const CRC_START: u32 = 0x00b7_04ce;
const CRC_POLYNOMIAL: u32 = 0x0186_4cfb;

/// Takes one block off the front of a text; gives its bytes and the rest of the text.
///
/// # Errors
/// There is no such block or it is broken; says how.
pub(crate) fn take<'a>(text: &'a [u8], label: &str) -> Result<(Vec<u8>, &'a [u8]), &'static str> {
    let mut lines = Lines { rest: text };
    if lines.next() != Some(format!("-----BEGIN {label}-----").as_bytes()) {
        return Err("its first line is broken");
    }
    loop {
        match lines.next() {
            Some([]) => break,
            Some(line) if is_header(line) => {}
            _ => return Err("an empty line is missing before its digits"),
        }
    }
    let end = format!("-----END {label}-----");
    let mut digits = Vec::new();
    let mut sum = None;
    loop {
        match lines.next() {
            None => return Err("its last line is missing"),
            Some(line) if line == end.as_bytes() => break,
            Some(_) if sum.is_some() => return Err("a line follows its check sum"),
            Some([b'=', check @ ..]) if check.len() == 4 => sum = Some(check),
            Some([]) => return Err("an empty line stands among its digits"),
            Some(line) => digits.extend_from_slice(line),
        }
    }
    let bytes = STANDARD.decode(digits).map_err(|_| "it is not base64")?;
    if let Some(sum) = sum {
        let [_, expected @ ..] = crc24(&bytes).to_be_bytes();
        if STANDARD.decode(sum).is_ok_and(|sum| sum != expected) || STANDARD.decode(sum).is_err() {
            return Err("its check sum is wrong");
        }
    }
    Ok((bytes, lines.rest))
}

/// Cuts lines; carriage returns before line feeds are not part of them.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (line.len() <= MAX_LINE).then_some(line)
    }
}

/// Says whether a line is `Version: ...`, `Comment: ...` or another header of printable text.
fn is_header(line: &[u8]) -> bool {
    let colon = line.windows(2).position(|pair| pair == b": ");
    colon.is_some_and(|at| {
        let name = line.get(..at).unwrap_or_default();
        !name.is_empty() && name.iter().all(u8::is_ascii_alphanumeric)
    }) && !line.iter().any(u8::is_ascii_control)
}

fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = CRC_START;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= CRC_POLYNOMIAL;
            }
        }
    }
    crc & 0x00ff_ffff
}

#[cfg(test)]
mod tests;
