//! Deltas (gitformat-pack(5), "Deltified representation"): copies from a base and bytes of their own.

/// The size of the base, the size of the result, and the instructions behind them.
pub(crate) fn sizes(delta: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (base_size, rest) = size(delta)?;
    let (result_size, rest) = size(rest)?;
    Some((base_size, result_size, rest))
}

fn size(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes));
        }
    }
    None
}

/// Builds the result, which must come out at exactly `result_size` bytes; never takes more memory.
pub(crate) fn apply(base: &[u8], mut instructions: &[u8], result_size: usize) -> Option<Vec<u8>> {
    /// Reserved before a single instruction proved good.
    const FIRST_RESERVATION: usize = 1024 * 1024;
    let mut result = Vec::with_capacity(result_size.min(FIRST_RESERVATION));
    while let Some((&instruction, rest)) = instructions.split_first() {
        let piece = if instruction & 0x80 != 0 {
            let (offset, length, rest) = copy(instruction, rest)?;
            instructions = rest;
            base.get(offset..offset.checked_add(length)?)?
        } else if instruction == 0 {
            return None;
        } else {
            let (piece, rest) = rest.split_at_checked(usize::from(instruction))?;
            instructions = rest;
            piece
        };
        if result.len() + piece.len() > result_size {
            return None;
        }
        result.extend_from_slice(piece);
    }
    (result.len() == result_size).then_some(result)
}

/// Each low bit of the instruction says that one byte of offset (4) and length (3) follows.
fn copy(instruction: u8, mut rest: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (mut offset, mut length) = (0_usize, 0_usize);
    for bit in 0..7 {
        if instruction & (1 << bit) == 0 {
            continue;
        }
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if bit < 4 {
            offset |= usize::from(byte) << (8 * bit);
        } else {
            length |= usize::from(byte) << (8 * (bit - 4));
        }
    }
    let length = if length == 0 { 0x1_0000 } else { length };
    Some((offset, length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
        let (base_size, result_size, instructions) = sizes(delta)?;
        assert_eq!(base_size, base.len() as u64);
        apply(base, instructions, usize::try_from(result_size).ok()?)
    }

    #[test]
    fn copies_and_insertions_are_put_together() {
        assert_eq!(
            result(b"hello", b"\x05\x08\x90\x05\x03 yo").unwrap(),
            b"hello yo"
        );
        assert_eq!(result(b"hello", b"\x05\x02\x91\x03\x02").unwrap(), b"lo");
    }

    #[test]
    fn a_length_of_zero_means_64_kib() {
        let base = vec![7; 0x1_0000];
        assert_eq!(
            result(&base, b"\x80\x80\x04\x80\x80\x04\x80").unwrap(),
            base
        );
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        for delta in [
            b"\x05\x08\x90\x06".as_slice(),
            b"\x05\x08\x91\x05\x01",
            b"\x05\x08\x90",
            b"\x05\x08\x03ab",
            b"\x05\x08\x00",
            b"\x05\x08\x90\x05",
            b"\x05\x04\x90\x05",
            b"\x05\x08\x9f\xff\xff\xff\xff\x01",
            b"\x05",
            b"\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(result(b"hello", delta), None, "{delta:?}");
        }
    }
}
