//! Length-prefixed strings as SSH writes them (RFC 4251, section 5).

/// Reads from the front; every length is checked against what is there.
pub(crate) struct WireReader<'a> {
    rest: &'a [u8],
}

// === impl WireReader ===

impl<'a> WireReader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(string)
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// Reads a positive `mpint` and gives its digits without leading zeros. A number written in
    /// another way than the shortest is refused, so that one signature has one form.
    pub(crate) fn positive(&mut self) -> Option<&'a [u8]> {
        let digits = match self.string()? {
            [0, rest @ ..] => rest.first().filter(|high| **high >= 0x80).map(|_| rest)?,
            digits => digits
                .first()
                .filter(|high| **high < 0x80)
                .map(|_| digits)?,
        };
        Some(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::WireReader;

    #[test]
    fn a_number_has_one_form() {
        for (wire, digits) in [
            (&b"\0\0\0\x01\x7f"[..], Some(&b"\x7f"[..])),
            (b"\0\0\0\x02\0\x80", Some(b"\x80")),
            (b"\0\0\0\x01\x80", None),
            (b"\0\0\0\x02\0\x7f", None),
            (b"\0\0\0\x01\0", None),
            (b"\0\0\0\0", None),
            (b"\0\0\0\x02\x01", None),
        ] {
            assert_eq!(WireReader::new(wire).positive(), digits, "{wire:?}");
        }
    }
}
