//! What the agent asks of a bundle, a file that holds a part of a repository (gitformat-bundle(5)).
//!
//! The agent sends a [`BundleRequest`], reads one [`crate::Answer::Ready`], and sends the descriptor from which the bundle
//! comes. Then windlass-net tells what its header says, asks for what the pack builds on ([`crate::Answer::Base`]) and is
//! answered with that object or a failure, and sends every object that it holds.

use std::io::Write;

use crate::frame::{Decoder, Encoder};
use crate::{WireError, limits};

/// Asks for what a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRequest {
    /// It has to have come after this long.
    pub timeout_seconds: u64,
}

pub(crate) const TAG_BUNDLE: u8 = 8;

/// Writes one request as one frame. Fails when the writer fails.
pub fn write_bundle(writer: &mut impl Write, request: &BundleRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_BUNDLE);
    encoder.number(request.timeout_seconds);
    encoder.write(writer, crate::download::REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

pub(crate) fn decode_bundle(decoder: &mut Decoder<'_>) -> Result<BundleRequest, WireError> {
    Ok(BundleRequest {
        timeout_seconds: decoder.number("timeout")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Request, read_answer, read_request, write_answer};

    #[test]
    fn what_is_told_of_a_bundle_arrives_as_it_was_written() {
        let request = BundleRequest {
            timeout_seconds: 60,
        };
        let mut bytes = Vec::new();
        write_bundle(&mut bytes, &request).unwrap();
        let read = read_request(&mut bytes.as_slice()).unwrap();
        assert_eq!(read, Request::Bundle(request));
        let name = "refs/heads/main".to_owned();
        let asked = |seconds_ago, shown| Answer::Asked { seconds_ago, shown };
        let answers = [
            Answer::Ready,
            Answer::Prerequisite { oid: [1; 20] },
            Answer::Reference { name, oid: [2; 20] },
            Answer::Base { oid: [3; 20] },
            asked(Some(7), true),
            asked(None, false),
        ];
        for answer in answers {
            let mut bytes = Vec::new();
            write_answer(&mut bytes, &answer).unwrap();
            assert_eq!(read_answer(&mut bytes.as_slice()).unwrap(), answer);
            for end in 0..bytes.len() {
                assert!(read_answer(&mut &bytes[..end]).is_err(), "{answer:?} {end}");
            }
        }
    }
}
