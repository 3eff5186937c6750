//! Frames and the fields in them.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::{WireError, limits};

/// Builds the body of a frame. The buffer is cleared when dropped: requests carry credentials.
pub(crate) struct Encoder(Zeroizing<Vec<u8>>);

impl Encoder {
    pub(crate) fn new(tag: u8) -> Self {
        Self(Zeroizing::new(vec![tag]))
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn count(
        &mut self,
        what: &'static str,
        count: usize,
        limit: usize,
    ) -> Result<(), WireError> {
        let count = bounded(what, count, limit)?;
        self.0.extend_from_slice(&count.to_be_bytes());
        Ok(())
    }

    pub(crate) fn text(
        &mut self,
        what: &'static str,
        text: &str,
        limit: usize,
    ) -> Result<(), WireError> {
        self.bytes(what, text.as_bytes(), limit)
    }

    pub(crate) fn bytes(
        &mut self,
        what: &'static str,
        bytes: &[u8],
        limit: usize,
    ) -> Result<(), WireError> {
        self.count(what, bytes.len(), limit)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn optional_text(
        &mut self,
        what: &'static str,
        text: Option<&str>,
        limit: usize,
    ) -> Result<(), WireError> {
        match text {
            None => {
                self.byte(0);
                Ok(())
            }
            Some(text) => {
                self.byte(1);
                self.text(what, text, limit)
            }
        }
    }

    /// Bytes of the frame so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes what there is without a length before it, which was written already, as of more that follows.
    pub(crate) fn write_bare(self, writer: &mut impl Write) -> Result<(), WireError> {
        writer.write_all(&self.0).map_err(WireError::Io)
    }

    pub(crate) fn write(
        self,
        writer: &mut impl Write,
        what: &'static str,
        limit: usize,
    ) -> Result<(), WireError> {
        write_length(writer, what, self.0.len(), limit)?;
        writer.write_all(&self.0).map_err(WireError::Io)
    }
}

pub(crate) fn write_length(
    writer: &mut impl Write,
    what: &'static str,
    length: usize,
    limit: usize,
) -> Result<(), WireError> {
    let length = bounded(what, length, limit)?;
    writer
        .write_all(&length.to_be_bytes())
        .map_err(WireError::Io)
}

fn bounded(what: &'static str, length: usize, limit: usize) -> Result<u32, WireError> {
    match u32::try_from(length) {
        Ok(short) if length <= limit => Ok(short),
        _ => Err(too_large(what, length, limit)),
    }
}

fn too_large(what: &'static str, length: usize, limit: usize) -> WireError {
    WireError::TooLarge {
        what,
        length: length as u64,
        limit: limit as u64,
    }
}

/// Reads the length of the next frame; [`WireError::Closed`] when the stream ends before it.
pub(crate) fn read_length(
    reader: &mut impl Read,
    what: &'static str,
    limit: usize,
) -> Result<usize, WireError> {
    let mut first = [0_u8; 1];
    loop {
        match reader.read(&mut first) {
            Ok(0) => return Err(WireError::Closed),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(WireError::Io(error)),
        }
    }
    let [first] = first;
    let mut rest = [0_u8; 3];
    reader.read_exact(&mut rest).map_err(WireError::Io)?;
    let [second, third, fourth] = rest;
    let length = u32::from_be_bytes([first, second, third, fourth]) as usize;
    if length > limit {
        return Err(too_large(what, length, limit));
    }
    if length == 0 {
        return Err(WireError::Malformed {
            what: "an empty frame",
        });
    }
    Ok(length)
}

/// Reads exactly `length` bytes; memory grows with what arrives, not with what was announced.
pub(crate) fn read_bytes(reader: &mut impl Read, length: usize) -> Result<Vec<u8>, WireError> {
    /// What is reserved at once: larger than nearly every object of a manifest repository.
    const FIRST_RESERVATION: usize = 64 * 1024;
    let mut bytes = Vec::with_capacity(length.min(FIRST_RESERVATION));
    let read = reader
        .take(length as u64)
        .read_to_end(&mut bytes)
        .map_err(WireError::Io)?;
    if read < length {
        return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

/// Takes the fields out of a frame's body.
pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    fn take(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(WireError::Malformed { what })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const LENGTH: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; LENGTH], WireError> {
        self.take(what, LENGTH)?
            .try_into()
            .map_err(|_| WireError::Malformed { what })
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, WireError> {
        let [byte] = self.array(what)?;
        Ok(byte)
    }

    pub(crate) fn number(&mut self, what: &'static str) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    pub(crate) fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, WireError> {
        let count = u32::from_be_bytes(self.array(what)?) as usize;
        if count > limit {
            return Err(too_large(what, count, limit));
        }
        Ok(count)
    }

    pub(crate) fn bytes(
        &mut self,
        what: &'static str,
        limit: usize,
    ) -> Result<&'a [u8], WireError> {
        let length = self.count(what, limit)?;
        self.take(what, length)
    }

    pub(crate) fn text(&mut self, what: &'static str, limit: usize) -> Result<String, WireError> {
        let bytes = self.bytes(what, limit)?;
        let text = std::str::from_utf8(bytes).map_err(|_| WireError::Malformed { what })?;
        Ok(text.to_owned())
    }

    pub(crate) fn optional_text(
        &mut self,
        what: &'static str,
        limit: usize,
    ) -> Result<Option<String>, WireError> {
        match self.byte(what)? {
            0 => Ok(None),
            1 => self.text(what, limit).map(Some),
            tag => Err(WireError::UnknownTag { what, tag }),
        }
    }

    pub(crate) fn oid(&mut self, what: &'static str) -> Result<String, WireError> {
        let text = self.text(what, limits::OID_HEX_BYTES)?;
        check_oid(what, &text)?;
        Ok(text)
    }

    /// Every field was taken: a frame with something left over is not ours.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(WireError::Malformed {
                what: "trailing bytes",
            })
        }
    }
}

/// An object id is forty lowercase hex digits.
pub(crate) fn check_oid(what: &'static str, text: &str) -> Result<(), WireError> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == limits::OID_HEX_BYTES && text.bytes().all(is_hex) {
        Ok(())
    } else {
        Err(WireError::Malformed { what })
    }
}
