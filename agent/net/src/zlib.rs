//! Deflated bytes in memory, with the inflated size known and enforced.

use std::io::{self, BufRead, Write as _};

use gix_zlib::{Compression, Decompress, FlushDecompress, Status, stream::deflate};

/// Compresses fast: the cache is read far more often than its size matters.
pub(crate) fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let capacity = bytes.len() / 2 + 16;
    let mut writer = deflate::Write::new(Vec::with_capacity(capacity), Compression::BEST_SPEED);
    writer.write_all(bytes)?;
    writer.flush()?;
    Ok(writer.into_inner())
}

/// Why a zlib stream could not be inflated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InflateError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the zlib stream is not valid")]
    Invalid,
    #[error("the object inflates to another size than announced")]
    WrongSize,
}

/// Memory that is reserved before anything was inflated.
const FIRST_RESERVATION: usize = 16 * 1024;

/// Inflates one stream of exactly `size` bytes from `reader` and consumes nothing behind it. Memory grows
/// with what was really inflated, so an announced size alone costs nothing.
pub(crate) fn inflate_from(
    reader: &mut impl BufRead,
    state: &mut Decompress,
    size: usize,
) -> Result<Vec<u8>, InflateError> {
    state.reset();
    let mut output = Vec::new();
    let mut filled = 0;
    loop {
        if output.len() == filled {
            // One byte more than announced tells a stream that is too long from one that is complete.
            let wanted = (filled * 2).max(FIRST_RESERVATION).min(size + 1);
            output.resize(wanted.max(filled), 0);
        }
        let input = reader.fill_buf()?;
        let at_end = input.is_empty();
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let free = output.get_mut(filled..).unwrap_or_default();
        let status = state
            .decompress(input, free, FlushDecompress::None)
            .map_err(|_| InflateError::Invalid)?;
        let consumed = usize::try_from(state.total_in() - before_in).unwrap_or(usize::MAX);
        let produced = usize::try_from(state.total_out() - before_out).unwrap_or(usize::MAX);
        reader.consume(consumed);
        filled = filled.saturating_add(produced);
        if filled > size {
            return Err(InflateError::WrongSize);
        }
        if status == Status::StreamEnd {
            break;
        }
        if at_end {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if consumed == 0 && produced == 0 {
            return Err(InflateError::Invalid);
        }
    }
    if filled != size {
        return Err(InflateError::WrongSize);
    }
    output.truncate(size);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate(mut bytes: &[u8], size: usize) -> Result<Vec<u8>, InflateError> {
        inflate_from(&mut bytes, &mut Decompress::new(), size)
    }

    #[test]
    fn what_was_deflated_comes_back() {
        for size in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 300_000] {
            let bytes: Vec<u8> = (0..size).map(|index| (index * 7 % 251) as u8).collect();
            assert_eq!(
                inflate(&deflated(&bytes).unwrap(), size).unwrap(),
                bytes,
                "{size}"
            );
        }
    }

    #[test]
    fn nothing_behind_the_stream_is_consumed() {
        let mut bytes = deflated(b"object").unwrap();
        bytes.extend(b"next");
        let mut reader = bytes.as_slice();
        inflate_from(&mut reader, &mut Decompress::new(), 6).unwrap();
        assert_eq!(reader, b"next");
    }

    #[test]
    fn a_size_that_is_a_lie_is_an_error() {
        let zeros = deflated(&vec![0; 1_000_000]).unwrap();
        for size in [0, 10, 999_999, 1_000_001] {
            assert!(
                matches!(inflate(&zeros, size), Err(InflateError::WrongSize)),
                "{size}"
            );
        }
    }

    #[test]
    fn a_cut_or_garbled_stream_is_an_error() {
        let bytes = deflated(b"some text that is compressed").unwrap();
        for end in 0..bytes.len() {
            assert!(inflate(&bytes[..end], 28).is_err(), "{end}");
        }
        assert!(inflate(b"not zlib at all", 28).is_err());
    }
}
