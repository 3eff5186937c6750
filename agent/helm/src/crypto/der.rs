//! DER: the little that certificates need, written and read.

/// Tags.
pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERAL_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// An element: tag, length, and content in parts.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut encoded = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => encoded.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
            encoded.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            encoded.extend(bytes);
        }
    }
    encoded.extend(content);
    encoded
}

/// A number without sign, from its bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0);
    let bytes = start.map_or(&[0][..], |start| bytes.get(start..).unwrap_or_default());
    let padded = bytes.first().is_some_and(|byte| *byte >= 0x80);
    element(INTEGER, &[if padded { &[0] } else { &[] }, bytes])
}

/// A bit string of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

/// One element and what comes after it.
pub(crate) struct Element<'d> {
    pub(crate) tag: u8,
    /// With tag and length.
    pub(crate) whole: &'d [u8],
    pub(crate) content: &'d [u8],
    pub(crate) rest: &'d [u8],
}

/// Reads an element; none where the bytes are none.
pub(crate) fn read(bytes: &[u8]) -> Option<Element<'_>> {
    let (tag, after) = bytes.split_first()?;
    let (first, after) = after.split_first()?;
    let (length, after) = if *first < 0x80 {
        (usize::from(*first), after)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, after) = after.split_at_checked(count)?;
        let length = digits
            .iter()
            .fold(0usize, |length, digit| length << 8 | usize::from(*digit));
        (length, after)
    };
    let (content, rest) = after.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - rest.len())?;
    Some(Element {
        tag: *tag,
        whole,
        content,
        rest,
    })
}

/// The elements inside another one.
pub(crate) fn children(content: &[u8]) -> Vec<Element<'_>> {
    let mut rest = content;
    let mut found = Vec::new();
    while let Some(element) = read(rest) {
        rest = element.rest;
        found.push(element);
    }
    found
}
