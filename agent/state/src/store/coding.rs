//! How bytes lie in a row: compressed where that saves something.

use std::borrow::Cow;

/// Stored as they are.
const RAW: i64 = 0;

/// LZ4 block format.
const LZ4: i64 = 1;

/// A file in a source may have 64 MiB (`trust` reads no larger one), so no row says more honestly.
pub(super) const SIZE_LIMIT: usize = 64 * 1024 * 1024;

/// Smaller than this, the header of a row weighs more than what could be saved.
const WORTHWHILE: usize = 128;

/// Bytes as they go into a row.
#[derive(Debug)]
pub(super) struct Coded<'a> {
    pub(super) coding: i64,
    pub(super) size: i64,
    pub(super) data: Cow<'a, [u8]>,
}

/// Compresses bytes if that makes them an eighth smaller at least.
pub(super) fn encode(bytes: &[u8]) -> Coded<'_> {
    let length = bytes.len();
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    if length >= WORTHWHILE {
        let compressed = lz4_flex::block::compress(bytes);
        if compressed.len() + length / 8 <= length {
            return Coded {
                coding: LZ4,
                size,
                data: Cow::Owned(compressed),
            };
        }
    }
    Coded {
        coding: RAW,
        size,
        data: Cow::Borrowed(bytes),
    }
}

/// Gives the bytes back. A row that cannot be decoded was changed on the disk: its data is then given as it is, and
/// whoever hashes it (everybody does) finds that it is not what it should be.
pub(super) fn decode(coding: i64, size: i64, data: &[u8]) -> Vec<u8> {
    if coding == LZ4
        && let Some(size) = usize::try_from(size)
            .ok()
            .filter(|size| *size <= SIZE_LIMIT)
        && let Ok(bytes) = lz4_flex::block::decompress(data, size)
        && bytes.len() == size
    {
        return bytes;
    }
    data.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_text_becomes_smaller() {
        let text = "apiVersion: v1\nkind: ConfigMap\n".repeat(50).into_bytes();
        let noise: Vec<u8> = (0..5000_u32)
            .map(|index| (index.wrapping_mul(2_654_435_761) >> 23) as u8)
            .collect();
        for bytes in [Vec::new(), b"x".to_vec(), text.clone(), noise] {
            let coded = encode(&bytes);
            assert!(coded.data.len() <= bytes.len());
            assert_eq!(decode(coded.coding, coded.size, &coded.data), bytes);
        }
        assert!(encode(&text).data.len() < text.len() / 4);
    }

    #[test]
    fn damaged_rows_give_other_bytes_and_never_fail() {
        let text = "apiVersion: v1\nkind: ConfigMap\n".repeat(50).into_bytes();
        let coded = encode(&text);
        for position in 0..coded.data.len() {
            let mut data = coded.data.to_vec();
            data[position] ^= 0xff;
            assert_ne!(decode(coded.coding, coded.size, &data), text, "{position}");
        }
        assert_ne!(decode(coded.coding, i64::MAX, &coded.data), text);
        assert_ne!(decode(coded.coding, -1, &coded.data), text);
        assert_ne!(decode(7, coded.size, &coded.data), text);
    }
}
